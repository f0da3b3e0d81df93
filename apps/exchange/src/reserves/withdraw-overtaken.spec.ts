import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import {
  type AccountHash,
  type EddsaSignature,
  EventCodec,
  type FullPaytoHash,
  type Planchet,
  type ReservePub,
  type SealedUri,
  Streams,
} from '@florin/domain';
import { decodeBase32, encodeBase32, message } from '@florin/encoding';
import { Ledger, MemoryStore, NO_EVENTS, type ReadStream } from '@florin/event-store';
import { Views } from '@florin/projections';
import { AccountVault, KeyFolder, Signers, Verifiers } from '@florin/signing';
import { CommandBus } from '@nestjs/cqrs';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { readConfig } from '../config/config.js';
import { createHttpService } from '../http/service.js';
import { MasterTerms } from '../keys/master-terms.js';
import { Offering } from '../keys/offering.js';
import { RevokeDenomination } from '../management/revoke.handler.js';
import { SystemClock } from '../runtime/clock.js';
import { Cryptography } from '../runtime/cryptography.js';
import { KeyRing } from '../runtime/key-ring.js';

const DEVELOPMENT = fileURLToPath(new URL('../../config/development.yaml', import.meta.url));
const FUNDED = 10_00000000n;

type CsPlanchet = Extract<Planchet, { cipher: 'CS' }>;

/** Lets something happen when a session nonce is looked up: after the checks of a withdrawal, before it is signed. */
class InterruptedStore extends MemoryStore {
  interruption: (() => Promise<unknown>) | undefined;

  override async readStream(stream: string, options?: ReadStream) {
    const { interruption } = this;
    if (stream.includes('.nonce-') && interruption) {
      this.interruption = undefined;
      await interruption();
    }
    return super.readStream(stream, options);
  }
}

/** The exchange with one denomination of Clause-Schnorr, and nothing that goes on by itself. */
async function exchangeOn(folder: string) {
  const settings = readConfig(DEVELOPMENT, { FLORIN_DATA: folder });
  const [denomination] = settings.denominations.filter(({ cipher }) => cipher === 'CS');
  if (!denomination) throw new Error('no such denomination is configured');
  const baseUrl = 'https://exchange.example/';
  const config = {
    ...settings,
    baseUrl,
    denominations: [denomination],
    wireAccounts: [{ ...settings.wireAccounts[0], name: 'main', payto: 'payto://x-taler-bank/b/e', gateway: baseUrl }],
    legitimization: { ...settings.legitimization, withdraw: undefined, reserveWithdraw: undefined },
  } as const;
  const keyFolder = await KeyFolder.open(config.keys, { development: true });
  const signers = await Signers.start({ folder: keyFolder, processes: 1 });
  const clock = new SystemClock();
  const store = new InterruptedStore(() => clock.nowUs());
  const path = join(folder, 'views.db');
  const views = await Views.start(store, { path, currency: config.currency, onFault: () => undefined });
  const app = await createHttpService({
    config: config as never,
    log: pino({ level: 'silent' }),
    clock,
    store,
    views,
    signers,
    verifiers: new Verifiers({ threads: 0, inlineMax: Number.POSITIVE_INFINITY }),
    vault: new AccountVault(keyFolder),
    ledger: new Ledger(store),
  });
  await app.init();
  await app.get(Offering).round();
  const book = await app.get(KeyRing).confirm();
  const [offered] = [...book.denominations.values()];
  if (!offered) throw new Error('nothing is offered');
  const close = async (): Promise<void> => {
    await app.get(Offering).round(); // and the one that a revocation began
    await app.close();
    await views.close();
    await signers.close();
    await store.close();
  };
  return { app, store, clock, config, offered, close };
}

test('a withdrawal that a revocation overtakes is refused with 410, and leaves nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'florin-overtaken-'));
  const { app, store, clock, config, offered, close } = await exchangeOn(folder);
  const { denominationHash } = offered;
  const { eddsa } = taler(serverPrimitives);
  const streams = new Streams(config.instance, new EventCodec(config.currency));
  const base32 = <Name extends string>(bytes: Uint8Array): Name => encodeBase32(bytes) as Name;

  const reservePriv = randomBytes(32);
  const reservePub = base32<ReservePub>(eddsa.publicKey(reservePriv));
  const reserve = streams.reserve(reservePub);
  const at = clock.now();
  const funded = reserve.append({
    type: 'ReserveFunded',
    amount: FUNDED,
    wireAccount: 'main',
    bankRow: 1n,
    bankTime: at,
    originHash: base32<FullPaytoHash>(randomBytes(32)),
    originAccount: base32<AccountHash>(randomBytes(32)),
    sealedOrigin: base32<SealedUri>(randomBytes(80)),
    at,
    expiresAt: at + 3_600,
    collectableAt: at + 7_200,
  });
  await store.commit([{ ...funded, expected: NO_EVENTS } as never]);

  const scalar = (value: number): string => base32(Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? value : 0)));
  const planchet = { cipher: 'CS', c0: scalar(1), c1: scalar(2), nonce: base32(randomBytes(32)) } as CsPlanchet;
  const envelopeHash = app.get(Cryptography).envelopeHash(denominationHash, planchet);
  const signed = message('WithdrawRequest', {
    amountWithFee: { currency: config.currency, units: offered.value + offered.feeWithdraw },
    hDenominationPub: decodeBase32(denominationHash, 64),
    hCoinEnvelope: decodeBase32(envelopeHash, 64),
  });
  const reserveSignature = base32<EddsaSignature>(eddsa.sign(signed, reservePriv));
  const order = { kind: 'denomination-revocation', denominationHash } as const;
  const { master_sig } = await app.get(MasterTerms).developmentSignatures(order);
  let revoked: unknown;
  store.interruption = async () => {
    const command = new RevokeDenomination(denominationHash, master_sig as EddsaSignature);
    revoked = await app.get(CommandBus).execute(command);
  };
  const { c0, c1, nonce } = planchet;
  const reply = await app.inject({
    method: 'POST',
    url: `/reserves/${reservePub}/withdraw`,
    payload: {
      denom_pub_hash: denominationHash,
      coin_ev: { cipher: 'CS', cs_nonce: nonce, cs_blinded_c0: c0, cs_blinded_c1: c1 },
      reserve_sig: reserveSignature,
    },
  });
  expect(revoked).toMatchObject({ kind: 'accept' });
  expect({ status: reply.statusCode, code: reply.json().code }).toEqual({ status: 410, code: 1010 });
  expect((await store.readStream(reserve.name)).events.map(({ type }) => type)).toEqual(['ReserveFunded']);
  await close();
  rmSync(folder, { recursive: true, force: true });
});
