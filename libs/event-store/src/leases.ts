/** Work that one node at a time should do. What keeps it from being done twice are the streams, never the lease. */
export interface Leases {
  /**
   * Does the work whenever this process holds the lease of the job, until the signal aborts. Its own signal says when
   * the lease is lost; the work then ends and is begun anew when the lease is got back.
   * @param job lower-case letters, digits and hyphens
   * @throws what the work throws; the lease is given back then, and also when the work ends by itself
   */
  whileHeld(job: string, signal: AbortSignal, work: (held: AbortSignal) => Promise<void>): Promise<void>;
}

/** Of a store that one process has to itself. */
export const soleHolder: Leases = { whileHeld: (_job, signal, work) => work(signal) };
