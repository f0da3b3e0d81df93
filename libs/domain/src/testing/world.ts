/**
 * A small ledger in memory: streams of stored events, units that commit whole, and the commands of reserves, coins and
 * purses run through the deciders as handlers do. What it commits is stored as JSON and read back before it is folded.
 */
import { createHash } from 'node:crypto';
import { encodeBase32 } from '@florin/encoding';
import { assert } from '../assert.js';
import type { Coin } from '../coin.js';
import type { Decision } from '../decision.js';
import { type Category, EventCodec, type EventsByCategory, type StoredEvent } from '../events/catalogue.js';
import type { CoinPub, DepositConfirmation, EnvelopeHash, PursePub, ReservePub } from '../events/names.js';
import { decidePurseDelete, decidePurseExpire, expirationFault, nextRefund, type PurseTerms } from '../purse.js';
import {
  type DepositPlan,
  type DepositRequest,
  decideCreate,
  decideDeposit,
  type EarlierDeposit,
  earlierCreation,
  type OfferedDeposit,
} from '../purse-deposit.js';
import { decideMerge, decidePurseRequest, isEarlierPurseRequest, type MergeConfirmation } from '../purse-merge.js';
import {
  type DisclosedCoin,
  decideCoinRecoup,
  decideRecoup,
  earlierCoinRecoup,
  isEarlierRecoup,
  type RecoupPlan,
} from '../recoup.js';
import { decideClose, decideExpire, decideWithdraw, earlierWithdrawal, extended, type Reserve } from '../reserve.js';
import { type Stream, type StreamAddition, Streams } from '../streams.js';
import type { Command, Pay } from './commands.js';
import { BASE_URL, contract, mergeOf, presented, TERMS } from './purse-events.js';
import { closed, DELAYS, envelope, FEES, funded, withdrawn } from './reserve-events.js';
import { bytesOf, eur } from './values.js';

const START = 1_000;
const DEPOSIT_FEE = eur('0.02');
const RANK: readonly Category[] = ['coin', 'purse', 'reserve'];

export const reserveAt = (place: number): ReservePub => bytesOf(`reserve ${place}`, 32);
export const purseAt = (place: number): PursePub => bytesOf(`purse ${place}`, 32);
export const coinAt = (place: number): CoinPub => presented(`${place}`).coinPub;

/** What became of a command: the answer a client sees, or why it was refused. */
export interface Outcome {
  readonly kind: 'accept' | 'repeat' | 'refuse';
  readonly answer?: unknown;
  readonly code?: string;
}

export class World {
  readonly streams = new Streams('test', new EventCodec('EUR'));
  readonly stored = new Map<string, StoredEvent[]>();
  readonly states = new Map<string, unknown>();
  /** The streams that something was appended to, to fold them again. */
  readonly touched = new Map<string, Stream<unknown, Category>>();
  /** Every event in the order of its commit, as it was read back. */
  readonly history: { readonly stream: string; readonly event: EventsByCategory[Category] }[] = [];
  private signatures = 0;
  now = START;

  perform(command: Command): Outcome {
    this.now += 1;
    switch (command.do) {
      case 'fund':
        return this.fund(command.reserve, command.units);
      case 'withdraw':
        return this.withdraw(command.reserve, command.coins);
      case 'close':
        return this.close(command.reserve);
      case 'create':
        return this.create(command);
      case 'deposit':
        return this.deposit(command);
      case 'request':
        return this.request(command);
      case 'merge':
        return this.merge(command);
      case 'delete':
        return this.delete(command.purse);
      case 'expire':
        return this.expire(command.purse);
      case 'refund':
        return this.refund(command.purse, command.coins);
      case 'recoup':
        return this.recoup(command);
      case 'recoupCoin':
        return this.recoupCoin(command.reserve, command.coin);
      case 'wait':
        this.now += command.seconds;
        return { kind: 'accept' };
    }
  }

  state<State, C extends Category>(stream: Stream<State, C>): State {
    return (this.states.get(stream.name) as State | undefined) ?? stream.initial();
  }

  /** One unit. What cannot be stored, read or folded, or is signed on the wrong stream, fails the test. */
  private commit(...additions: StreamAddition[]): void {
    const ranks = additions.map(({ stream }) => RANK.indexOf(stream.slice(5, stream.indexOf('-')) as Category));
    const last = Math.max(...ranks);
    additions.forEach(({ stream, commitOnly }, place) => {
      assert(!commitOnly || (ranks[place] === last && ranks.filter((rank) => rank === last).length === 1), stream);
    });
    assert(new Set(additions.map(({ stream }) => stream)).size === additions.length, 'a stream is twice in a unit');
    for (const { stream: name, events } of additions) {
      const stream = this.streamOf(name);
      let state = this.state(stream);
      for (const event of JSON.parse(JSON.stringify(events)) as StoredEvent[]) {
        const read = stream.decode(event);
        state = stream.evolve(state, read);
        this.stored.set(name, [...(this.stored.get(name) ?? []), event]);
        this.history.push({ stream: name, event: read });
      }
      this.states.set(name, state);
      this.touched.set(name, stream);
    }
  }

