import fc from 'fast-check';
import { expect, test } from 'vitest';
import { expectConserved, play } from './testing/bookkeeping.js';
import { anyCommands } from './testing/commands.js';

test('money is neither made nor lost, and streams fold to what lives, in long lives', () => {
  fc.assert(
    fc.property(anyCommands(600), (commands) => {
      const world = play(commands, () => undefined);
      expectConserved(world);
      for (const [name, stream] of world.touched) {
        const events = world.stored.get(name) ?? [];
        const folded = events.map((event) => stream.decode(event)).reduce(stream.evolve, stream.initial());
        expect(folded).toStrictEqual(world.states.get(name));
      }
    }),
    { numRuns: 3_000 },
  );
});
