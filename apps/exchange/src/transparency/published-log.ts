/** What is told to everybody about the tree over the committed events: its signed heads, and proofs that lead there. */
import { type Head, type Position, type RecordedEvent, type SqliteStore, START } from '@florin/event-store';

/** What can be looked up in a tree. */
export interface LogProofs extends Pick<SqliteStore, 'inclusionProof' | 'consistencyProof'> {
  /** How many events it has: no proof is about more. */
  readonly size: number;
  /** Where an event stands in the whole ledger; undefined as long as the tree does not have it. */
  indexOf(event: RecordedEvent): Promise<number | undefined>;
}

export interface PublishedLog {
  /** Names the log in its heads. */
  readonly origin: string;
  /** The log key, 32 bytes. */
  readonly logPub: Uint8Array;
  /** What an auditor shows to get the events. */
  readonly feedCredential: string;
  /** The newest signed head; undefined before the first. */
  head(): Head | undefined;
  /** A position behind which the unit of event `index` comes, at once where the store can tell. */
  positionBefore(index: number): Promise<Position>;
  /** Undefined where the store keeps no tree that it can look into. */
  readonly proofs: LogProofs | undefined;
}
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: what Nest injects by type needs a class of that name
export abstract class PublishedLog {}

/** For an exchange whose store signs no heads. */
export const NOTHING_PUBLISHED: PublishedLog = {
  origin: '',
  logPub: new Uint8Array(32),
  feedCredential: '',
  head: () => undefined,
  positionBefore: async () => START,
  proofs: undefined,
};
