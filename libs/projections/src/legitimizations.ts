/** What the law wants to know of whom, and what officers decided: GET /kyc-check, the admin's list of open cases. */
import {
  type AccountHash,
  type EddsaPub,
  type LegitimizationRule,
  type ReservePub,
  type SealedUri,
  unreachable,
} from '@florin/domain';
import { instantColumn, instantOf, type Page, present } from './columns.js';
import { defineView } from './view.js';

/** A requirement, and the latest decision about it once there is one. */
export interface LegitimizationCase {
  readonly account: AccountHash;
  /** Ordinal of the requirement in the account's stream: the `requirement_row` that clients see. */
  readonly requirement: number;
  readonly rule: LegitimizationRule;
  /** What the refused operation would have brought the sum to, in units of 1e-8. */
  readonly amount: bigint;
  readonly reservePub?: ReservePub;
  readonly sealedUri: SealedUri;
  readonly requiredAt: number;
  /** Number of the requirement in the ledger: cases are listed in the order in which they arose. */
  readonly requiredAs: number;
  readonly decision?: LegitimizationDecision;
}

export interface LegitimizationDecision {
  readonly approved: boolean;
  readonly justification: string;
  readonly officerPub: EddsaPub;
  /** What the officer signed, and when it was written down. */
  readonly decidedAt: number;
  readonly at: number;
}

export interface LegitimizedAccount {
  /** By ordinal. */
  readonly cases: readonly LegitimizationCase[];
  /** In order of `from`; the last one that has begun counts. */
  readonly maximumAges: readonly { readonly from: number; readonly age: number }[];
  /** Who proved by a transfer to own the account. */
  readonly ownerPub?: EddsaPub;
}

interface Required {
  account: AccountHash;
  requirement: number;
  rule: LegitimizationRule;
  amount: string;
  reserve_pub: ReservePub | null;
  sealed_uri: SealedUri;
  required_at: number;
  required_as: number;
}

interface Decided {
  approved: 0 | 1;
  justification: string;
  officer_pub: EddsaPub;
  decided_at: number;
  decision_at: number;
}

type Row = Required & (Decided | { [K in keyof Decided]: null });

