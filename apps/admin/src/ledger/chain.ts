/** From a signed head to the master key: the head by the log key, the log key by the master key. */
import { taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import { decodeBase32 } from '@florin/encoding';
import { type ExportedEvent, type Head, InvalidNote, NoteVerifier } from '@florin/event-store';
import { orderMessages } from '@florin/signing';
import { AdminError } from '../running.js';

const { eddsa } = taler(serverPrimitives);

export interface Chain {
  readonly head: Head;
  /** Base32. */
  readonly logPub: string;
  readonly masterPub: string;
}

/**
 * Checks a head by what the ledger says about its keys.
 * @param keysEvents those of the `keys` stream that name the master key and the log key, or all of them
 * @param masterPub whom the caller trusts; without it the ledger's own word is taken
 * @throws AdminError saying which link does not hold
 */
export function checkChain(note: string, keysEvents: readonly ExportedEvent[], masterPub?: string): Chain {
  const configured = keysEvents.findLast(({ type }) => type === 'ExchangeConfigured');
  const named = configured?.data.masterPub;
  if (typeof named !== 'string') throw new AdminError('the ledger does not name its master key');
  if (masterPub !== undefined && masterPub !== named) {
    throw new AdminError(`the ledger belongs to the master key ${named}, not to ${masterPub}`);
  }
  for (const { type, data } of keysEvents) {
    if (type !== 'LogKeyOffered') continue;
    const { logPub, start, masterSignature } = data as { logPub: string; start: number; masterSignature: string };
    const master = decodeBase32(named, 32);
    const { master_sig: message } = orderMessages({ kind: 'log-key', logPub, start }, master);
    if (!message || !eddsa.verify(message, decodeBase32(masterSignature, 64), master)) {
      throw new AdminError(`the log key ${logPub} is not signed by the master key ${named}`);
    }
    const head = opened(note, logPub);
    if (head) return { head, logPub, masterPub: named };
  }
  throw new AdminError('the head is not signed by a log key that the master key vouches for');
}

/** Undefined if another key signed it. */
function opened(note: string, logPub: string): Head | undefined {
  const [origin = ''] = note.split('\n', 1);
  try {
    return new NoteVerifier(origin, decodeBase32(logPub, 32)).open(note);
  } catch (error) {
    if (error instanceof InvalidNote) return undefined;
    throw error;
  }
}
