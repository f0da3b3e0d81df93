import { expect } from 'vitest';
import type { Decider, Decision } from '../decision.js';

/** `given(...history).when(decide).thenRefused(...)`: folds the history and compares what a decision on it answers. */
export const specification =
  <State, Event>({ initial, evolve }: Decider<State, Event>) =>
  (...history: readonly Event[]) => ({
    when<Value, Refusal, Earlier>(decide: (state: State) => Decision<Value, Refusal, Earlier>) {
      const decision = decide(history.reduce(evolve, initial()));
      return {
        thenAccepted: (value: Value) => expect(decision).toStrictEqual({ kind: 'accept', value }),
        thenRepeated: (earlier: Earlier) => expect(decision).toStrictEqual({ kind: 'repeat', earlier }),
        thenRefused: (refusal: Refusal) => expect(decision).toStrictEqual({ kind: 'refuse', refusal }),
      };
    },

    /** For what is asked of a state without being a decision. */
    ask: <Answer>(question: (state: State) => Answer): Answer => question(history.reduce(evolve, initial())),

    /** The history cannot have happened. */
    thenImpossible: (message: RegExp | string) =>
      expect(() => history.reduce(evolve, initial())).toThrow(
        expect.objectContaining({ name: 'InvariantError', message: expect.stringMatching(message) }),
      ),
  });
