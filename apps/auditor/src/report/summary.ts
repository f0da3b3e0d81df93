/** What an audit says, as data: the JSON report, and what the other reports are written from. */
import type { BankComparison } from '../bank.js';
import { CATALOGUE, type FindingCode } from '../catalogue.js';
import type { EventRef, Finding } from '../findings.js';
import type { Balance } from '../ledger/denominations.js';
import type { Sums } from '../ledger/totals.js';
import type { Replay } from '../replay.js';

/** Units of one of the currency. */
const FRACTION = 100_000_000n;

export interface Report {
  readonly format: 'florin-audit';
  readonly version: 1;
  /** Seconds since 1970. */
  readonly auditedAt: number;
  readonly source: string;
  readonly verdict: 'clean' | 'findings';
  readonly mode: string;
  readonly exchange: {
    readonly baseUrl: string;
    readonly currency: string;
    readonly masterPub: string;
    /** Whether the auditor knew the master key, or took the ledger's word. */
    readonly masterPubGiven: boolean;
  };
  readonly log: {
    readonly events: number;
    readonly streams: number;
    /** The newest head that was checked, if one was good. */
    readonly head: { readonly origin: string; readonly size: number; readonly root: string } | undefined;
    readonly lastEventAt: number;
  };
  readonly checked: {
    readonly signatures: number | 'not checked';
    readonly sealedAccounts: { readonly opened: number; readonly unopened: number };
    readonly bank: BankSummary | 'not checked';
    readonly seconds: number;
  };
  /** Amounts as text. */
  readonly sums: { readonly [K in keyof Sums | 'liabilities' | 'income']: string };
  readonly denominations: readonly DenominationSummary[];
  readonly redirections: readonly { readonly event: EventRef; readonly amount: string; readonly reason: string }[];
  readonly findings: {
    readonly total: number;
    readonly byCode: readonly { readonly code: FindingCode; readonly title: string; readonly count: number }[];
    readonly list: readonly FindingSummary[];
  };
  readonly samples: readonly { readonly at: number; readonly sums: { readonly [K in keyof Sums]: string } }[];
}

export interface FindingSummary {
  readonly code: FindingCode;
  readonly kind: string;
  readonly title: string;
  readonly meaning: string;
  readonly detail: string;
  readonly event: EventRef | undefined;
  /** What the exchange gained, or lost with a minus; absent where no sum follows. */
  readonly gain: string | undefined;
  /** The data of the event, as it is stored. */
  readonly evidence?: string;
}

export interface DenominationSummary {
  readonly denominationHash: string;
  readonly value: string;
  readonly issuedCount: number;
  readonly issued: string;
  readonly seenCount: number;
  /** Spent into purses and not refunded, and recouped. */
  readonly redeemed: string;
  /** Issued and not redeemed. */
  readonly outstanding: string;
  readonly revoked: boolean;
}

export interface BankSummary {
  readonly accounts: readonly {
    readonly account: string;
    readonly credits: number;
    readonly debits: number;
    /** Everything in less everything out. */
    readonly balance: string;
  }[];
  /** Accounts that money moved through, and of which no history was there. */
  readonly missing: readonly string[];
  readonly balance: string;
}

export interface Circumstances {
  readonly auditedAt: number;
  readonly source: string;
  readonly mode: string;
  readonly seconds: number;
  readonly masterPubGiven: boolean;
  readonly bank: BankComparison | undefined;
}

/** @throws nothing: a ledger without terms has a report, too */
export function reportOf(replay: Replay, circumstances: Circumstances): Report {
  const { keys, log, totals, findings } = replay;
  const currency = replay.currency ?? 'NONE';
  const money = (units: bigint): string => amountText(currency, units);
  const { auditedAt, source, mode, seconds, masterPubGiven, bank } = circumstances;
  const sumsOf = (sums: Sums) =>
    Object.fromEntries(Object.entries(sums).map(([name, units]) => [name, money(units as bigint)]));
  return {
    format: 'florin-audit',
    version: 1,
    auditedAt,
    source,
    verdict: findings.total === 0 ? 'clean' : 'findings',
    mode,
    exchange: {
      baseUrl: keys.terms?.baseUrl ?? '',
      currency,
      masterPub: keys.master ?? '',
      masterPubGiven,
    },
    log: {
      events: log.next,
      streams: log.streams,
      head: log.head && {
        origin: log.head.origin,
        size: log.head.size,
        root: Buffer.from(log.head.root).toString('base64'),
      },
      lastEventAt: replay.lastAt,
    },
    checked: {
      signatures: replay.pool ? replay.pool.checked : 'not checked',
      sealedAccounts: replay.accounts.seals,
      bank: bank
        ? {
            accounts: bank.accounts.map((account) => ({ ...account, balance: money(account.balance) })),
            missing: bank.missing,
            balance: money(bank.balance),
          }
        : 'not checked',
      seconds,
    },
    sums: {
      ...(sumsOf(totals.sums) as { [K in keyof Sums]: string }),
      liabilities: money(totals.liabilities),
      income: money(totals.income),
    },
    denominations: [...replay.denominations.all].map(([denominationHash, balance]) => {
      const revoked = keys.denominations.get(denominationHash)?.revoked !== undefined;
      return denominationSummary({ denominationHash, balance, revoked, money });
    }),
    redirections: replay.transfers.redirections.map(({ event, amount, reason }) => {
      return { event, amount: money(amount), reason };
    }),
    findings: {
      total: findings.total,
      byCode: [...findings.counts]
        .map(([code, count]) => ({ code, title: CATALOGUE[code].title, count }))
        .sort((a, b) => (a.code < b.code ? -1 : 1)),
      list: findings.sorted().map((finding) => findingSummary(finding, money)),
    },
    samples: totals.samples.map(({ at, sums }) => {
      return { at, sums: sumsOf(sums) as { [K in keyof Sums]: string } };
    }),
  };
}

export function findingSummary(finding: Finding, money: (units: bigint) => string): FindingSummary {
  const { kind, title, meaning } = CATALOGUE[finding.code];
  const { code, event, gain } = finding;
  const detail = finding.detail.replace(/\{(-?[0-9]+)\}/g, (_, units: string) => money(BigInt(units)));
  return { code, kind, title, meaning, detail, event, gain: gain === undefined ? undefined : money(gain) };
}

/** An amount that may be negative, and larger than amounts of the protocol may be: frauds add up to any sum. */
export function amountText(currency: string, units: bigint): string {
  if (units < 0n) return `-${amountText(currency, -units)}`;
  const fraction = String(units % FRACTION)
    .padStart(8, '0')
    .replace(/0+$/, '');
  return `${currency}:${units / FRACTION}${fraction && `.${fraction}`}`;
}

function denominationSummary(of: {
  denominationHash: string;
  balance: Balance;
  revoked: boolean;
  money: (units: bigint) => string;
}): DenominationSummary {
  const { denominationHash, balance, revoked, money } = of;
  const { value, issuedCount, issued, seenCount, spent, recouped } = balance;
  return {
    denominationHash,
    value: money(value),
    issuedCount,
    issued: money(issued),
    seenCount,
    redeemed: money(spent + recouped),
    outstanding: money(issued - spent - recouped),
    revoked,
  };
}
