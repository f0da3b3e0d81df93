/** The ledger of each denomination: on what terms it was offered, and how much of it is in the hands of people. */
import {
  assert,
  type CoinEvent,
  type DenominationHash,
  type EddsaSignature,
  type KeysEvent,
  type ReserveEvent,
  unreachable,
} from '@florin/domain';
import { instantColumn, instantOf, type Page, present } from './columns.js';
import { defineView } from './view.js';

export interface DenominationLedger {
  readonly denominationHash: DenominationHash;
  readonly cipher: 'RSA' | 'CS';
  /** Bit a set: an age group begins at age a. */
  readonly ageMask: number;
  /** Amounts are units of 1e-8, times whole seconds since 1970. */
  readonly value: bigint;
  readonly feeWithdraw: bigint;
  readonly feeDeposit: bigint;
  readonly feeRefresh: bigint;
  readonly feeRefund: bigint;
  readonly start: number;
  readonly expireWithdraw: number;
  readonly expireDeposit: number;
  readonly expireLegal: number;
  /** Number of the offer in the ledger: denominations are listed in the order in which they were offered. */
  readonly offeredAs: number;
  readonly revokedAt?: number;
  readonly revocationSignature?: EddsaSignature;
  readonly issuedCount: number;
  readonly issuedValue: bigint;
  /** Income from withdrawals. */
  readonly withdrawFees: bigint;
  /** Coins that came back at least once. */
  readonly seenCount: number;
  /** What coins paid, with their deposit fees, less what they got back. */
  readonly spentValue: bigint;
  readonly recoupedCount: number;
  readonly recoupedValue: bigint;
  /**
   * What its coins can still claim: issued less spent and recouped. Below zero, more came back than was issued: then
   * somebody else holds the key.
   */
  readonly outstanding: bigint;
}

interface Offer {
  denomination_hash: DenominationHash;
  cipher: 'RSA' | 'CS';
  age_mask: number;
  value: string;
  fee_withdraw: string;
  fee_deposit: string;
  fee_refresh: string;
  fee_refund: string;
  start_at: number;
  expire_withdraw: number;
  expire_deposit: number;
  expire_legal: number;
  offered_as: number;
}

interface Sums {
  issued_count: number;
  issued_value: string;
  withdraw_fees: string;
  seen_count: number;
  spent_value: string;
  recouped_count: number;
  recouped_value: string;
}

type Row = Offer & Sums & { revoked_at: number | null; revocation_signature: EddsaSignature | null };

