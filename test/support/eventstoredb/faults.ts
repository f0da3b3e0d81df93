/**
 * What can go wrong with one call. Facts, When things break: an append without an answer may not have been written,
 * may have been, and may still be.
 *
 * Appends: `delay` executes and answers `ms` later; `late-write` gives no answer and executes `ms` later, or when late
 * writes are released; `lost-reply` executes and resets the connection; `lost-request` resets it without executing;
 * `duplicate` executes, answers, and executes the same request once more `ms` later; `drop` does nothing at all.
 *
 * Reads: `delay-read` answers `ms` later; `hang-read` never; `cut-read` resets the connection after `after` events.
 */
export type FaultKind = (typeof appendFaults)[number] | (typeof readFaults)[number];

const appendFaults = ['delay', 'late-write', 'lost-reply', 'lost-request', 'duplicate', 'drop'] as const;
const readFaults = ['delay-read', 'hang-read', 'cut-read'] as const;

export interface Fault {
  readonly kind: FaultKind;
  /** Milliseconds; without it a delay or a duplicate is immediate and a late write waits for its release. */
  readonly ms?: number;
  /** For `cut-read`: events that still arrive. Default 0. */
  readonly after?: number;
  /** How many calls are hit. Default 1; `Infinity` until cleared. */
  readonly times?: number;
  /** Only calls on streams whose name begins so; `$all` is a name. */
  readonly stream?: string;
  /** Chance of each matching call to be hit. Default 1. */
  readonly probability?: number;
}

/** The faults that are switched on, in the order in which they were. */
export class Faults {
  readonly #random: () => number;
  #planned: { readonly fault: Fault; left: number }[] = [];

  constructor(random: () => number) {
    this.#random = random;
  }

  get planned(): readonly Fault[] {
    return this.#planned.map(({ fault, left }) => ({ ...fault, times: left }));
  }

  /** @throws RangeError on a kind that does not exist, for the control port */
  add(fault: Fault): void {
    if (!faultKinds.includes(fault.kind))
      throw new RangeError(`no fault ${fault.kind}; there are ${faultKinds.join(', ')}`);
    this.#planned.push({ fault, left: fault.times ?? 1 });
  }

  clear(): void {
    this.#planned = [];
  }

  /** The first fault that hits this append, used up by it. */
  onAppend(stream: string): Fault | undefined {
    return this.#take(appendFaults, stream);
  }

  onRead(stream: string): Fault | undefined {
    return this.#take(readFaults, stream);
  }

  #take(kinds: readonly FaultKind[], stream: string): Fault | undefined {
    const hit = this.#planned.find(
      ({ fault }) =>
        kinds.includes(fault.kind) &&
        stream.startsWith(fault.stream ?? '') &&
        (fault.probability === undefined || this.#random() < fault.probability),
    );
    if (hit === undefined) return undefined;
    hit.left -= 1;
    if (hit.left <= 0) this.#planned = this.#planned.filter((plan) => plan !== hit);
    return hit.fault;
  }
}

export const faultKinds: readonly FaultKind[] = [...appendFaults, ...readFaults];

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
