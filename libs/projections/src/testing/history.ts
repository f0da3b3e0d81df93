/**
 * Test support: a ledger's history made step by step through the deciders. The bytes of keys and signatures are derived
 * from labels, for read models look at none of them; amounts, times and order are what the deciders allow.
 */
import {
  type AccountHash,
  accept,
  type Closing,
  type CoinPub,
  decideClose,
  decideExpire,
  decideWithdraw,
  type EddsaPub,
  type EddsaSignature,
  type EnvelopeHash,
  EventCodec,
  type EventsByCategory,
  exists,
  extended,
  type FullPaytoHash,
  type HashCode,
  legitimizationNeeded,
  type OfferedDenomination,
  type ReserveEvent,
  type ReservePub,
  refuse,
  type SealedUri,
  type StreamAddition,
  Streams,
  type TransferEvent,
  type WithdrawCommitment,
  type Wtid,
} from '@florin/domain';
import { UNITS_PER_VALUE } from '@florin/encoding';
import { type Committed, type EventStore, Ledger, type Transaction } from '@florin/event-store';
import { accountAt, bytesOf, denominationAt, reserveAt } from './labels.js';
import { purseStep } from './purse-steps.js';
import { DENOMINATIONS, type Step, type StepOf } from './steps.js';

export const CURRENCY = 'EUR';
/** What a step adds; nothing if the state of things does not allow it. */
type Outcome = StreamAddition[] | undefined;

const DAY = 86_400;
const DELAYS = { closingDelayS: 28 * DAY, legalDelayS: 7 * 365 * DAY };
const CLOSE = { closingFee: UNITS_PER_VALUE / 5n, roundUnit: UNITS_PER_VALUE / 100n };
const LIMIT = { rule: 'WITHDRAW', threshold: 25n * UNITS_PER_VALUE, windowS: 30 * DAY } as const;

export class History {
  readonly streams = new Streams('florin', new EventCodec(CURRENCY));
  readonly ledger: Ledger;
  /** Every transfer requested so far. */
  readonly transfers: HashCode[] = [];
  readonly denominations: OfferedDenomination[] = [];
  /** Seconds since 1970. */
  now = 1_700_000_000;
  private readonly envelopeBytes: number;
  private labels = 0;

  /** @param envelopeBytes size of blinded envelopes and blind signatures: 256 has the weight of RSA-2048 */
  constructor(store: EventStore, { envelopeBytes = 8 } = {}) {
    this.ledger = new Ledger(store);
    this.envelopeBytes = envelopeBytes;
  }

  /** Offers denominations of 1, 2, 4, ... with a fee of a hundredth. */
  async begin(): Promise<Committed | undefined> {
    for (let place = 0; place < DENOMINATIONS; place += 1) this.denominations.push(this.offer(place));
    return this.act(async (tx) => {
      await tx.load(this.streams.keys());
      return [this.streams.keys().append(...this.denominations)];
    });
  }

  /** @returns what was committed; nothing if the state of things does not allow the step */
  async step(step: Step): Promise<Committed | undefined> {
    this.now += 1;
    return this.act((tx) => this.outcome(tx, step));
  }

  private async act(work: (tx: Transaction) => Promise<Outcome>): Promise<Committed | undefined> {
    const { committed } = await this.ledger.transact(['everything'], async (tx) => {
      const additions = await work(tx);
      if (!additions) return refuse('impossible');
      tx.append(...additions);
      return accept('done');
    });
    return committed;
  }

  private async outcome(tx: Transaction, step: Step): Promise<Outcome> {
    switch (step.do) {
      case 'fund':
        return this.fund(tx, step);
      case 'withdraw':
        return this.withdraw(tx, step);
      case 'close':
        return this.close(tx, step);
      case 'expire':
        return this.expire(tx, step);
      case 'recoup':
        return this.recoup(tx, step);
      case 'settle':
        return this.settle(tx, step);
      case 'decide':
        return this.decide(tx, step);
      case 'own':
        return this.own(tx, step);
      case 'book':
        return this.book(tx, step);
      case 'revoke':
        return this.revoke(tx, step);
      case 'wait':
        this.now += step.seconds;
        return undefined;
      default:
        return purseStep({ tx, streams: this.streams, now: this.now, reserveAt, delays: DELAYS }, step);
    }
  }