export const legitimizations = defineView({
  name: 'legitimizations',
  version: 1,
  reads: ['account'],
  schema: `
    CREATE TABLE legitimizations (
      account TEXT NOT NULL,
      requirement INTEGER NOT NULL,
      rule TEXT NOT NULL,
      amount TEXT NOT NULL,
      reserve_pub TEXT,
      sealed_uri TEXT NOT NULL,
      required_at INTEGER NOT NULL,
      required_as INTEGER NOT NULL,
      approved INTEGER,
      justification TEXT,
      officer_pub TEXT,
      decided_at INTEGER,
      decision_at INTEGER,
      PRIMARY KEY (account, requirement)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX legitimizations_open ON legitimizations (required_as) WHERE approved IS NULL;
    CREATE TABLE legitimization_ages (
      account TEXT NOT NULL,
      starts_at INTEGER NOT NULL,
      age INTEGER NOT NULL,
      PRIMARY KEY (account, starts_at)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE legitimization_owners (
      account TEXT PRIMARY KEY,
      account_pub TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;`,
  shownAs: { amount: 'amount' },

  open(db) {
    const require = db.prepare<[Required]>(`
      INSERT INTO legitimizations VALUES (@account, @requirement, @rule, @amount, @reserve_pub, @sealed_uri,
        @required_at, @required_as, NULL, NULL, NULL, NULL, NULL)`);
    const decide = db.prepare<[Decided & { account: string; requirement: number }]>(`
      UPDATE legitimizations SET approved = @approved, justification = @justification, officer_pub = @officer_pub,
        decided_at = @decided_at, decision_at = @decision_at
      WHERE account = @account AND requirement = @requirement`);
    const forgetAges = db.prepare<[string]>('DELETE FROM legitimization_ages WHERE account = ?');
    const setAge = db.prepare<[string, number, number]>('INSERT OR REPLACE INTO legitimization_ages VALUES (?, ?, ?)');
    const bind = db.prepare<[string, EddsaPub]>('INSERT OR REPLACE INTO legitimization_owners VALUES (?, ?)');

    const one = db.prepare<[string, number], Row>(
      'SELECT * FROM legitimizations WHERE account = ? AND requirement = ?',
    );
    const casesOf = db.prepare<[string], Row>('SELECT * FROM legitimizations WHERE account = ? ORDER BY requirement');
    const open = db.prepare<[number, number], Row>(
      'SELECT * FROM legitimizations WHERE approved IS NULL AND required_as > ? ORDER BY required_as LIMIT ?',
    );
    const agesOf = db.prepare<[string], { starts_at: number; age: number }>(
      'SELECT starts_at, age FROM legitimization_ages WHERE account = ? ORDER BY starts_at',
    );
    const ageAt = db.prepare<[string, number], { age: number }>(
      'SELECT age FROM legitimization_ages WHERE account = ? AND starts_at <= ? ORDER BY starts_at DESC LIMIT 1',
    );
    const ownerOf = db.prepare<[string], { account_pub: EddsaPub }>(
      'SELECT account_pub FROM legitimization_owners WHERE account = ?',
    );

    return {
      apply({ key: account, index, event }) {
        switch (event.type) {
          case 'LegitimizationRequired':
            require.run({
              account: account as AccountHash,
              requirement: event.requirement,
              rule: event.rule,
              amount: event.amount.toString(),
              reserve_pub: event.reservePub ?? null,
              sealed_uri: event.sealedUri,
              required_at: instantColumn(event.at),
              required_as: index,
            });
            return;
          case 'LegitimizationDecided':
            decide.run({
              account,
              requirement: event.requirement,
              approved: event.approved ? 1 : 0,
              justification: event.justification,
              officer_pub: event.officerPub,
              decided_at: instantColumn(event.decidedAt),
              decision_at: instantColumn(event.at),
            });
            if (event.maximumAges.length > 0) forgetAges.run(account);
            for (const { from, age } of event.maximumAges) setAge.run(account, instantColumn(from), age);
            return;
          case 'AccountOwnerBound':
            bind.run(account, event.accountPub);
            return;
          case 'WithdrawalCounted':
          case 'ReceiptCounted':
            return;
          default:
            unreachable(event);
        }
      },

      queries: {
        /** The case behind a `requirement_row`; undefined if the account has no such requirement. */
        requirement(at: {
          readonly account: AccountHash;
          readonly requirement: number;
        }): LegitimizationCase | undefined {
          const row = one.get(at.account, at.requirement);
          return row && caseOf(row);
        },

        /** All that is known of an account, which may be nothing. */
        account: (account: AccountHash): LegitimizedAccount => ({
          cases: casesOf.all(account).map(caseOf),
          maximumAges: agesOf.all(account).map(({ starts_at, age }) => ({ from: instantOf(starts_at), age })),
          ...present({ ownerPub: ownerOf.get(account)?.account_pub ?? null }),
        }),

        /** The age to which the owner's coins must be bound at `now`; undefined if there is none. */
        maximumAge: ({ account, now }: { readonly account: AccountHash; readonly now: number }): number | undefined =>
          ageAt.get(account, instantColumn(now))?.age,

        /** Cases that wait for an officer, in the order in which they arose, after the `requiredAs` of `after`. */
        open: ({ after, limit }: Page<number>): LegitimizationCase[] => open.all(after ?? -1, limit).map(caseOf),
      },
    };
  },
});

function caseOf(row: Row): LegitimizationCase {
  return {
    account: row.account,
    requirement: row.requirement,
    rule: row.rule,
    amount: BigInt(row.amount),
    ...present({ reservePub: row.reserve_pub }),
    sealedUri: row.sealed_uri,
    requiredAt: instantOf(row.required_at),
    requiredAs: row.required_as,
    ...(row.approved !== null && { decision: decisionOf(row) }),
  };
}

const decisionOf = (row: Decided): LegitimizationDecision => ({
  approved: row.approved === 1,
  justification: row.justification,
  officerPub: row.officer_pub,
  decidedAt: instantOf(row.decided_at),
  at: instantOf(row.decision_at),
});
