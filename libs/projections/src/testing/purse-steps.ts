/** Test support: what may happen to coins and purses, drawn at random and made through the deciders. */
import {
  type CoinPub,
  type Contract,
  type DepositPlan,
  decideCreate,
  decideDeposit,
  decideMerge,
  decidePurseDelete,
  decidePurseExpire,
  decidePurseRequest,
  nextRefund,
  type OfferedDeposit,
  type PursePub,
  type Receiver,
  type ReservePub,
  type StreamAddition,
  type Streams,
} from '@florin/domain';
import { UNITS_PER_VALUE } from '@florin/encoding';
import type { Transaction } from '@florin/event-store';
import fc from 'fast-check';
import { bytesOf, denominationAt } from './labels.js';

export const PURSES = 12;
export const COINS = 8;

export type PurseStep =
  | { readonly do: 'pay'; readonly purse: number; readonly coins: readonly number[]; readonly contract: boolean }
  | { readonly do: 'request'; readonly purse: number; readonly reserve: number }
  | { readonly do: 'merge'; readonly purse: number; readonly reserve: number }
  | { readonly do: 'end'; readonly purse: number; readonly how: 'expire' | 'delete' }
  | { readonly do: 'refund'; readonly purse: number; readonly coinsMax: number }
  | { readonly do: 'give-back'; readonly coin: number };

const as = fc.constant;
const purse = fc.nat(PURSES - 1);
const reserve = fc.nat(4);
const coins = fc.uniqueArray(fc.nat(COINS - 1), { minLength: 1, maxLength: 4 });

/** With their weights, for the list of all steps. */
export const PURSE_STEPS = [
  { weight: 10, arbitrary: fc.record({ do: as('pay'), purse, coins, contract: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: as('request'), purse, reserve }) },
  { weight: 4, arbitrary: fc.record({ do: as('merge'), purse, reserve }) },
  { weight: 4, arbitrary: fc.record({ do: as('end'), purse, how: fc.constantFrom('expire', 'delete') }) },
  { weight: 4, arbitrary: fc.record({ do: as('refund'), purse, coinsMax: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ do: as('give-back'), coin: fc.nat(COINS - 1) }) },
] satisfies { weight: number; arbitrary: fc.Arbitrary<PurseStep> }[];

export const purseAt = (place: number): PursePub => bytesOf(`purse ${place}`, 32);
export const coinAt = (place: number): CoinPub => bytesOf(`coin ${place}`, 32);
export const contractAt = (place: number): Contract => ({
  econtract: bytesOf(`econtract ${place}`, 50),
  econtractHash: bytesOf(`econtract hash ${place}`, 64),
  contractPub: bytesOf(`contract ${place}`, 32),
  econtractSignature: bytesOf(`contract signature ${place}`, 64),
});

const FEE = 1n;
const LIFE_S = 20 * 86_400;

/** The world in which a step happens. */
export interface Surroundings {
  readonly tx: Transaction;
  readonly streams: Streams;
  readonly now: number;
  readonly reserveAt: (place: number) => ReservePub;
  readonly delays: Pick<Receiver, 'closingDelayS' | 'legalDelayS'>;
}

