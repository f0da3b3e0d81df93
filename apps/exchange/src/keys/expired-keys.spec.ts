import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EddsaPub, EddsaSignature, KeyBook, KeysEvent } from '@florin/domain';
import { keyBook } from '@florin/domain';
import { encodeBase32, parseAmount } from '@florin/encoding';
import { type DenominationOrder, KeyFolder, Signers } from '@florin/signing';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Clock } from '../runtime/clock.js';
import { ExpiredKeys } from './expired-keys.js';
import { keyEvent } from './key-events.js';

const DAY = 86_400;
/** Coins are withdrawn until day 10 and spent until day 20. */
const stamps = { start: 0, expireWithdraw: 10 * DAY, expireDeposit: 20 * DAY, expireLegal: 30 * DAY };
const fee = parseAmount('EUR:0');
const masterSignature = encodeBase32(new Uint8Array(64)) as EddsaSignature;

/** Stands where it is put. */
class FixedClock extends Clock {
  day = 0;
  suspect: string | undefined;
  now = (): number => this.day * DAY;
  nowUs = (): number => this.now() * 1e6;
  suspicion = (): string | undefined => this.suspect;
  trust(): void {
    this.suspect = undefined;
  }
}

const path = mkdtempSync(join(tmpdir(), 'florin-expired-'));
const clock = new FixedClock();
let folder: KeyFolder;
let signers: Signers;
let expired: ExpiredKeys;

beforeAll(async () => {
  folder = await KeyFolder.open(join(path, 'keys'), { development: true });
  signers = await Signers.start({ folder, processes: 1 });
  expired = new ExpiredKeys(folder, signers, clock, pino({ level: 'silent' }));
});

afterAll(async () => {
  await signers.close();
  rmSync(path, { recursive: true, force: true });
});

/** A denomination of each cipher, an online key and the log key, made and offered. */
async function offeredKeys(): Promise<{ names: Record<'rsa' | 'cs' | 'online' | 'log', string>; events: KeysEvent[] }> {
  const rsa = await signers.generate({ kind: 'denomination', cipher: 'RSA', bits: 1024, ageMask: 0 });
  const cs = await signers.generate({ kind: 'denomination', cipher: 'CS', ageMask: 0 });
  const online = await signers.generate({ kind: 'signing' });
  const log = await signers.generate({ kind: 'log' });
  const context = { at: 0, accountOf: (uri: string) => uri };
  const fees = { withdraw: fee, deposit: fee, refresh: fee, refund: fee };
  const denomination = (pub: DenominationOrder['pub']): KeysEvent => {
    const order = { kind: 'denomination', pub, value: parseAmount('EUR:1'), fees, ...stamps } as const;
    return keyEvent(order, { master_sig: masterSignature }, context);
  };
  const key = { kind: 'signing-key', exchangePub: encodeBase32(online.pub), start: 0, expire: 5 * DAY, end: 50 * DAY };
  const events = [
    denomination(rsa.pub),
    denomination(cs.pub),
    keyEvent(key as typeof key & { kind: 'signing-key' }, { master_sig: masterSignature }, context),
  ];
  return { names: { rsa: rsa.name, cs: cs.name, online: online.name, log: log.name }, events };
}

const bookOf = (events: readonly KeysEvent[]): KeyBook => events.reduce(keyBook.evolve, keyBook.initial());

/** Which of the keys still have a file, once what is expired on that day was destroyed. */
async function leftOn(day: number, book: KeyBook, names: Readonly<Record<string, string>>): Promise<string[]> {
  clock.day = day;
  await expired.destroy(book);
  const files = await folder.keyNames();
  const held = signers.publicKeys().map(({ name }) => name);
  for (const name of Object.values(names)) expect(held.includes(name)).toBe(files.includes(name));
  return Object.keys(names).filter((which) => files.includes(names[which] ?? ''));
}

test('keys are destroyed a day after the last thing that needs them, and the log key never', async () => {
  const { names, events } = await offeredKeys();
  const book = bookOf(events);
  expect(await leftOn(5.9, book, names)).toEqual(['rsa', 'cs', 'online', 'log']);
  expect(await leftOn(6, book, names)).toEqual(['rsa', 'cs', 'log']);
  expect(await leftOn(10.9, book, names)).toEqual(['rsa', 'cs', 'log']);
  expect(await leftOn(11, book, names)).toEqual(['cs', 'log']);
  expect(await leftOn(20.9, book, names)).toEqual(['cs', 'log']);
  expect(await leftOn(21, book, names)).toEqual(['log']);
  expect(await leftOn(1000, book, names)).toEqual(['log']);
});

test('of what was revoked, only a Clause-Schnorr key is needed still: it derives R for recoups', async () => {
  const { names, events } = await offeredKeys();
  const revocations = events.flatMap((event): KeysEvent[] => {
    if (event.type === 'DenominationOffered') {
      return [{ type: 'DenominationRevoked', denominationHash: event.denominationHash, masterSignature, at: 2 * DAY }];
    }
    if (event.type !== 'SigningKeyOffered') return [];
    return [{ type: 'SigningKeyRevoked', exchangePub: event.exchangePub as EddsaPub, masterSignature, at: 2 * DAY }];
  });
  const book = bookOf([...events, ...revocations]);
  expect(await leftOn(2, book, names)).toEqual(['cs', 'log']);
  expect(await leftOn(20.9, book, names)).toEqual(['cs', 'log']);
  expect(await leftOn(21, book, names)).toEqual(['log']);
});

test('nothing is destroyed while the clock is suspect, nor what the ledger does not know', async () => {
  const { names, events } = await offeredKeys();
  clock.suspect = 'it jumped';
  expect(await leftOn(100, bookOf(events), names)).toEqual(['rsa', 'cs', 'online', 'log']);
  clock.trust();
  expect(await leftOn(100, bookOf([]), names)).toEqual(['rsa', 'cs', 'online', 'log']);
  expect(await leftOn(100, bookOf(events), names)).toEqual(['log']);
});