export const denominations = defineView({
  name: 'denominations',
  version: 2,
  reads: ['keys', 'reserve', 'coin'],
  schema: `
    CREATE TABLE denominations (
      denomination_hash TEXT PRIMARY KEY,
      cipher TEXT NOT NULL,
      age_mask INTEGER NOT NULL,
      value TEXT NOT NULL,
      fee_withdraw TEXT NOT NULL,
      fee_deposit TEXT NOT NULL,
      fee_refresh TEXT NOT NULL,
      fee_refund TEXT NOT NULL,
      start_at INTEGER NOT NULL,
      expire_withdraw INTEGER NOT NULL,
      expire_deposit INTEGER NOT NULL,
      expire_legal INTEGER NOT NULL,
      offered_as INTEGER NOT NULL UNIQUE,
      revoked_at INTEGER,
      revocation_signature TEXT,
      issued_count INTEGER NOT NULL,
      issued_value TEXT NOT NULL,
      withdraw_fees TEXT NOT NULL,
      seen_count INTEGER NOT NULL,
      spent_value TEXT NOT NULL,
      recouped_count INTEGER NOT NULL,
      recouped_value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE denomination_coins (
      coin_pub TEXT PRIMARY KEY,
      denomination_hash TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;`,
  shownAs: {
    value: 'amount',
    fee_withdraw: 'amount',
    fee_deposit: 'amount',
    fee_refresh: 'amount',
    fee_refund: 'amount',
    issued_value: 'amount',
    withdraw_fees: 'amount',
    spent_value: 'amount',
    recouped_value: 'amount',
  },

  open(db) {
    const offer = db.prepare<[Offer]>(`
      INSERT INTO denominations VALUES (@denomination_hash, @cipher, @age_mask, @value, @fee_withdraw, @fee_deposit,
        @fee_refresh, @fee_refund, @start_at, @expire_withdraw, @expire_deposit, @expire_legal, @offered_as,
        NULL, NULL, 0, '0', '0', 0, '0', 0, '0')`);
    const revoke = db.prepare<[number, EddsaSignature, DenominationHash]>(
      'UPDATE denominations SET revoked_at = ?, revocation_signature = ? WHERE denomination_hash = ?',
    );
    const sumsOf = db.prepare<[string], Sums>(`
      SELECT issued_count, issued_value, withdraw_fees, seen_count, spent_value, recouped_count, recouped_value
      FROM denominations WHERE denomination_hash = ?`);
    const saveSums = db.prepare<[number, string, string, number, string, number, string, string]>(`
      UPDATE denominations SET issued_count = ?, issued_value = ?, withdraw_fees = ?, seen_count = ?, spent_value = ?,
        recouped_count = ?, recouped_value = ? WHERE denomination_hash = ?`);
    const see = db.prepare<[string, DenominationHash]>('INSERT INTO denomination_coins VALUES (?, ?)');
    const seen = db
      .prepare<[string], string>('SELECT denomination_hash FROM denomination_coins WHERE coin_pub = ?')
      .pluck();
    const one = db.prepare<[DenominationHash], Row>('SELECT * FROM denominations WHERE denomination_hash = ?');
    const page = db.prepare<[number, number], Row>(
      'SELECT * FROM denominations WHERE offered_as > ? ORDER BY offered_as LIMIT ?',
    );

    function keysChanged(event: KeysEvent, index: number): void {
      if (event.type === 'DenominationOffered') offer.run(offerOf(event, index));
      if (event.type === 'DenominationRevoked') {
        const { at, masterSignature, denominationHash } = event;
        const { changes } = revoke.run(instantColumn(at), masterSignature, denominationHash);
        assert(changes === 1, `${denominationHash} was revoked but never offered`);
      }
    }

    /** Adds to the sums of one denomination. */
    function add(hash: string, more: Partial<Added>): void {
      const sums = sumsOf.get(hash);
      assert(sums !== undefined, `coins of ${hash}, which was never offered`);
      const { issued = 0, value = 0n, fees = 0n, seenCount = 0, spent = 0n, recouped } = more;
      saveSums.run(
        sums.issued_count + issued,
        (BigInt(sums.issued_value) + value).toString(),
        (BigInt(sums.withdraw_fees) + fees).toString(),
        sums.seen_count + seenCount,
        (BigInt(sums.spent_value) + spent).toString(),
        sums.recouped_count + (recouped === undefined ? 0 : 1),
        (BigInt(sums.recouped_value) + (recouped ?? 0n)).toString(),
        hash,
      );
    }

    function coinChanged(coinPub: string, event: CoinEvent): void {
      const firstSight = event.type === 'CoinRefundedFromPurse' ? undefined : event.firstSight;
      if (firstSight) see.run(coinPub, firstSight.denominationHash);
      const hash = firstSight?.denominationHash ?? seen.get(coinPub);
      assert(hash !== undefined, `the coin ${coinPub} was never seen`);
      add(hash, { seenCount: firstSight ? 1 : 0, ...effectOf(event) });
    }

    return {
      apply({ category, key, index, event }) {
        if (category === 'keys') keysChanged(event, index);
        else if (category === 'coin') coinChanged(key, event);
        // What comes back comes as coins, whose own streams name the denomination.
        else if (event.type === 'CoinsWithdrawn') for (const [hash, sum] of totals(event.coins)) add(hash, sum);
      },

      queries: {
        denomination(hash: DenominationHash): DenominationLedger | undefined {
          const row = one.get(hash);
          return row && ledgerOf(row);
        },

        /** In the order of their offers, after the `offeredAs` of `after`. */
        denominations: ({ after, limit }: Page<number>): DenominationLedger[] =>
          page.all(after ?? -1, limit).map(ledgerOf),
      },
    };
  },
});

