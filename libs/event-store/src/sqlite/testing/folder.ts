/** What the tests of the embedded store share: a log key of their own, folders that go away, a clock. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NewEvent, NO_EVENTS, type Revision, type StreamAppend } from '../../port.js';
import type { StoreReport } from '../../report.js';
import type { SqliteStoreOptions } from '../store.js';

export const ORIGIN = 'exchange.example/test';

/** The same key in every process of a test. */
const PKCS8_PREFIX = '302e020100300506032b657004220420';
const privateKey = createPrivateKey({
  key: Buffer.from(`${PKCS8_PREFIX}${'17'.repeat(32)}`, 'hex'),
  format: 'der',
  type: 'pkcs8',
});

export const LOG_PUB = rawPublic(createPublicKey(privateKey));

export async function signHead(text: Uint8Array): Promise<Uint8Array> {
  return sign(null, text, privateKey);
}

/** Another log key, its public half and its signer. */
export function otherLogKey(): { logPub: Uint8Array; signHead: (text: Uint8Array) => Promise<Uint8Array> } {
  const pair = generateKeyPairSync('ed25519');
  return { logPub: rawPublic(pair.publicKey), signHead: async (text) => sign(null, text, pair.privateKey) };
}

/** Options of a store that collects its reports and, instead of ending the process, reports that too. */
export function testOptions(folder: string): SqliteStoreOptions & { reports: StoreReport[]; aborted: () => boolean } {
  const reports: StoreReport[] = [];
  let aborts = 0;
  let clockUs = 1_700_000_000_000_000;
  return {
    folder,
    origin: ORIGIN,
    logPub: LOG_PUB,
    signHead,
    now: () => clockUs++,
    onReport: (report) => reports.push(report),
    abort: () => {
      aborts += 1;
    },
    reports,
    aborted: () => aborts > 0,
  };
}

export function temporaryFolder(): { folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'florin-events-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A unit of events on some streams of coins, all new unless a revision is given. */
export function noted(key: string, events: number, expected: Revision | typeof NO_EVENTS = NO_EVENTS): StreamAppend {
  const news = Array.from({ length: events }, (_, i): NewEvent => ({ type: 'Noted', version: 1, data: { key, i } }));
  return { stream: `test.coin-${key}`, expected, events: news };
}

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function rawPublic(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ format: 'der', type: 'spki' }).subarray(-32));
}
