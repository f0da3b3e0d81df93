/**
 * A long honest history for the auditor's speed and memory: sums, dates and order are right, signatures are noise
 * (then it is audited without them) or good. Customers fund a reserve, withdraw, pay by purses, delete some, and close.
 */
import type { SourceEvent, Stretch } from '@florin/auditor';
import { encodeBase32, type MessageFields, type MessageName, reservePayto } from '@florin/encoding';
import { compareStreams } from '@florin/event-store';
import { deriveRequestUid, deriveWtid } from '@florin/wire';
import { oracle, wallet } from '../e2e/support/oracle.js';
import { bytes, type EndlessCoin, type EndlessKey, EndlessKeys, money } from './endless-keys.js';
import {
  BASE_URL,
  CLOSING_DELAY,
  CLOSING_FEE,
  DEPOSIT_FEE,
  FEE,
  KEYS_REVISION,
  LEGAL_DELAY,
  METHOD,
  termsOf,
  VALUE,
} from './endless-terms.js';
import { type Data, textOf } from './insider.js';

const START = 1_700_000_000;

export type Item = readonly [stream: string, type: string, data: Data];

interface Purse {
  readonly key: EndlessKey;
  readonly merge: EndlessKey;
  /** Units, without fees. */
  readonly total: bigint;
  readonly terms: Data;
  readonly unit: Item[];
}

export class Endless {
  private made = 0;
  now = START;
  private row = 0;
  private readonly numbers = new Map<string, number>();
  /** Streams that are over; their numbers need not be kept. */
  private over: string[] = [];
  readonly keys: EndlessKeys;
  readonly master: EndlessKey;
  readonly signingKey: EndlessKey;
  /** Signs the heads of whoever keeps this history. */
  readonly logKey: EndlessKey;

  constructor({ signed = false }: { readonly signed?: boolean } = {}) {
    this.keys = new EndlessKeys(signed);
    [this.master, this.signingKey, this.logKey] = [this.keys.key(), this.keys.key(), this.keys.key(true)];
  }

  /** Stretches of about two thousand events, until there are `count`. */
  async *stretches(count: number): AsyncGenerator<Stretch> {
    let items: SourceEvent[] = this.unit(termsOf(this));
    while (this.made < count) {
      for (const unit of this.customer()) items.push(...this.unit(unit));
      for (const stream of this.over.splice(0)) this.numbers.delete(stream);
      if (items.length < 2_000) continue;
      yield { items };
      items = [];
    }
    yield { items };
  }

  /** What one customer does, unit by unit. */
  private *customer(): Generator<Item[]> {
    const { keys } = this;
    const owner = keys.key();
    const reserve = owner.pub;
    const [originHash, originAccount, sealedOrigin] = [keys.noise(32), keys.noise(32), keys.noise(80)];
    const stream = `endless.reserve-${reserve}`;
    const funded = 5n * VALUE;
    this.row += 1;
    const dates = (at: number) => ({ expiresAt: at + CLOSING_DELAY, collectableAt: at + LEGAL_DELAY });
    const origin = { originHash, originAccount, sealedOrigin, bankTime: this.tick() };
    const credit = { amount: textOf(funded), ...origin, at: this.now };
    const row = String(this.row);
    yield [
      ['endless.wire-main', 'CreditBooked', { row, kind: 'reserve', subjectPub: reserve, ...credit }],
      [stream, 'ReserveFunded', { ...credit, wireAccount: 'main', bankRow: row, ...dates(this.now) }],
    ];
    const made = Array.from({ length: 4 }, () => keys.coin());
    const coins = made.map(({ planchet, envelopeHash, blindSignature }) => {
      const reserveSignature = keys.sign(owner, 'WithdrawRequest', () => {
        const hashes = { hDenominationPub: bytes(keys.denominationHash), hCoinEnvelope: bytes(envelopeHash) };
        return { amountWithFee: money(VALUE + FEE), ...hashes };
      });
      const price = { value: textOf(VALUE), fee: textOf(FEE) };
      const { denominationHash } = keys;
      return { denominationHash, planchet, envelopeHash, ...price, reserveSignature, blindSignature };
    });
    const at = this.tick();
    const cost = textOf(4n * (VALUE + FEE));
    const withdrawn = {
      coins,
      cost,
      commitment: keys.commitment(made),
      at,
      keysRevision: KEYS_REVISION,
      collectableAt: at + LEGAL_DELAY,
    };
    yield [[stream, 'CoinsWithdrawn', withdrawn]];
    const merged = this.purse(made.slice(0, 2));
    yield merged.unit;
    yield this.merge(merged, owner);
    const deleted = this.purse(made.slice(2));
    yield deleted.unit;
    const purse = `endless.purse-${deleted.key.pub}`;
    yield [
      [purse, 'PurseDeleted', { purseSignature: keys.sign(deleted.key, 'PurseDelete', () => ({})), at: this.tick() }],
    ];
    const back = made.slice(2).map(({ key }) => ({ coinPub: key.pub, amount: textOf(VALUE) }));
    yield [
      ...back.map(({ coinPub, amount }): Item => {
        return [
          `endless.coin-${coinPub}`,
          'CoinRefundedFromPurse',
          { pursePub: deleted.key.pub, amount, at: this.now },
        ];
      }),
      [purse, 'PurseCoinsRefunded', { coins: back, at: this.now }],
    ];
    const balance = funded - 4n * (VALUE + FEE) + 2n * (VALUE - DEPOSIT_FEE);
    const target = { targetHash: originHash, targetAccount: originAccount, sealedTarget: sealedOrigin };
    const closed = this.close(owner, balance, target);
    yield closed;
    const confirmed = { bankRow: row, bankTime: this.now, at: this.tick() };
    yield closed.slice(0, 1).map(([order]): Item => [order, 'TransferConfirmed', confirmed]);
    const spent = made.map(({ key }) => `endless.coin-${key.pub}`);
    this.over.push(stream, purse, `endless.purse-${merged.key.pub}`, ...spent);
  }

