/** The ledger of each denomination: on what terms it was offered, and how much of it is in the hands of people. */
import { assert, type DenominationHash, type EddsaSignature, type KeysEvent, type ReserveEvent } from '@florin/domain';
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
  /** What its coins can still claim. */
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

interface Issued {
  issued_count: number;
  issued_value: string;
  withdraw_fees: string;
}

type Row = Offer & Issued & { revoked_at: number | null; revocation_signature: EddsaSignature | null };

export const denominations = defineView({
  name: 'denominations',
  version: 1,
  reads: ['keys', 'reserve'],
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
      withdraw_fees TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;`,

  open(db) {
    const offer = db.prepare<[Offer]>(`
      INSERT INTO denominations VALUES (@denomination_hash, @cipher, @age_mask, @value, @fee_withdraw, @fee_deposit,
        @fee_refresh, @fee_refund, @start_at, @expire_withdraw, @expire_deposit, @expire_legal, @offered_as,
        NULL, NULL, 0, '0', '0')`);
    const revoke = db.prepare<[number, EddsaSignature, DenominationHash]>(
      'UPDATE denominations SET revoked_at = ?, revocation_signature = ? WHERE denomination_hash = ?',
    );
    const issuedOf = db.prepare<[DenominationHash], Issued>(
      'SELECT issued_count, issued_value, withdraw_fees FROM denominations WHERE denomination_hash = ?',
    );
    const issue = db.prepare<[Issued & { hash: DenominationHash }]>(`
      UPDATE denominations SET issued_count = @issued_count, issued_value = @issued_value,
        withdraw_fees = @withdraw_fees WHERE denomination_hash = @hash`);
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

    function coinsWithdrawn({ coins }: Withdrawn): void {
      for (const [hash, { count, value, fees }] of totals(coins)) {
        const before = issuedOf.get(hash);
        assert(before !== undefined, `coins of ${hash} were withdrawn, which was never offered`);
        issue.run({
          hash,
          issued_count: before.issued_count + count,
          issued_value: (BigInt(before.issued_value) + value).toString(),
          withdraw_fees: (BigInt(before.withdraw_fees) + fees).toString(),
        });
      }
    }

    return {
      apply({ category, index, event }) {
        if (category === 'keys') keysChanged(event, index);
        // What comes back comes as coins, whose own streams name the denomination.
        else if (event.type === 'CoinsWithdrawn') coinsWithdrawn(event);
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

/** Coins of one withdrawal by denomination: they come in dozens of a few kinds. */
function totals(coins: Withdrawn['coins']): Map<DenominationHash, { count: number; value: bigint; fees: bigint }> {
  const sums = new Map<DenominationHash, { count: number; value: bigint; fees: bigint }>();
  for (const { denominationHash, value, fee } of coins) {
    const sum = sums.get(denominationHash) ?? { count: 0, value: 0n, fees: 0n };
    sums.set(denominationHash, { count: sum.count + 1, value: sum.value + value, fees: sum.fees + fee });
  }
  return sums;
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
  const issuedValue = BigInt(row.issued_value);
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
    outstanding: issuedValue,
  };
}
