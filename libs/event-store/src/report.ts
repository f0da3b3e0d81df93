/** What a store tells its operator; everything but `scrubbed` deserves attention. */
export type StoreReport =
  /** Events that no head covered were found at start and removed: a crash came before their acknowledgement. */
  | { readonly kind: 'tail-cut'; readonly fromIndex: number; readonly events: number }
  /** The log key could not sign; it is asked again. Embedded, commits wait; on EventStoreDB only the head does. */
  | { readonly kind: 'signing-failed'; readonly message: string }
  /** Something stored is not what was committed. The store serves nothing any more. */
  | { readonly kind: 'damaged'; readonly message: string }
  /** The disk failed, or a thread died: nobody knows what is durable, and the process is about to end. */
  | { readonly kind: 'failed'; readonly message: string }
  /** Somebody had a lease stream deleted for ever. No work is lost: all nodes go on with the next one. */
  | { readonly kind: 'lease-deleted'; readonly stream: string; readonly next: string }
  /** A scrub found the first `events` events to be what was committed. */
  | { readonly kind: 'scrubbed'; readonly events: number };