  private purse(paying: readonly EndlessCoin[]): Purse {
    const { keys } = this;
    const [key, merge] = [keys.key(), keys.key()];
    const { denominationHash } = keys;
    const at = this.tick();
    const total = BigInt(paying.length) * (VALUE - DEPOSIT_FEE);
    const contractTermsHash = keys.noise(64);
    const terms = { target: textOf(total), minAge: 0, expiresAt: at + 3_600, contractTermsHash, mergePub: merge.pub };
    const signed = { purseExpiration: terms.expiresAt, hContractTerms: bytes(contractTermsHash) };
    const when = { exchangeBaseUrl: BASE_URL, at, keysRevision: KEYS_REVISION };
    const paid = { amount: textOf(VALUE), depositFee: textOf(DEPOSIT_FEE) };
    const deposits = paying.map((coin) => {
      const coinSignature = keys.sign(coin.key, 'PurseDeposit', () => ({
        coinAmount: money(VALUE),
        hDenomPub: bytes(denominationHash),
        hAgeCommitment: undefined,
        pursePub: bytes(key.pub),
        hExchangeBaseUrl: wallet.hash.text(BASE_URL),
      }));
      return { coinPub: coin.key.pub, denominationHash, ...paid, coinSignature };
    });
    const confirmation = this.confirmed(at, 'PurseCreateDepositConfirmation', () => {
      const amounts = { amountWithoutFee: money(total), totalDeposited: money(total) };
      return { exchangeTime: at, ...signed, ...amounts, pursePub: bytes(key.pub) };
    });
    const coins = paying.map(({ key: coin, signature: denominationSignature }, place): Item => {
      const { coinSignature } = deposits[place] as (typeof deposits)[number];
      const firstSight = { denominationHash, value: textOf(VALUE), denominationSignature };
      const spent = { firstSight, pursePub: key.pub, ...paid, coinSignature, ...when };
      return [`endless.coin-${coin.pub}`, 'CoinSpentIntoPurse', spent];
    });
    const purseSignature = keys.sign(key, 'PurseCreate', () => {
      return { ...signed, purseAmount: money(total), mergePub: bytes(merge.pub), minAge: 0 };
    });
    const answered = { ...confirmation, totalDeposited: terms.target };
    const created = { ...terms, purseSignature, deposits, confirmation: answered, ...when };
    return { key, merge, total, terms, unit: [...coins, [`endless.purse-${key.pub}`, 'PurseCreated', created]] };
  }

