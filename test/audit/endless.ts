/**
 * A long honest history for the auditor's speed and memory: sums, dates and order are right, signatures are noise, so
 * it is audited without them. Customers fund a reserve, withdraw, pay by purses, delete some, and close.
 */
import { createHash, generateKeyPairSync } from 'node:crypto';
import type { SourceEvent, Stretch } from '@florin/auditor';
import { encodeRsaPub } from '@florin/crypto';
import { decodeBase32, encodeBase32 } from '@florin/encoding';
import { deriveRequestUid, deriveWtid } from '@florin/wire';
import { oracle } from '../e2e/support/oracle.js';
import { type Data, textOf } from './insider.js';

const CENT = 1_000_000n;
const [VALUE, FEE, DEPOSIT_FEE, CLOSING_FEE] = [100n * CENT, CENT, CENT, 5n * CENT];
const [CLOSING_DELAY, LEGAL_DELAY] = [28 * 86_400, 7 * 365 * 86_400];
const START = 1_700_000_000;
/** Size of what is blinded and of its signature, as with keys of 2048 bits. */
const RSA_BYTES = 256;
const BASE_URL = 'https://exchange.example/';

type Item = readonly [stream: string, type: string, data: Data];

export class Endless {
  private made = 0;
  private drawn = 0;
  private now = START;
  private row = 0;
  private readonly numbers = new Map<string, number>();
  /** Streams that are over; their numbers need not be kept. */
  private over: string[] = [];
  private readonly blob = this.bytes(RSA_BYTES);
  private readonly rsaPub = newKey();
  private readonly denominationHash = hashOf(this.rsaPub);
  private readonly signingKey = this.bytes(32);

  /** Stretches of about two thousand events, until there are `count`. */
  async *stretches(count: number): AsyncGenerator<Stretch> {
    let items: SourceEvent[] = this.unit(this.keys());
    while (this.made < count) {
      for (const unit of this.customer()) items.push(...this.unit(unit));
      for (const stream of this.over.splice(0)) this.numbers.delete(stream);
      if (items.length < 2_000) continue;
      yield { items };
      items = [];
    }
    yield { items };
  }

  private keys(): Item[] {
    const at = this.now;
    const masterSignature = this.bytes(64);
    const forever = { start: 0, end: 4_000_000_000, masterSignature, at };
    const stamps = {
      start: 0,
      expireWithdraw: 4_000_000_000,
      expireDeposit: 4_000_000_001,
      expireLegal: 4_000_000_002,
    };
    const fees = {
      feeWithdraw: textOf(FEE),
      feeDeposit: textOf(DEPOSIT_FEE),
      feeRefresh: textOf(0n),
      feeRefund: textOf(0n),
    };
    const events: [string, Data][] = [
      [
        'ExchangeConfigured',
        {
          masterPub: this.bytes(32),
          currency: 'KUDOS',
          baseUrl: BASE_URL,
          roundUnit: textOf(CENT),
          reserveClosingDelayS: CLOSING_DELAY,
          legalDelayS: LEGAL_DELAY,
          at,
        },
      ],
      ['SigningKeyOffered', { exchangePub: this.signingKey, expire: 4_000_000_000, ...forever }],
      ['WireFeesSet', { method: 'x-taler-bank', wireFee: textOf(0n), closingFee: textOf(CLOSING_FEE), ...forever }],
      [
        'GlobalFeesSet',
        {
          historyFee: textOf(0n),
          accountFee: textOf(0n),
          purseFee: textOf(0n),
          purseTimeoutUs: 1,
          historyExpirationUs: 1,
          purseAccountLimit: 5,
          ...forever,
        },
      ],
      [
        'DenominationOffered',
        {
          denominationHash: this.denominationHash,
          key: { cipher: 'RSA', rsaPub: encodeBase32(this.rsaPub) },
          ageMask: 0,
          value: textOf(VALUE),
          ...fees,
          ...stamps,
          masterSignature,
          at,
        },
      ],
    ];
    return events.map(([type, data]) => ['endless.keys', type, data]);
  }

  /** What one customer does, unit by unit. */
  private *customer(): Generator<Item[]> {
    const reserve = this.bytes(32);
    const [originHash, originAccount, sealedOrigin] = [this.bytes(32), this.bytes(32), this.bytes(80)];
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
    const coins = Array.from({ length: 4 }, () => ({
      denominationHash: this.denominationHash,
      planchet: { cipher: 'RSA', blinded: this.blob },
      envelopeHash: this.bytes(64),
      value: textOf(VALUE),
      fee: textOf(FEE),
      reserveSignature: this.bytes(64),
      blindSignature: { cipher: 'RSA', signature: this.blob },
    }));
    const at = this.tick();
    const cost = textOf(4n * (VALUE + FEE));
    const withdrawn = { coins, cost, commitment: this.bytes(64), at, keysRevision: 5, collectableAt: at + LEGAL_DELAY };
    yield [[stream, 'CoinsWithdrawn', withdrawn]];
    const pubs = coins.map(() => this.bytes(32));
    const merged = this.purse(pubs.slice(0, 2));
    yield merged.unit;
    yield this.merge(merged, reserve);
    const deleted = this.purse(pubs.slice(2));
    yield deleted.unit;
    const purse = `endless.purse-${deleted.pub}`;
    yield [[purse, 'PurseDeleted', { purseSignature: this.bytes(64), at: this.tick() }]];
    const back = pubs.slice(2).map((coinPub) => ({ coinPub, amount: textOf(VALUE) }));
    yield [
      ...back.map(({ coinPub, amount }): Item => {
        return [`endless.coin-${coinPub}`, 'CoinRefundedFromPurse', { pursePub: deleted.pub, amount, at: this.now }];
      }),
      [purse, 'PurseCoinsRefunded', { coins: back, at: this.now }],
    ];
    const balance = funded - 4n * (VALUE + FEE) + 2n * (VALUE - DEPOSIT_FEE);
    const target = { targetHash: originHash, targetAccount: originAccount, sealedTarget: sealedOrigin };
    const closed = this.close(reserve, balance, target);
    yield closed;
    const confirmed = { bankRow: row, bankTime: this.now, at: this.tick() };
    yield closed.slice(0, 1).map(([order]): Item => [order, 'TransferConfirmed', confirmed]);
    this.over.push(stream, purse, `endless.purse-${merged.pub}`, ...pubs.map((pub) => `endless.coin-${pub}`));
  }