  private async fund(tx: Transaction, { reserve, units }: StepOf<'fund'>): Promise<Outcome> {
    const { name, state } = await this.reserve(tx, reserve);
    const wire = this.streams.wire('main');
    const row = (await tx.load(wire)).lastRow + 1n;
    const credit = { amount: units, bankTime: this.now, at: this.now, sealedOrigin: this.bytes<SealedUri>(40) };
    const origin = { originHash: this.bytes<FullPaytoHash>(32), originAccount: accountAt(reserve) };
    const subjectPub = name as string as EddsaPub;
    const dates = extended(state, { now: this.now, ...DELAYS });
    const funded = {
      type: 'ReserveFunded',
      wireAccount: 'main',
      bankRow: row,
      ...credit,
      ...origin,
      ...dates,
    } as const;
    return [
      wire.append({ type: 'CreditBooked', row, kind: 'reserve', subjectPub, ...credit, ...origin }),
      this.streams.reserve(name).append(funded),
    ];
  }

  private async withdraw(tx: Transaction, { reserve, denominations }: StepOf<'withdraw'>): Promise<Outcome> {
    const { name, state } = await this.reserve(tx, reserve);
    const coins = denominations.map((place) => this.coin(place));
    const cost = coins.reduce((sum, { value, fee }) => sum + value + fee, 0n);
    if (decideWithdraw(state, { cost, maximumAge: undefined }).kind !== 'accept') return undefined;
    const accountHash = accountAt(reserve);
    const account = this.streams.account(accountHash);
    const needed = legitimizationNeeded(await tx.load(account), LIMIT, { now: this.now, amount: cost });
    if (needed) {
      if (!needed.isNew) return undefined;
      const { requirement, amount } = needed;
      const about = { requirement, rule: LIMIT.rule, amount, reservePub: name, sealedUri: this.bytes<SealedUri>(40) };
      return [account.append({ type: 'LegitimizationRequired', ...about, at: this.now })];
    }
    const withdrawn = { coins, cost, commitment: this.bytes<WithdrawCommitment>(64), at: this.now, keysRevision: 4 };
    const collectableAt = Math.max(state.collectableAt, this.now + DELAYS.legalDelayS);
    return [
      account.append({ type: 'WithdrawalCounted', reservePub: name, amount: cost, at: this.now }),
      this.streams.reserve(name).appendSigned({ type: 'CoinsWithdrawn', ...withdrawn, collectableAt }),
    ];
  }

  private async close(tx: Transaction, { reserve, elsewhere }: StepOf<'close'>): Promise<Outcome> {
    const { name, state } = await this.reserve(tx, reserve);
    if (!exists(state) || !state.origin) return undefined;
    const designated = elsewhere ? { designatedHash: this.bytes<FullPaytoHash>(32) } : {};
    const request = { requestTimestamp: this.now, ...designated, reserveSignature: this.bytes<EddsaSignature>(64) };
    const closing = decideClose(state, CLOSE);
    if (closing) return this.pay(tx, name, { closing, cause: { cause: 'request', ...request } });
    const stays = { balance: state.balance, closingFee: CLOSE.closingFee, at: this.now, keysRevision: 4 };
    return [this.streams.reserve(name).append({ type: 'CloseRequested', ...request, ...stays })];
  }

  private async expire(tx: Transaction, { reserve }: StepOf<'expire'>): Promise<Outcome> {
    const { name, state } = await this.reserve(tx, reserve);
    const closing = decideExpire(state, { now: this.now, ...CLOSE });
    return closing && this.pay(tx, name, { closing, cause: { cause: 'expiration' } });
  }