  private streamOf(name: string): Stream<unknown, Category> {
    const [, category, key] = /^test\.([a-z]+)-(.+)$/.exec(name) ?? [];
    const make = this.streams[category as 'coin' | 'purse' | 'reserve'] as (key?: string) => Stream<unknown, Category>;
    return make(key);
  }

  private readonly coinOf = (pub: CoinPub): Coin => this.state(this.streams.coin(pub));

  private fund(place: number, units: bigint): Outcome {
    const stream = this.streams.reserve(reserveAt(place));
    const dates = extended(this.state(stream), { now: this.now, ...DELAYS });
    this.commit(stream.append({ ...funded(units, { at: this.now }), ...dates }));
    return { kind: 'accept' };
  }

  private withdraw(place: number, coins: readonly number[]): Outcome {
    const stream = this.streams.reserve(reserveAt(place));
    const state = this.state(stream);
    const event = withdrawn(coins.map(String));
    const envelopes = event.coins.map(({ envelopeHash }) => envelopeHash);
    const earlier = earlierWithdrawal(state, envelopes);
    if (earlier.kind !== 'accept') return outcomeOf(earlier, (places) => places.map(({ place }) => place));
    const decision = decideWithdraw(state, { cost: eur('5.01') * BigInt(coins.length), maximumAge: undefined });
    if (decision.kind !== 'accept') return outcomeOf(decision);
    const priced = event.coins.map((coin) => ({ ...coin, value: eur('5'), fee: eur('0.01') }));
    const paid = { coins: priced, cost: eur('5.01') * BigInt(coins.length), at: this.now };
    this.commit(stream.appendSigned({ ...event, ...paid, collectableAt: this.now + DELAYS.legalDelayS }));
    return { kind: 'accept', answer: coins.map((_, place) => place) };
  }

  private close(place: number): Outcome {
    const stream = this.streams.reserve(reserveAt(place));
    const state = this.state(stream);
    const overdue = decideExpire(state, { now: this.now, ...FEES });
    const closing = overdue ?? decideClose(state, FEES);
    if (!closing) return { kind: 'refuse', code: 'NOTHING_TO_CLOSE' };
    const cause = overdue ? ({ cause: 'expiration' } as const) : { requestTimestamp: this.now };
    this.commit(stream.append(closed(closing, { ...cause, at: this.now })));
    return { kind: 'accept' };
  }

  private create({ purse: place, pays, contract: label, minAge }: Extract<Command, { do: 'create' }>): Outcome {
    const { pursePub, stream } = this.purse(place);
    const state = this.state(stream);
    const request = {
      ...this.depositRequest(place, pays),
      terms: termsOf(place, minAge),
      purseSignature: bytesOf<OfferedDeposit['coinSignature']>(`purse signature ${place} ${minAge}`, 64),
      contract: label === undefined ? undefined : contract(label),
    };
    const earlier = earlierCreation(state, request);
    if (earlier.kind !== 'accept') return outcomeOf(earlier, (seen) => this.answerOf(pursePub, seen));
    const fault = expirationFault(request.terms.expiresAt, this.now);
    if (fault) return { kind: 'refuse', code: fault };
    return this.settle(pursePub, decideCreate(state, this.coinOf, request));
  }

  private deposit({ purse: place, pays }: Extract<Command, { do: 'deposit' }>): Outcome {
    const { pursePub, stream } = this.purse(place);
    return this.settle(pursePub, decideDeposit(this.state(stream), this.coinOf, this.depositRequest(place, pays)));
  }

  /** Commits what a deposit does, as a handler would. */
  private settle(
    pursePub: PursePub,
    decision: Decision<DepositPlan, { readonly code: string }, EarlierDeposit>,
  ): Outcome {
    if (decision.kind !== 'accept') return outcomeOf(decision, (seen) => this.answerOf(pursePub, seen));
    const { total, coins, purse, merge, earlier } = decision.value;
    const stream = this.streams.purse(pursePub);
    const spent = coins.map(({ coinPub, event }) => this.streams.coin(coinPub).append(event));
    if (earlier) {
      this.commit(stream.append(...purse()));
      return { kind: 'accept', answer: this.answerOf(pursePub, earlier) };
    }
    const confirmation = this.confirm(total);
    if (merge) {
      const merged = merge.reserve({ confirmation: this.confirmMerge(), depositConfirmation: confirmation });
      const reserve = this.streams.reserve(merge.purse.reservePub);
      this.commit(...spent, stream.append(...purse()), reserve.appendSigned(merged));
    } else {
      this.commit(...spent, stream.appendSigned(...purse(confirmation)));
    }
    return { kind: 'accept', answer: confirmation };
  }

