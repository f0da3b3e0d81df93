import {
  accept,
  type CoinEvent,
  type CoinPub,
  type DenominationHash,
  EventCodec,
  type FirstSight,
  insufficient,
  Streams,
} from '@florin/domain';
import { encodeBase32 } from '@florin/encoding';
import { Ledger, MemoryStore } from '@florin/event-store';
import { expect, test } from 'vitest';
import type { ExchangeSigners } from '../runtime/signers.js';
import type { Config } from '../runtime/tokens.js';
import { CoinHistories } from './history.js';

// The proof in a 409 is the coin as the decision saw it: not as it was before, and not as it is when it is written out.
const bytes = <Type extends string>(fill: number, sizeBytes: number) =>
  encodeBase32(new Uint8Array(sizeBytes).fill(fill)) as Type;
const COIN = bytes<CoinPub>(1, 32);
const DENOMINATION = bytes<DenominationHash>(2, 64);
const FIRST_SIGHT = {
  denominationHash: DENOMINATION,
  value: 100n,
  denominationSignature: { cipher: 'RSA', signature: bytes(3, 128) },
} as FirstSight;

/** The payment of `amount` into purse number `purse`. */
const spent = (purse: number, amount: bigint): CoinEvent => ({
  type: 'CoinSpentIntoPurse',
  ...(purse === 1 && { firstSight: FIRST_SIGHT }),
  pursePub: bytes(purse, 32),
  amount,
  depositFee: 0n,
  coinSignature: bytes(4, 64),
  exchangeBaseUrl: 'http://localhost/',
  at: 1,
  keysRevision: 1,
});

function surroundings() {
  const store = new MemoryStore(() => 0);
  const streams = new Streams('florin', new EventCodec('KUDOS'));
  const stream = streams.coin(COIN);
  // Payments carry no signature of the exchange, so nobody is asked to sign.
  const histories = new CoinHistories(store, streams, {} as ExchangeSigners, { currency: 'KUDOS' } as Config);
  const spend = (ledger: Ledger, event: CoinEvent) =>
    ledger.transact([stream.name], async (tx) => {
      await tx.load(stream);
      tx.append(stream.append(event));
      return accept(undefined);
    });
  /** Refuses what the coin cannot pay. @param meanwhile happens between the decision and its proof, the first time */
  const refuse = (ledger: Ledger, meanwhile: () => Promise<unknown> = async () => undefined) => {
    let tried = 0;
    return ledger.transact([stream.name], async (tx) => {
      const { residual } = await tx.load(stream);
      const refusal = insufficient({ coinPub: COIN, ...FIRST_SIGHT }, residual);
      tried += 1;
      if (tried === 1) await meanwhile();
      return histories.proven(tx, refusal);
    });
  };
  return { store, spend, refuse };
}

const amounts = async (outcome: Awaited<ReturnType<ReturnType<typeof surroundings>['refuse']>>): Promise<unknown> => {
  const { refusal } = outcome;
  if (!('history' in refusal)) return undefined;
  return { residual: 'residual' in refusal && refusal.residual, entries: await refusal.history?.entries() };
};
const entry = (amount: string) => expect.objectContaining({ type: 'PURSE-DEPOSIT', amount });

test('what comes after the decision is not in its proof', async () => {
  const { store, spend, refuse } = surroundings();
  const ledger = new Ledger(store);
  await spend(ledger, spent(1, 60n));
  const outcome = await refuse(ledger);
  await spend(ledger, spent(2, 30n));
  expect(await amounts(outcome)).toEqual({ residual: 40n, entries: [entry('KUDOS:0.0000006')] });
});

test('what comes while it is made makes it be decided again', async () => {
  const { store, spend, refuse } = surroundings();
  const [ledger, other] = [new Ledger(store), new Ledger(store)];
  await spend(ledger, spent(1, 60n));
  const outcome = await refuse(ledger, () => spend(other, spent(2, 30n)));
  const entries = [entry('KUDOS:0.0000003'), entry('KUDOS:0.0000006')];
  expect(await amounts(outcome)).toEqual({ residual: 10n, entries });
});

test('a coin that was never seen has no history', async () => {
  const { store, refuse } = surroundings();
  expect(await amounts(await refuse(new Ledger(store)))).toEqual({ residual: 0n, entries: undefined });
});
