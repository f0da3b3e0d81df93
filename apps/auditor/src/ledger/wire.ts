/** Bank rows as they were booked, and session nonces. */
import type { NonceEvent, WireEvent } from '@florin/domain';
import type { EventRef } from '../findings.js';
import {
  INSTANT_BYTES,
  KEY_BYTES,
  readInstant,
  readKey,
  readUnits,
  UNITS_BYTES,
  writeInstant,
  writeKey,
  writeUnits,
} from '../layouts.js';
import type { Layout, PackedMap } from '../packed.js';
import type { Accounts } from './accounts.js';
import { type Context, reporter } from './context.js';
import type { Keys } from './keys.js';
import type { Totals } from './totals.js';

/** A booked row, to be compared with the bank's. */
export interface Booked {
  /** Units; below zero for a row without an amount in our currency. */
  readonly amount: bigint;
  /** Key in the subject, base32; empty if there was none. */
  readonly subjectPub: string;
  /** Normalised hash of the sender's account; empty if it is unknown. */
  readonly originAccount: string;
  readonly bankTime: number;
  /** When it was booked. */
  readonly at: number;
  readonly index: number;
  readonly row: bigint;
  /** Place of its account among those that rows were booked of. */
  readonly account: number;
  readonly kind: Kind;
}

const KINDS = ['reserve', 'kyc-auth', 'unusable'] as const;
type Kind = (typeof KINDS)[number];

const BOOKED: Layout<Booked> = {
  bytes: UNITS_BYTES + 2 * KEY_BYTES + 2 * INSTANT_BYTES + 24,
  write(view, offset, { amount, subjectPub, originAccount, bankTime, at, index, row, account, kind }) {
    const rest = offset + UNITS_BYTES + 2 * KEY_BYTES + INSTANT_BYTES;
    writeUnits(view, offset, amount);
    writeKey(view, offset + UNITS_BYTES, subjectPub);
    writeKey(view, offset + UNITS_BYTES + KEY_BYTES, originAccount);
    writeInstant(view, offset + UNITS_BYTES + 2 * KEY_BYTES, bankTime);
    view.setFloat64(rest, index);
    view.setBigUint64(rest + 8, row);
    view.setUint32(rest + 16, account);
    view.setUint32(rest + 20, KINDS.indexOf(kind));
    writeInstant(view, rest + 24, at);
  },
  read: (view, offset) => ({
    amount: readUnits(view, offset),
    subjectPub: readKey(view, offset + UNITS_BYTES),
    originAccount: readKey(view, offset + UNITS_BYTES + KEY_BYTES),
    bankTime: readInstant(view, offset + UNITS_BYTES + 2 * KEY_BYTES),
    index: view.getFloat64(offset + UNITS_BYTES + 2 * KEY_BYTES + INSTANT_BYTES),
    row: view.getBigUint64(offset + UNITS_BYTES + 2 * KEY_BYTES + INSTANT_BYTES + 8),
    account: view.getUint32(offset + UNITS_BYTES + 2 * KEY_BYTES + INSTANT_BYTES + 16),
    kind: KINDS[view.getUint32(offset + UNITS_BYTES + 2 * KEY_BYTES + INSTANT_BYTES + 20)] ?? 'unusable',
    at: readInstant(view, offset + UNITS_BYTES + 2 * KEY_BYTES + INSTANT_BYTES + 24),
  }),
};

/** The colon keeps the key from being taken for base32. */
const rowKey = (account: string, row: bigint): string => `:${account} ${row}`;

export class Wire {
  private readonly booked: PackedMap<Booked>;
  /** By section name: the last row, and how many. */
  accounts = new Map<string, { lastRow: bigint; rows: number; lastAt: number }>();

  constructor(
    private readonly context: Context,
    private readonly parts: { readonly keys: Keys; readonly accounts: Accounts; readonly totals: Totals },
  ) {
    this.booked = context.packed.make('booked rows', BOOKED);
  }

  row(account: string, row: bigint): Booked | undefined {
    return this.booked.get(rowKey(account, row));
  }

  /** Every row that was booked of an account. */
  *rows(account: string): Generator<Booked> {
    const place = [...this.accounts.keys()].indexOf(account);
    for (const [, booked] of this.booked.entries()) if (booked.account === place) yield booked;
  }

  apply(event: WireEvent, ref: EventRef, account: string): void {
    const report = reporter(this.context, ref);
    const { row, kind, amount, subjectPub, originHash, originAccount, sealedOrigin, bankTime, at } = event;
    const { sums } = this.parts.totals;
    this.parts.keys.checkAccount(account, ref, amount && -amount);
    const known = this.accounts.get(account) ?? { lastRow: 0n, rows: 0, lastAt: 0 };
    if (row <= known.lastRow) report('credit-row-repeated', `row ${row} was booked after row ${known.lastRow}`);
    this.accounts.set(account, {
      lastRow: row > known.lastRow ? row : known.lastRow,
      rows: known.rows + 1,
      lastAt: at,
    });
    const place = [...this.accounts.keys()].indexOf(account);
    const origin = { subjectPub: subjectPub ?? '', originAccount: originAccount ?? '', bankTime, at, index: ref.index };
    this.booked.set(rowKey(account, row), { amount: amount ?? -1n, ...origin, row, account: place, kind });
    const isSealed = kind !== 'reserve'; // that of a reserve is looked at where the reserve has it
    if (isSealed && sealedOrigin !== undefined && originAccount !== undefined && originHash !== undefined) {
      const seal = { sealed: sealedOrigin, account: originAccount, hash: originHash };
      this.parts.accounts.checkSealed(ref, seal);
    }
    if (kind === 'reserve') {
      sums.credited += amount ?? 0n;
      const facts = [subjectPub, originHash, originAccount, bankTime];
      const half = { event: ref, units: amount ?? 0n, facts };
      this.context.unit.give('credit', `${account} row ${row}`, half);
      return;
    }
    sums.otherCredits += amount ?? 0n;
    if (kind !== 'kyc-auth') return;
    const half = { event: ref, units: 0n, facts: [subjectPub, originAccount] };
    this.context.unit.give('owner', `${account} row ${row}`, half);
  }

  save(): unknown {
    return this.accounts;
  }

  load(saved: unknown): void {
    this.accounts = saved as Wire['accounts'];
  }
}

/** A session nonce of Clause-Schnorr answers once; its stream has one event, ever. */
export function applyNonce(context: Context, event: NonceEvent, ref: EventRef, key: string): void {
  if (ref.number > 0) reporter(context, ref)('nonce-repeated', `nonce ${key} was used before`);
  const facts = [event.envelopeHash, event.reservePub];
  context.unit.give('nonce', key, { event: ref, units: 0n, facts });
}