  private request(command: Extract<Command, { do: 'request' }>): Outcome {
    const { pursePub, stream } = this.purse(command.purse);
    const reserve = this.streams.reserve(reserveAt(command.reserve));
    const demand = {
      ...this.circumstances(command.purse),
      terms: termsOf(command.purse, 0),
      purseSignature: bytesOf<OfferedDeposit['coinSignature']>(`purse signature ${command.purse} 0`, 64),
      contract: command.contract === undefined ? undefined : contract(command.contract),
      request: {
        ...mergeAt(command),
        paidFrom: command.paidFrom,
        purseFee: command.paidFrom === 'fee' ? eur('0.1') : 0n,
        reserveSignature: bytesOf<OfferedDeposit['coinSignature']>(`account merge ${command.reserve}`, 64),
      },
      purseLimit: 1,
    };
    const answer = () => this.eventOf(reserve, this.state(reserve).requestedPurses.get(pursePub));
    const state = this.state(stream);
    const fault = expirationFault(demand.terms.expiresAt, this.now);
    if (fault && !isEarlierPurseRequest(state, demand)) return { kind: 'refuse', code: fault };
    const decision = decidePurseRequest(state, this.state(reserve), demand);
    if (decision.kind !== 'accept') return outcomeOf(decision, answer);
    const requested = decision.value.reserve?.(this.confirm(0n));
    if (requested) this.commit(stream.append(decision.value.purse), reserve.appendSigned(requested));
    else this.commit(stream.append(decision.value.purse));
    return { kind: 'accept', answer: answer() };
  }

  private merge(command: Extract<Command, { do: 'merge' }>): Outcome {
    const { pursePub, stream } = this.purse(command.purse);
    const reserve = this.streams.reserve(reserveAt(command.reserve));
    const answer = () => this.eventOf(reserve, this.state(reserve).mergedPurses.get(pursePub));
    const decision = decideMerge(this.state(stream), {
      ...this.circumstances(command.purse),
      merge: mergeAt(command),
      reserveSignature: bytesOf(`account merge ${command.reserve}`, 64),
      receiver: { reserve: this.state(reserve), ...DELAYS },
    });
    if (decision.kind !== 'accept') return outcomeOf(decision, answer);
    const merged = decision.value.reserve({ confirmation: this.confirmMerge() });
    this.commit(stream.append(decision.value.purse), reserve.appendSigned(merged));
    return { kind: 'accept', answer: answer() };
  }

  private delete(place: number): Outcome {
    const { pursePub, stream } = this.purse(place);
    const state = this.state(stream);
    const purseSignature = bytesOf<OfferedDeposit['coinSignature']>(`deletion ${place}`, 64);
    const decision = decidePurseDelete(state, { pursePub, purseSignature, now: this.now });
    if (decision.kind !== 'accept') return outcomeOf(decision);
    const { purse, reserve } = decision.value;
    const owner = state.request && this.streams.reserve(state.request.reservePub);
    this.commit(stream.append(purse), ...(owner && reserve ? [owner.append(reserve)] : []));
    return { kind: 'accept' };
  }

  private expire(place: number): Outcome {
    const { stream } = this.purse(place);
    const event = decidePurseExpire(this.state(stream), this.now);
    if (!event) return { kind: 'refuse', code: 'NOT_OVERDUE' };
    this.commit(stream.append(event));
    return { kind: 'accept' };
  }

  private refund(place: number, coinsMax: number): Outcome {
    const { pursePub, stream } = this.purse(place);
    const refund = nextRefund(this.state(stream), { pursePub, now: this.now, coinsMax });
    if (!refund) return { kind: 'refuse', code: 'NOTHING_TO_REFUND' };
    const coins = refund.coins.map(({ coinPub, event }) => this.streams.coin(coinPub).append(event));
    this.commit(...coins, stream.append(refund.purse));
    return { kind: 'accept' };
  }

  private recoup({ reserve: place, coins, hidden }: Extract<Command, { do: 'recoup' }>): Outcome {
    const stream = this.streams.reserve(reserveAt(place));
    const entries = coins.map((coin): EnvelopeHash | DisclosedCoin =>
      hidden.includes(coin) ? envelope(`${coin}`) : disclosedAt(coin),
    );
    const reserve = this.state(stream);
    if (isEarlierRecoup(reserve, this.coinOf, { reservePub: reserveAt(place), entries })) return { kind: 'repeat' };
    return this.giveBack(stream, decideRecoup(reserve, this.coinOf, { ...this.recoupCircumstances(place), entries }));
  }

