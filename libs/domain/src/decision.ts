/** The three answers of a decider. Exceptions are for faults only. */
export type Decision<Accepted, Refusal, Earlier = never> =
  | Accept<Accepted>
  | Refuse<Refusal>
  | ([Earlier] extends [never] ? never : Repeat<Earlier>);

/** Append what `value` says; nothing has left the process yet. */
export interface Accept<Accepted> {
  readonly kind: 'accept';
  readonly value: Accepted;
}

/** The same request was seen: answer as then, append nothing. */
export interface Repeat<Earlier> {
  readonly kind: 'repeat';
  readonly earlier: Earlier;
}

/** A value of a closed union, one kind per protocol error, with what the proof in the reply needs. */
export interface Refuse<Refusal> {
  readonly kind: 'refuse';
  readonly refusal: Refusal;
}

export const accept = <Accepted>(value: Accepted): Accept<Accepted> => ({ kind: 'accept', value });
export const repeat = <Earlier>(earlier: Earlier): Repeat<Earlier> => ({ kind: 'repeat', earlier });
export const refuse = <Refusal>(refusal: Refusal): Refuse<Refusal> => ({ kind: 'refuse', refusal });

/**
 * How a stream becomes a state. `evolve` never refuses: events are facts, an impossible one means a damaged stream
 * and throws. It may change `state` in place, for the state belongs to one fold: copying would make replay quadratic.
 */
export interface Decider<State, Event> {
  readonly initial: () => State;
  readonly evolve: (state: State, event: Event) => State;
  /** The last event alone gives the state that all of them give: no need to read the others of a long stream. */
  readonly restsOnLast?: boolean;
}