type Offered = Extract<KeysEvent, { type: 'DenominationOffered' }>;
type Withdrawn = Extract<ReserveEvent, { type: 'CoinsWithdrawn' }>;

/** By how much an event changes the sums of a denomination. */
interface Added {
  issued: number;
  value: bigint;
  fees: bigint;
  seenCount: number;
  spent: bigint;
  recouped: bigint;
}

/** Coins of one withdrawal by denomination: they come in dozens of a few kinds. */
function totals(coins: Withdrawn['coins']): Map<DenominationHash, Pick<Added, 'issued' | 'value' | 'fees'>> {
  const sums = new Map<DenominationHash, Pick<Added, 'issued' | 'value' | 'fees'>>();
  for (const { denominationHash, value, fee } of coins) {
    const sum = sums.get(denominationHash) ?? { issued: 0, value: 0n, fees: 0n };
    sums.set(denominationHash, { issued: sum.issued + 1, value: sum.value + value, fees: sum.fees + fee });
  }
  return sums;
}

function effectOf(event: CoinEvent): Partial<Added> {
  switch (event.type) {
    case 'CoinSpentIntoPurse':
      return { spent: event.amount };
    case 'CoinRefundedFromPurse':
      return { spent: -event.amount };
    case 'CoinRecouped':
      return { recouped: event.amount };
    default:
      return unreachable(event);
  }
}

function offerOf(event: Offered, index: number): Offer {
  return {
    denomination_hash: event.denominationHash,
    cipher: event.key.cipher,
    age_mask: event.ageMask,
    value: event.value.toString(),
    fee_withdraw: event.feeWithdraw.toString(),
    fee_deposit: event.feeDeposit.toString(),
    fee_refresh: event.feeRefresh.toString(),
    fee_refund: event.feeRefund.toString(),
    start_at: instantColumn(event.start),
    expire_withdraw: instantColumn(event.expireWithdraw),
    expire_deposit: instantColumn(event.expireDeposit),
    expire_legal: instantColumn(event.expireLegal),
    offered_as: index,
  };
}

function ledgerOf(row: Row): DenominationLedger {
  const [issuedValue, spentValue] = [BigInt(row.issued_value), BigInt(row.spent_value)];
  const recoupedValue = BigInt(row.recouped_value);
  return {
    denominationHash: row.denomination_hash,
    cipher: row.cipher,
    ageMask: row.age_mask,
    value: BigInt(row.value),
    feeWithdraw: BigInt(row.fee_withdraw),
    feeDeposit: BigInt(row.fee_deposit),
    feeRefresh: BigInt(row.fee_refresh),
    feeRefund: BigInt(row.fee_refund),
    start: instantOf(row.start_at),
    expireWithdraw: instantOf(row.expire_withdraw),
    expireDeposit: instantOf(row.expire_deposit),
    expireLegal: instantOf(row.expire_legal),
    offeredAs: row.offered_as,
    ...present({
      revokedAt: row.revoked_at === null ? null : instantOf(row.revoked_at),
      revocationSignature: row.revocation_signature,
    }),
    issuedCount: row.issued_count,
    issuedValue,
    withdrawFees: BigInt(row.withdraw_fees),
    seenCount: row.seen_count,
    spentValue,
    recoupedCount: row.recouped_count,
    recoupedValue,
    outstanding: issuedValue - spentValue - recoupedValue,
  };
}