  private recoupCoin(place: number, coin: number): Outcome {
    const stream = this.streams.reserve(reserveAt(place));
    const disclosed = disclosedAt(coin);
    const state = this.coinOf(disclosed.coinPub);
    if (earlierCoinRecoup(state, disclosed) === reserveAt(place)) return { kind: 'repeat' };
    const demand = { ...this.recoupCircumstances(place), disclosed };
    return this.giveBack(stream, decideCoinRecoup(this.state(stream), state, demand));
  }

  private giveBack(
    stream: Stream<Reserve, 'reserve'>,
    decision: Decision<RecoupPlan, { readonly code: string }, undefined>,
  ): Outcome {
    if (decision.kind !== 'accept') return outcomeOf(decision);
    const { coins, reserve } = decision.value;
    const spent = coins.map(({ coinPub, event }) => this.streams.coin(coinPub).append(event));
    this.commit(...spent, stream.append(reserve));
    return { kind: 'accept' };
  }

  private purse(place: number) {
    const pursePub = purseAt(place);
    return { pursePub, stream: this.streams.purse(pursePub) };
  }

  private circumstances(place: number) {
    return { pursePub: purseAt(place), exchangeBaseUrl: BASE_URL, now: this.now, keysRevision: 7 };
  }

  private recoupCircumstances(place: number) {
    return { reservePub: reserveAt(place), now: this.now, keysRevision: 7, ...DELAYS };
  }

  private depositRequest(place: number, pays: readonly Pay[]): DepositRequest {
    const { request } = this.state(this.streams.purse(purseAt(place)));
    const reserve = request && this.state(this.streams.reserve(request.reservePub));
    const receiver = reserve && { reserve, ...DELAYS };
    return { ...this.circumstances(place), deposits: pays.map((pay) => offeredAt(place, pay)), receiver };
  }

  /** The answer given earlier, from where it is kept. */
  private answerOf(pursePub: PursePub, { confirmation, mergedInto }: EarlierDeposit): unknown {
    if (confirmation) return confirmation;
    const stream = this.streams.reserve(mergedInto);
    const event = this.eventOf(stream, this.state(stream).mergedPurses.get(pursePub));
    return event?.type === 'PurseMergedIntoReserve' ? event.depositConfirmation : undefined;
  }

  private eventOf(stream: Stream<Reserve, 'reserve'>, number: number | undefined) {
    const stored = number === undefined ? undefined : this.stored.get(stream.name)?.[number];
    return stored && stream.decode(stored);
  }

  private confirm(totalDeposited: bigint): DepositConfirmation {
    return { ...this.confirmMerge(), totalDeposited };
  }

  private confirmMerge(): MergeConfirmation {
    this.signatures += 1;
    const exchangeSignature = bytesOf<MergeConfirmation['exchangeSignature']>(`answer ${this.signatures}`, 64);
    return { exchangeTimestamp: this.now, exchangeSignature, exchangePub: bytesOf('signing key', 32) };
  }
}

function outcomeOf<Earlier>(
  decision: Decision<unknown, { readonly code: string }, Earlier>,
  answer: (earlier: Earlier) => unknown = () => undefined,
): Outcome {
  if (decision.kind === 'repeat') return { kind: 'repeat', answer: answer(decision.earlier) };
  return decision.kind === 'refuse' ? { kind: 'refuse', code: decision.refusal.code } : { kind: 'accept' };
}

/** Purses of different targets that end one after the other. */
const termsOf = (place: number, minAge: number): PurseTerms => ({
  ...TERMS,
  target: BigInt(place + 1) * eur('2'),
  minAge,
  expiresAt: START + 150 * (place + 1),
});

const mergeAt = ({ purse, reserve }: { readonly purse: number; readonly reserve: number }) =>
  mergeOf(`${purse} ${reserve}`, { reservePub: reserveAt(reserve) });

const offeredAt = (purse: number, { coin, amount, minAge = false }: Pay): OfferedDeposit => ({
  ...presented(`${coin}`),
  ...(minAge && { ageCommitmentHash: bytesOf('age commitment', 32) }),
  amount: eur(amount),
  depositFee: DEPOSIT_FEE,
  coinSignature: bytesOf(`coin ${coin} pays ${amount} to purse ${purse}`, 64),
});

const disclosedAt = (coin: number): DisclosedCoin => ({
  ...presented(`${coin}`),
  envelopeHash: envelope(`${coin}`),
  blindingSecret: bytesOf(`blinding secret ${coin}`, 32),
  coinSignature: bytesOf(`recoup ${coin}`, 64),
});

/** A fingerprint of everything that is stored, in order. */
export function fingerprint(world: World): string {
  const hash = createHash('sha256');
  for (const [name, events] of world.stored) hash.update(`${name} ${JSON.stringify(events)}\n`);
  return encodeBase32(hash.digest());
}
