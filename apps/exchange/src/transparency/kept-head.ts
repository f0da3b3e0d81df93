/**
 * The newest signed head is kept in the key folder as well, outside of what is restored from a backup of the ledger: a
 * ledger that ends before it, or went another way, has forgotten what was acknowledged.
 */
import { join } from 'node:path';
import { type Head, InvalidNote, parseCheckpoint, verifyConsistency } from '@florin/event-store';
import { KEPT_HEAD, type KeyFolder } from '@florin/signing';
import type { Log } from '../runtime/tokens.js';

const KEEP_EVERY_MS = 1_000;

/** The ledger as it lies on the disk. */
interface FoundLedger {
  head(): Head;
  consistencyProof(from: number, to: number): Promise<Uint8Array[]>;
}

/** @returns what is wrong and what to do about it, in a sentence; undefined if the ledger goes on from the kept head */
export async function goneBack(folder: KeyFolder, ledger: FoundLedger): Promise<string | undefined> {
  const note = await folder.keptHead();
  if (note === undefined) return undefined;
  const found = ledger.head();
  const file = join(folder.path, KEPT_HEAD);
  const advice =
    'Put the newer ledger back. If it is lost for good, read "A ledger that went back" in docs/operators.md before ' +
    `${file} is moved away and the exchange started`;
  const kept = headIn(note);
  if (!kept) return `${file} holds no head of a ledger; move it away if nobody knows why`;
  if (kept.size === 0) return undefined;
  if (kept.size > found.size) {
    const missing = kept.size - found.size;
    return (
      `the ledger has gone back: it ends after ${found.size} events, and ${file} is a head that the exchange signed ` +
      `over ${kept.size}. ${missing} events that were acknowledged are missing. ${advice}`
    );
  }
  const proof = await ledger.consistencyProof(kept.size, found.size);
  const sizes = { from: kept.size, fromRoot: kept.root, to: found.size, toRoot: found.root };
  if (verifyConsistency(proof, sizes)) return undefined;
  return (
    `the ledger went another way: its first ${kept.size} events are not those of the head in ${file}, which the ` +
    `exchange signed. ${advice}`
  );
}

function headIn(note: string): Head | undefined {
  try {
    return parseCheckpoint(note);
  } catch (error) {
    if (error instanceof InvalidNote) return undefined;
    throw error;
  }
}

/** Keeps the newest head within a second. @returns ends it, with the newest one kept */
export function keepHeads(folder: KeyFolder, ledger: Pick<FoundLedger, 'head'>, log: Log): () => Promise<void> {
  let kept: number | undefined;
  let keeping: Promise<void> | undefined;
  const keep = async (): Promise<void> => {
    const { size, note } = ledger.head();
    if (size === kept) return;
    try {
      await folder.keepHead(note);
      kept = size;
    } catch (error) {
      // As on a full disk: the ledger says so louder. It is tried again.
      log.warn({ reason: error instanceof Error ? error.message : String(error) }, 'the newest head was not kept');
    }
  };
  const round = (): Promise<void> => {
    keeping ??= keep().finally(() => {
      keeping = undefined;
    });
    return keeping;
  };
  const timer = setInterval(() => void round(), KEEP_EVERY_MS);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await keeping;
    await round();
  };
}
