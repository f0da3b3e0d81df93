/** What is told of a ledger: the embedded store looks into its own tree, for others this node keeps one. */
import { join } from 'node:path';
import { type EsdbStore, type SqliteStore, TreeIndex } from '@florin/event-store';
import { keptCredential } from '../http/bearer.js';
import type { PublishedLog } from './published-log.js';

export interface LogSurroundings {
  readonly origin: string;
  readonly logPub: Uint8Array;
  /** The data folder of this node. */
  readonly data: string;
  /** Told if the tree of this node can follow the ledger no more. */
  readonly onFault: (error: Error) => void;
}

export function publishLog(
  store: SqliteStore | EsdbStore,
  { origin, logPub, data, onFault }: LogSurroundings,
): PublishedLog & { close(): Promise<void> } {
  const named = { origin, logPub, feedCredential: keptCredential(join(data, 'auditor-credential')) };
  const head = () => store.head();
  if ('inclusionProof' in store) {
    return {
      ...named,
      head,
      positionBefore: (index) => store.positionBefore(index),
      proofs: {
        get size() {
          return store.head().size;
        },
        indexOf: async (event) => event.index,
        inclusionProof: (index, size) => store.inclusionProof(index, size),
        consistencyProof: (from, to) => store.consistencyProof(from, to),
      },
      close: async () => undefined,
    };
  }
  const proofs = new TreeIndex({ path: join(data, 'log-tree.db'), store, head, onFault });
  return {
    ...named,
    head,
    positionBefore: (index) => proofs.positionBefore(index),
    proofs,
    close: () => proofs.close(),
  };
}