/** What a step adds; nothing if the state of things does not allow it. */
export async function purseStep(around: Surroundings, step: PurseStep): Promise<StreamAddition[] | undefined> {
  const { tx, streams, now, reserveAt, delays } = around;
  if (step.do === 'give-back') return giveBack(around, step.coin);
  const pursePub = purseAt(step.purse);
  const stream = streams.purse(pursePub);
  const state = await tx.load(stream);
  const about = { pursePub, exchangeBaseUrl: 'https://exchange.example/', now, keysRevision: 4 };
  const receiving = async (reservePub: ReservePub): Promise<Receiver> => {
    return { reserve: await tx.load(streams.reserve(reservePub)), ...delays };
  };
  const terms = state.terms ?? {
    target: UNITS_PER_VALUE,
    minAge: step.purse,
    expiresAt: now + LIFE_S,
    contractTermsHash: bytesOf<Contract['econtractHash']>(`terms ${step.purse}`, 64),
    mergePub: bytesOf<never>(`merge ${step.purse}`, 32),
  };
  const signed = {
    exchangeTimestamp: now,
    exchangeSignature: bytesOf<Contract['econtractSignature']>(`signed ${now}`, 64),
    exchangePub: bytesOf<never>('signing key', 32),
  };
  const mergeInto = (place: number) => ({
    reservePub: reserveAt(place),
    paytoUri: `payto://taler-reserve/${place}`,
    mergeTimestamp: now,
    mergeSignature: bytesOf<Contract['econtractSignature']>(`merged ${place}`, 64),
  });
  const reserveSignature = bytesOf<Contract['econtractSignature']>(`agreed ${step.purse}`, 64);

  switch (step.do) {
    case 'pay': {
      const loaded = await Promise.all(step.coins.map((place) => tx.load(streams.coin(coinAt(place)))));
      const coinOf = (coinPub: CoinPub) => loaded[step.coins.findIndex((place) => coinAt(place) === coinPub)] as never;
      const deposits = step.coins.map((place) => offered(place, step.purse));
      const receiver = state.request && (await receiving(state.request.reservePub));
      const contract = step.contract ? contractAt(step.purse) : undefined;
      const request = { ...about, terms, purseSignature: reserveSignature, contract, deposits, receiver };
      const decision =
        step.contract || !state.terms ? decideCreate(state, coinOf, request) : decideDeposit(state, coinOf, request);
      return decision.kind === 'accept' ? deposited(decision.value) : undefined;
    }
    case 'request': {
      const reservePub = reserveAt(step.reserve);
      const requesting = await tx.load(streams.reserve(reservePub));
      const request = { ...mergeInto(step.reserve), paidFrom: 'fee' as const, purseFee: FEE, reserveSignature };
      const demand = { ...about, terms, purseSignature: reserveSignature, contract: undefined, request, purseLimit: 2 };
      const decision = decidePurseRequest(state, requesting, demand);
      if (decision.kind !== 'accept' || !decision.value.reserve) return undefined;
      const event = decision.value.reserve({ ...signed, totalDeposited: 0n });
      return [stream.append(decision.value.purse), streams.reserve(reservePub).appendSigned(event)];
    }
    case 'merge': {
      const merge = mergeInto(step.reserve);
      const receiver = await receiving(merge.reservePub);
      const decision = decideMerge(state, { ...about, merge, reserveSignature, receiver });
      if (decision.kind !== 'accept') return undefined;
      const account = streams.account(bytesOf(`account of reserve ${step.reserve}`, 32));
      await tx.load(account);
      const { reservePub } = merge;
      return [
        account.append({ type: 'ReceiptCounted', reservePub, pursePub, amount: decision.value.credited, at: now }),
        stream.append(decision.value.purse),
        streams.reserve(reservePub).appendSigned(decision.value.reserve({ confirmation: signed })),
      ];
    }
    case 'end': {
      if (step.how === 'expire') {
        const expired = decidePurseExpire(state, now);
        return expired && [stream.append(expired)];
      }
      const decision = decidePurseDelete(state, { pursePub, purseSignature: reserveSignature, now });
      if (decision.kind !== 'accept') return undefined;
      const { purse: deleted, reserve: freed } = decision.value;
      const requester = state.request && streams.reserve(state.request.reservePub);
      if (requester) await tx.load(requester);
      return [stream.append(deleted), ...(requester && freed ? [requester.append(freed)] : [])];
    }
    case 'refund': {
      const refund = nextRefund(state, { pursePub, now, coinsMax: step.coinsMax });
      if (!refund) return undefined;
      await Promise.all(refund.coins.map(({ coinPub }) => tx.load(streams.coin(coinPub))));
      const refunded = refund.coins.map(({ coinPub, event }) => streams.coin(coinPub).append(event));
      return [...refunded, stream.append(refund.purse)];
    }
  }

  function deposited(plan: DepositPlan): StreamAddition[] {
    const paid = plan.coins.map(({ coinPub, event }) => streams.coin(coinPub).append(event));
    const confirmation = { ...signed, totalDeposited: plan.total };
    if (!plan.merge) return [...paid, stream.append(...plan.purse(plan.earlier ? undefined : confirmation))];
    const event = plan.merge.reserve({ confirmation: signed, depositConfirmation: confirmation });
    const { reservePub } = plan.merge.purse;
    return [...paid, stream.append(...plan.purse()), streams.reserve(reservePub).appendSigned(event)];
  }
}

const VALUE = 4n * UNITS_PER_VALUE;
const firstSight = (place: number) => ({
  /** As many as are offered: see `DENOMINATIONS`. */
  denominationHash: denominationAt(place % 4),
  value: VALUE,
  denominationSignature: { cipher: 'RSA', signature: bytesOf<never>(`coin signature ${place}`, 32) } as const,
  ...(place % 2 === 0 && { ageCommitmentHash: bytesOf<never>(`age of coin ${place}`, 32) }),
});

const offered = (place: number, ofPurse: number): OfferedDeposit => ({
  coinPub: coinAt(place),
  ...firstSight(place),
  amount: UNITS_PER_VALUE / 2n + BigInt(place),
  depositFee: FEE,
  coinSignature: bytesOf(`coin ${place} pays purse ${ofPurse}`, 64),
});

/** What a recoup does to the coin; of its reserve other steps tell. */
async function giveBack({ tx, streams, now, reserveAt }: Surroundings, place: number) {
  const stream = streams.coin(coinAt(place));
  const { known, residual } = await tx.load(stream);
  if (known && residual === 0n) return undefined;
  return [
    stream.append({
      type: 'CoinRecouped',
      ...(!known && { firstSight: firstSight(place) }),
      reservePub: reserveAt(0),
      envelopeHash: bytesOf(`envelope ${place}`, 64),
      blindingSecret: bytesOf(`blinding ${place}`, 32),
      coinSignature: bytesOf(`recoup ${place}`, 64),
      amount: known ? residual : VALUE,
      at: now,
      keysRevision: 4,
    }),
  ];
}
