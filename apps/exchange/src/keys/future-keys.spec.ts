import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type EddsaSignature, type KeyBook, type KeysEvent, keyBook } from '@florin/domain';
import { encodeBase32 } from '@florin/encoding';
import { KeyFolder, Signers } from '@florin/signing';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfig } from '../config/config.js';
import { SystemClock } from '../runtime/clock.js';
import type { Config } from '../runtime/tokens.js';
import { FutureKeys } from './future-keys.js';
import { keyEvent } from './key-events.js';
import { KeyPlans } from './key-plans.js';

const DEVELOPMENT = fileURLToPath(new URL('../../config/development.yaml', import.meta.url));
const masterSignature = encodeBase32(new Uint8Array(64)) as EddsaSignature;
const path = mkdtempSync(join(tmpdir(), 'florin-future-'));
const nothing = (): KeyBook => keyBook.initial();

/** Moves on as it is told. */
class MovedClock extends SystemClock {
  aheadSeconds = 0;
  override now = (): number => super.now() + this.aheadSeconds;
}

let folder: KeyFolder;
let signers: Signers;
const clock = new MovedClock();

/** Two denominations of Clause-Schnorr, for a fee that tests change. */
function futureKeys(feeWithdraw: bigint): FutureKeys {
  const settings = readConfig(DEVELOPMENT, {});
  const denominations = settings.denominations.filter(({ cipher }) => cipher === 'CS');
  const config = {
    ...settings,
    baseUrl: 'https://exchange.example/',
    denominations: denominations.map((denomination) => ({ ...denomination, feeWithdraw })),
    keySchedule: { ...settings.keySchedule, lookahead: 3600 },
  } satisfies Config;
  const log = pino({ level: 'silent' });
  return new FutureKeys(folder, signers, new KeyPlans(signers, clock, config), clock, log);
}

/** What waits, and which private keys there are. */
async function state(keys: FutureKeys): Promise<{ waiting: string[]; names: string[] }> {
  const names = (await folder.keyNames()).filter((name) => /^(denominations|signing)/.test(name));
  return { waiting: [...(await keys.waiting()).keys()], names };
}

beforeAll(async () => {
  folder = await KeyFolder.open(join(path, 'keys'), { development: false });
  signers = await Signers.start({ folder, processes: 1 });
});

afterAll(async () => {
  await signers.close();
  rmSync(path, { recursive: true, force: true });
});

test('keys are made ahead, wait over a restart, fit the configuration, and end', async () => {
  const keys = futureKeys(1n);
  await keys.round(nothing());
  const made = await state(keys);
  expect(made.waiting).toHaveLength(3);
  expect(made.names).toHaveLength(3);

  const restarted = futureKeys(1n);
  await restarted.round(nothing());
  expect(await state(restarted)).toEqual(made);

  const dearer = futureKeys(2n);
  await dearer.round(nothing());
  const replaced = await state(dearer);
  expect(replaced.waiting).toHaveLength(3);
  expect(replaced.waiting.filter((key) => made.waiting.includes(key))).toHaveLength(1); // the signing key has no fee
  expect(replaced.names).toHaveLength(3);
  const fees = [...(await dearer.waiting()).values()].flatMap((order) =>
    'fees' in order ? order.fees.withdraw.units : [],
  );
  expect(fees).toEqual([2n, 2n]);

  clock.aheadSeconds = 60 * 86_400;
  await dearer.round(nothing());
  const later = await state(dearer);
  expect(later.waiting).toHaveLength(3);
  expect(later.names.filter((name) => replaced.names.includes(name))).toEqual([]);
});

test('what is offered waits no longer, and its private key stays', async () => {
  const keys = futureKeys(2n);
  await keys.round(nothing());
  const before = await state(keys);
  const context = { at: clock.now(), accountOf: (uri: string) => uri };
  const events = [...(await keys.waiting()).values()].map(
    (order): KeysEvent => keyEvent(order, { master_sig: masterSignature }, context),
  );
  await keys.round(events.reduce(keyBook.evolve, keyBook.initial()));
  expect(await state(keys)).toEqual({ waiting: [], names: before.names });
});