  private async pay(
    tx: Transaction,
    reservePub: ReservePub,
    { closing, cause }: { closing: Closing; cause: Pick<Closed, 'cause' | 'requestTimestamp' | 'designatedHash'> },
  ): Promise<Outcome> {
    const target = this.target();
    const paid = closing.wireAmount > 0n && { requestUid: this.bytes<HashCode>(64), wtid: this.bytes<Wtid>(32) };
    const when = { wireMethod: 'x-taler-bank', at: this.now, keysRevision: 4 };
    const closed = { type: 'ReserveClosed', ...cause, ...closing, ...target, ...(paid || {}), ...when } as const;
    const reserve = this.streams.reserve(reservePub).append(closed);
    if (!paid) return [reserve];
    const order = { amount: closing.wireAmount, reservePub, closing: closing.closing, attempt: 1 };
    return [await this.order(tx, { ...paid, ...target, ...order }), reserve];
  }

  private async recoup(tx: Transaction, { reserve, coins: count }: StepOf<'recoup'>): Promise<Outcome> {
    const { name, state } = await this.reserve(tx, reserve);
    const coins = [...state.withdrawn.keys()].slice(0, count).map((envelopeHash) => {
      return {
        envelopeHash,
        coinPub: this.bytes<CoinPub>(32),
        amount: BigInt(envelopeHash.charCodeAt(0)),
      };
    });
    if (coins.length === 0) return undefined;
    const amount = coins.reduce((sum, coin) => sum + coin.amount, 0n);
    const dates = extended(state, { now: this.now, ...DELAYS });
    const recouped = { type: 'CoinsRecouped', coins, amount, at: this.now, keysRevision: 4, ...dates } as const;
    return [this.streams.reserve(name).append(recouped)];
  }

  private async settle(tx: Transaction, { transfer: place, how }: StepOf<'settle'>): Promise<Outcome> {
    const requestUid = this.transfers[place % Math.max(this.transfers.length, 1)];
    if (!requestUid) return undefined;
    const stream = this.streams.transfer(requestUid);
    const { order, status } = await tx.load(stream);
    if (!order || status !== (how === 'confirm' || how === 'reject' ? 'requested' : 'rejected')) return undefined;
    const at = this.now;
    if (how === 'confirm') {
      return [stream.append({ type: 'TransferConfirmed', bankRow: 2n ** 64n - BigInt(at), bankTime: at, at })];
    }
    if (how === 'reject') return [stream.append({ type: 'TransferRejected', reason: 'no such account', at })];
    const target = how === 'redirect' ? this.target() : {};
    const next = { ...order, ...target, requestUid: this.bytes<HashCode>(64), wtid: this.bytes<Wtid>(32) };
    const given = { nextRequestUid: next.requestUid, decidedBy: this.bytes<EddsaPub>(32), reason: 'once more', at };
    const up: TransferEvent =
      how === 'redirect'
        ? { type: 'TransferRedirected', nextTargetHash: next.targetHash, ...given }
        : { type: 'TransferFailed', ...given };
    return [stream.append(up), await this.order(tx, { ...next, attempt: order.attempt + 1 })];
  }

  private async decide(tx: Transaction, { reserve, approved, ages }: StepOf<'decide'>): Promise<Outcome> {
    const stream = this.streams.account(accountAt(reserve));
    const last = (await tx.load(stream)).requirements.at(-1);
    if (!last) return undefined;
    const maximumAges = ages.map((age, place) => ({ from: this.now + ((place * 7) % 5) * DAY, age }));
    const officer = { officerPub: this.bytes<EddsaPub>(32), officerSignature: this.bytes<EddsaSignature>(64) };
    const decision = { requirement: last.requirement, approved, maximumAges, justification: 'seen', ...officer };
    return [stream.append({ type: 'LegitimizationDecided', ...decision, decidedAt: this.now, at: this.now })];
  }

  private async own(tx: Transaction, { reserve }: StepOf<'own'>): Promise<Outcome> {
    const stream = this.streams.account(accountAt(reserve));
    await tx.load(stream);
    const accountPub = this.bytes<EddsaPub>(32);
    return [stream.append({ type: 'AccountOwnerBound', accountPub, wireAccount: 'main', bankRow: 7n, at: this.now })];
  }