  private purse(pubs: readonly string[]): { pub: string; terms: Data; unit: Item[] } {
    const pub = this.bytes(32);
    const at = this.tick();
    const terms = {
      target: textOf(BigInt(pubs.length) * (VALUE - DEPOSIT_FEE)),
      minAge: 0,
      expiresAt: at + 3_600,
      contractTermsHash: this.bytes(64),
      mergePub: this.bytes(32),
    };
    const when = { exchangeBaseUrl: BASE_URL, at, keysRevision: 5 };
    const paid = { amount: textOf(VALUE), depositFee: textOf(DEPOSIT_FEE) };
    const deposits = pubs.map((coinPub) => {
      return { coinPub, denominationHash: this.denominationHash, ...paid, coinSignature: this.bytes(64) };
    });
    const confirmation = this.confirmed(at, { totalDeposited: terms.target });
    const firstSight = {
      denominationHash: this.denominationHash,
      value: textOf(VALUE),
      denominationSignature: { cipher: 'RSA', signature: this.blob },
    };
    const coins = deposits.map(({ coinPub, coinSignature }): Item => {
      const spent = { firstSight, pursePub: pub, ...paid, coinSignature, ...when };
      return [`endless.coin-${coinPub}`, 'CoinSpentIntoPurse', spent];
    });
    const created = { ...terms, purseSignature: this.bytes(64), deposits, confirmation, ...when };
    return { pub, terms, unit: [...coins, [`endless.purse-${pub}`, 'PurseCreated', created]] };
  }

  private merge({ pub, terms }: { pub: string; terms: Data }, reserve: string): Item[] {
    const at = this.tick();
    const paytoUri = `payto://taler-reserve/exchange.example/${reserve}`;
    const moved = { credited: terms.target, excess: textOf(0n), depositFees: textOf(2n * DEPOSIT_FEE) };
    const merge = { reservePub: reserve, paytoUri, mergeTimestamp: at, mergeSignature: this.bytes(64), ...moved, at };
    const { expiresAt: purseExpiresAt, ...signed } = terms;
    const inReserve = {
      pursePub: pub,
      ...signed,
      purseExpiresAt,
      mergeTimestamp: at,
      paidFrom: 'merge',
      purseFee: textOf(0n),
      reserveSignature: this.bytes(64),
      exchangeBaseUrl: BASE_URL,
      confirmation: this.confirmed(at, {}),
      at,
      keysRevision: 5,
      expiresAt: at + CLOSING_DELAY,
      collectableAt: at + LEGAL_DELAY,
    };
    return [
      [`endless.purse-${pub}`, 'PurseMerged', merge],
      [`endless.reserve-${reserve}`, 'PurseMergedIntoReserve', inReserve],
    ];
  }

  private close(reserve: string, balance: bigint, target: Data): Item[] {
    const at = this.tick();
    const origin = { reservePub: decodeBase32(reserve, 32), closing: 1, attempt: 1 };
    const { sha512 } = oracle.hash;
    const requestUid = encodeBase32(deriveRequestUid(origin, sha512));
    const wtid = encodeBase32(deriveWtid(origin, sha512));
    const wireAmount = textOf(balance - CLOSING_FEE);
    const order = { requestUid, wtid, amount: wireAmount, exchangeBaseUrl: BASE_URL, wireAccount: 'main', ...target };
    const closed = {
      closing: 1,
      cause: 'request',
      requestTimestamp: at,
      reserveSignature: this.bytes(64),
      ...target,
      wireMethod: 'x-taler-bank',
      debited: textOf(balance),
      closingFee: textOf(CLOSING_FEE),
      dust: textOf(0n),
      wireAmount,
      requestUid,
      wtid,
      at,
      keysRevision: 5,
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

  private confirmed(at: number, more: Data): Data {
    return { exchangeTimestamp: at, ...more, exchangeSignature: this.bytes(64), exchangePub: this.signingKey };
  }

  private unit(items: readonly Item[]): SourceEvent[] {
    const unitFirst = this.made;
    return items.map(([stream, type, data]) => {
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

  private bytes(sizeBytes: number): string {
    this.drawn += 1;
    return encodeBase32(createHash('shake128', { outputLength: sizeBytes }).update(`${this.drawn}`).digest());
  }
}

function newKey(): Uint8Array {
  const { n, e } = generateKeyPairSync('rsa', { modulusLength: 8 * RSA_BYTES }).publicKey.export({ format: 'jwk' });
  const [modulus, exponent] = [n, e].map((text) => new Uint8Array(Buffer.from(text as string, 'base64url')));
  return encodeRsaPub(modulus as Uint8Array, exponent as Uint8Array);
}

const hashOf = (rsaPub: Uint8Array): string =>
  encodeBase32(oracle.hash.denomination({ cipher: 'RSA', ageMask: 0, rsaPub }));
