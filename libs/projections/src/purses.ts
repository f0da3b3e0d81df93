/**
 * What is in a purse and what became of it: GET /purses/$PURSE_PUB/merge and /deposit, GET /contracts/$CONTRACT_PUB,
 * and the purses that must be ended or still owe refunds.
 */
import {
  assert,
  type ContractPub,
  type EddsaSignature,
  type PurseEvent,
  type PursePub,
  unreachable,
} from '@florin/domain';
import { instantColumn, instantOf, present, totalOf } from './columns.js';
import { defineView } from './view.js';

export type PurseEnding = 'merged' | 'expired' | 'deleted';

export interface PurseStatus {
  /** Units of 1e-8: what the purse is to hold, and what coins paid in so far without deposit fees. */
  readonly target: bigint;
  readonly balance: bigint;
  readonly expiresAt: number;
  readonly end?: PurseEnding;
  /** As the merge signature says; only once merged. */
  readonly mergeTimestamp?: number;
}

/** A contract as its writer encrypted it. */
export interface StoredContract {
  readonly pursePub: PursePub;
  readonly econtract: string;
  readonly econtractSignature: EddsaSignature;
}

interface Row {
  purse_pub: string;
  target: string;
  balance: string;
  expires_at: number;
  ended: PurseEnding | null;
  merge_timestamp: number | null;
  /** Coins that paid in and did not get their money back. */
  coins: number;
  /** When there is something to do by itself; NULL if never. */
  due_at: number | null;
}

export const purses = defineView({
  name: 'purses',
  version: 2,
  reads: ['purse'],
  schema: `
    CREATE TABLE purses (
      purse_pub TEXT PRIMARY KEY,
      target TEXT NOT NULL,
      balance TEXT NOT NULL,
      expires_at INTEGER NOT NULL,
      ended TEXT,
      merge_timestamp INTEGER,
      coins INTEGER NOT NULL,
      due_at INTEGER -- expiration while undecided, 0 while refunds are owed, else NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX purses_due ON purses (due_at) WHERE due_at IS NOT NULL;
    CREATE TABLE purse_contracts (
      contract_pub TEXT PRIMARY KEY, -- of the purse that was first: who read its pay URI could make another with it
      purse_pub TEXT NOT NULL,
      econtract TEXT NOT NULL,
      econtract_signature TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX purse_contracts_by_purse ON purse_contracts (purse_pub);`,
  shownAs: { target: 'amount', balance: 'amount' },

  open(db) {
    const select = db.prepare<[string], Row>('SELECT * FROM purses WHERE purse_pub = ?');
    const replace = db.prepare<[Row]>(`
      INSERT OR REPLACE INTO purses VALUES (@purse_pub, @target, @balance, @expires_at, @ended, @merge_timestamp,
        @coins, @due_at)`);
    const addContract = db.prepare<[string, string, string, string]>(
      'INSERT OR IGNORE INTO purse_contracts VALUES (?, ?, ?, ?)',
    );
    const dropContract = db.prepare<[string]>('DELETE FROM purse_contracts WHERE purse_pub = ?');
    const contractOf = db.prepare<
      [string],
      { purse_pub: PursePub; econtract: string; econtract_signature: EddsaSignature }
    >('SELECT * FROM purse_contracts WHERE contract_pub = ?');
    const due = db.prepare<[number, number], { purse_pub: PursePub }>(
      'SELECT purse_pub FROM purses WHERE due_at <= ? ORDER BY due_at, purse_pub LIMIT ?',
    );
    const held = db
      .prepare<[], string>('SELECT balance FROM purses WHERE due_at IS NOT NULL AND ended IS NULL')
      .pluck();

    return {
      apply({ key, event }) {
        const known = select.get(key);
        assert((known === undefined) === (event.type === 'PurseCreated'), `purse ${key} goes on with ${event.type}`);
        const row = changed(known ?? emptyRow(key), event);
        row.due_at = dueAt(row);
        replace.run(row);
        const contract = contractIn(event);
        if (contract) {
          addContract.run(contract.contractPub, key, contract.econtract, contract.econtractSignature);
        }
        if (event.type === 'PurseDeleted' || event.type === 'PurseExpired') dropContract.run(key);
      },

      queries: {
        /** Undefined if the purse is unknown. */
        purse(pursePub: PursePub): PurseStatus | undefined {
          const row = select.get(pursePub);
          return row && statusOf(row);
        },

        /** The contract that came first under this key, unless its purse ended without a merge. */
        contract(contractPub: ContractPub): StoredContract | undefined {
          const row = contractOf.get(contractPub);
          if (!row) return undefined;
          return { pursePub: row.purse_pub, econtract: row.econtract, econtractSignature: row.econtract_signature };
        },

        /** Purses that are to be ended at `now`, after those that owe refunds; the longest overdue first. */
        due: ({ now, limit }: { readonly now: number; readonly limit: number }): PursePub[] =>
          due.all(instantColumn(now), limit).map(({ purse_pub }) => purse_pub),

        /** What all purses hold together that are not decided, in units. */
        held: (): bigint => totalOf(held.iterate()),
      },
    };
  },
});

const emptyRow = (purse_pub: string): Row => ({
  purse_pub,
  target: '0',
  balance: '0',
  expires_at: 0,
  ended: null,
  merge_timestamp: null,
  coins: 0,
  due_at: null,
});

/** Changes `row` in place. */
function changed(row: Row, event: PurseEvent): Row {
  switch (event.type) {
    case 'PurseCreated':
      row.target = event.target.toString();
      row.expires_at = instantColumn(event.expiresAt);
      return paid(row, event);
    case 'PurseDeposited':
      return paid(row, event);
    case 'PurseContractAdded':
      return row;
    case 'PurseMerged':
      row.merge_timestamp = instantColumn(event.mergeTimestamp);
      row.ended = 'merged';
      return row;
    case 'PurseExpired':
      row.ended = 'expired';
      return row;
    case 'PurseDeleted':
      row.ended = 'deleted';
      return row;
    case 'PurseCoinsRefunded':
      row.coins -= event.coins.length;
      assert(row.coins >= 0, 'a purse refunded more coins than it had');
      return row;
    default:
      return unreachable(event);
  }
}

function paid(row: Row, { deposits }: Extract<PurseEvent, { type: 'PurseCreated' | 'PurseDeposited' }>): Row {
  const net = deposits.reduce((sum, { amount, depositFee }) => sum + amount - depositFee, 0n);
  row.balance = (BigInt(row.balance) + net).toString();
  row.coins += deposits.length;
  return row;
}

function contractIn(event: PurseEvent) {
  if (event.type === 'PurseCreated') return event.contract;
  return event.type === 'PurseContractAdded' ? event : undefined;
}

function dueAt({ ended, coins, expires_at }: Row): number | null {
  if (ended === null) return expires_at;
  return ended !== 'merged' && coins > 0 ? 0 : null;
}

function statusOf(row: Row): PurseStatus {
  return {
    target: BigInt(row.target),
    balance: BigInt(row.balance),
    expiresAt: instantOf(row.expires_at),
    ...present({
      end: row.ended,
      mergeTimestamp: row.merge_timestamp === null ? null : instantOf(row.merge_timestamp),
    }),
  };
}