  private async book(tx: Transaction, { kind, units }: StepOf<'book'>): Promise<Outcome> {
    const wire = this.streams.wire('second-account');
    const row = (await tx.load(wire)).lastRow + 2n ** 60n;
    const money = units === undefined ? { reason: 'another currency' } : { amount: units };
    return [wire.append({ type: 'CreditBooked', row, kind, ...money, bankTime: this.now, at: this.now })];
  }

  private async revoke(tx: Transaction, { denomination }: StepOf<'revoke'>): Promise<Outcome> {
    const keys = this.streams.keys();
    const { denominationHash } = this.denominations[denomination] as OfferedDenomination;
    if ((await tx.load(keys)).revoked.has(denominationHash)) return undefined;
    const masterSignature = this.bytes<EddsaSignature>(64);
    return [keys.append({ type: 'DenominationRevoked', denominationHash, masterSignature, at: this.now })];
  }

  private async reserve(tx: Transaction, place: number) {
    const name = reserveAt(place);
    return { name, state: await tx.load(this.streams.reserve(name)) };
  }

  private async order(tx: Transaction, order: Omit<Requested, OrderTerms>): Promise<StreamAddition> {
    const stream = this.streams.transfer(order.requestUid);
    await tx.load(stream);
    this.transfers.push(order.requestUid);
    const terms = { exchangeBaseUrl: 'https://exchange.example/', wireAccount: 'main', at: this.now };
    return stream.append({ ...order, type: 'TransferRequested', ...terms });
  }

  private target() {
    const targetHash: FullPaytoHash = this.bytes(32);
    return { targetHash, targetAccount: this.bytes<AccountHash>(32), sealedTarget: this.bytes<SealedUri>(40) };
  }

  private coin(place: number): Withdrawn['coins'][number] {
    const { denominationHash, value, feeWithdraw: fee, key } = this.denominations[place] as OfferedDenomination;
    const signed = { envelopeHash: this.bytes<EnvelopeHash>(64), reserveSignature: this.bytes<EddsaSignature>(64) };
    const coin = { denominationHash, value, fee, ...signed };
    if (key.cipher === 'CS') {
      return {
        ...coin,
        planchet: { cipher: 'CS', c0: this.bytes(32), c1: this.bytes(32), nonce: this.bytes(32) },
        blindSignature: { cipher: 'CS', b: 1, s: this.bytes(32) },
      };
    }
    return {
      ...coin,
      planchet: { cipher: 'RSA', blinded: this.bytes(this.envelopeBytes) },
      blindSignature: { cipher: 'RSA', signature: this.bytes(this.envelopeBytes) },
    };
  }

  private offer(place: number): OfferedDenomination {
    const value = UNITS_PER_VALUE << BigInt(place);
    return {
      type: 'DenominationOffered',
      denominationHash: denominationAt(place),
      key: place % 2 === 0 ? { cipher: 'RSA', rsaPub: this.bytes(256) } : { cipher: 'CS', csPub: this.bytes(32) },
      ageMask: place,
      value,
      feeWithdraw: value / 100n,
      feeDeposit: 1n,
      feeRefresh: 2n,
      feeRefund: 3n,
      start: this.now,
      expireWithdraw: this.now + 7 * DAY,
      expireDeposit: this.now + 700 * DAY,
      expireLegal: this.now + 7_000 * DAY,
      masterSignature: this.bytes(64),
      at: this.now,
    };
  }

  private bytes<Text extends string>(sizeBytes: number): Text {
    this.labels += 1;
    return bytesOf(`${this.labels}`, sizeBytes);
  }
}

type Requested = Extract<EventsByCategory['transfer'], { type: 'TransferRequested' }>;
type OrderTerms = 'type' | 'exchangeBaseUrl' | 'wireAccount' | 'at';
type Closed = Extract<ReserveEvent, { type: 'ReserveClosed' }>;
type Withdrawn = Extract<ReserveEvent, { type: 'CoinsWithdrawn' }>;
