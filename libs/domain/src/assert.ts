/** A broken promise of ours: conservation violated, an event that cannot be. Never a client's fault: status 500. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** For the end of a switch over a closed union. */
export function unreachable(value: never): never {
  throw new InvariantError(`unexpected ${JSON.stringify((value as { type?: unknown } | undefined)?.type)}`);
}