  private merge({ key, merge, total, terms }: Purse, reserve: EndlessKey): Item[] {
    const { keys } = this;
    const at = this.tick();
    const [pursePub, reservePub] = [bytes(key.pub), bytes(reserve.pub)];
    const paytoUri = reservePayto(BASE_URL, reservePub);
    const mergeSignature = keys.sign(merge, 'PurseMerge', () => {
      return { mergeTimestamp: at, pursePub, hPayto: wallet.hash.normalizedPayto(paytoUri) };
    });
    const moved = { credited: terms.target, excess: textOf(0n), depositFees: textOf(2n * DEPOSIT_FEE) };
    const merged = { reservePub: reserve.pub, paytoUri, mergeTimestamp: at, mergeSignature, ...moved, at };
    const { expiresAt: purseExpiresAt, ...agreed } = terms;
    const signed = { purseExpiration: purseExpiresAt, hContractTerms: bytes(terms.contractTermsHash), pursePub };
    const reserveSignature = keys.sign(reserve, 'AccountMerge', () => {
      const amounts = { purseAmount: money(total), purseFee: money(0n) };
      return { ...signed, ...amounts, mergeTimestamp: at, minAge: 0, flags: 1 };
    });
    const confirmation = this.confirmed(at, 'PurseMergedConfirmation', () => {
      const hProviderUrl = wallet.hash.text(BASE_URL);
      return { exchangeTime: at, ...signed, amountWithoutFee: money(total), reservePub, hProviderUrl };
    });
    const inReserve = {
      pursePub: key.pub,
      ...agreed,
      purseExpiresAt,
      mergeTimestamp: at,
      paidFrom: 'merge',
      purseFee: textOf(0n),
      reserveSignature,
      exchangeBaseUrl: BASE_URL,
      confirmation,
      at,
      keysRevision: KEYS_REVISION,
      expiresAt: at + CLOSING_DELAY,
      collectableAt: at + LEGAL_DELAY,
    };
    return [
      [`endless.purse-${key.pub}`, 'PurseMerged', merged],
      [`endless.reserve-${reserve.pub}`, 'PurseMergedIntoReserve', inReserve],
    ];
  }

  private close({ pub: reserve, ...rest }: EndlessKey, balance: bigint, target: Data): Item[] {
    const at = this.tick();
    const origin = { reservePub: bytes(reserve), closing: 1, attempt: 1 };
    const { sha512 } = oracle.hash;
    const requestUid = encodeBase32(deriveRequestUid(origin, sha512));
    const wtid = encodeBase32(deriveWtid(origin, sha512));
    const wireAmount = textOf(balance - CLOSING_FEE);
    const order = { requestUid, wtid, amount: wireAmount, exchangeBaseUrl: BASE_URL, wireAccount: 'main', ...target };
    const reserveSignature = this.keys.sign({ pub: reserve, ...rest }, 'ReserveClose', () => {
      return { requestTimestamp: at, targetAccountHPayto: undefined };
    });
    const closed = {
      closing: 1,
      cause: 'request',
      requestTimestamp: at,
      reserveSignature,
      ...target,
      wireMethod: METHOD,
      debited: textOf(balance),
      closingFee: textOf(CLOSING_FEE),
      dust: textOf(0n),
      wireAmount,
      requestUid,
      wtid,
      at,
      keysRevision: KEYS_REVISION,
    };
    this.over.push(`endless.transfer-${requestUid}`);
    return [
      [
        `endless.transfer-${requestUid}`,
        'TransferRequested',
        { ...order, reservePub: reserve, closing: 1, attempt: 1, at },
      ],
      [`endless.reserve-${reserve}`, 'ReserveClosed', closed],
    ];
  }

  private confirmed<Name extends MessageName>(at: number, name: Name, fields: () => MessageFields<Name>): Data {
    const exchangeSignature = this.keys.sign(this.signingKey, name, fields);
    return { exchangeTimestamp: at, exchangeSignature, exchangePub: this.signingKey.pub };
  }

  private unit(items: readonly Item[]): SourceEvent[] {
    const unitFirst = this.made;
    const sorted = [...items].sort(([one], [other]) => compareStreams(one, other));
    return sorted.map(([stream, type, data]) => {
      const number = this.numbers.get(stream) ?? 0;
      this.numbers.set(stream, number + 1);
      const index = this.made;
      this.made += 1;
      const text = JSON.stringify(data);
      return { index, unitFirst, stream, number, type, version: 1, writtenAtUs: this.now * 1e6, text };
    });
  }

  private tick(): number {
    this.now += 1;
    return this.now;
  }
}
