/**
 * What the master key decides besides keys: accounts, fees, officers, extensions. Each comes with its signature, which
 * the caller has checked. The same decision again changes nothing; one that an older signature would take back is
 * refused, for signatures are public and can be sent again by anybody.
 */
import { accept, type Decision, refuse, repeat } from './decision.js';
import type { KeysEvent } from './events/keys.js';
import type { EddsaPub } from './events/names.js';
import type { KeyBook } from './keys.js';

type Of<Type extends KeysEvent['type']> = Extract<KeysEvent, { type: Type }>;

export type MasterRefusal =
  | { readonly code: 'WIRE_ACCOUNT_UNKNOWN'; readonly paytoUri: string }
  | { readonly code: 'WIRE_ACCOUNT_MORE_RECENT'; readonly changedAt: number }
  | { readonly code: 'WIRE_FEES_CONFLICT' }
  | { readonly code: 'GLOBAL_FEES_CONFLICT' }
  | { readonly code: 'OFFICER_MORE_RECENT'; readonly changedAt: number }
  | { readonly code: 'SIGNING_KEY_UNKNOWN'; readonly exchangePub: EddsaPub };

type MasterDecision<Event> = Decision<Event, MasterRefusal, undefined>;

export function decideWireAccount(
  book: KeyBook,
  offer: Of<'WireAccountEnabled'>,
): MasterDecision<Of<'WireAccountEnabled'>> {
  const change = book.accountChanges.get(offer.paytoUri);
  if (change?.enabled && change.at === offer.start) return repeat(undefined);
  if (change && change.at >= offer.start) return refuse({ code: 'WIRE_ACCOUNT_MORE_RECENT', changedAt: change.at });
  return accept(offer);
}

/** An account may end at the second at which it began. */
export function decideWireAccountEnd(
  book: KeyBook,
  end: Of<'WireAccountDisabled'>,
): MasterDecision<Of<'WireAccountDisabled'>> {
  const change = book.accountChanges.get(end.paytoUri);
  if (!change) return refuse({ code: 'WIRE_ACCOUNT_UNKNOWN', paytoUri: end.paytoUri });
  if (!change.enabled && change.at === end.end) return repeat(undefined);
  const isLate = change.at > end.end || (!change.enabled && change.at >= end.end);
  return isLate ? refuse({ code: 'WIRE_ACCOUNT_MORE_RECENT', changedAt: change.at }) : accept(end);
}

interface Period {
  readonly start: number;
  readonly end: number;
}

const overlap = (a: Period, b: Period): boolean => a.start < b.end && b.start < a.end;
const samePeriod = (a: Period, b: Period): boolean => a.start === b.start && a.end === b.end;

/** Two fees for one moment would let the exchange choose. */
export function decideWireFees(book: KeyBook, fees: Of<'WireFeesSet'>): MasterDecision<Of<'WireFeesSet'>> {
  const others = book.wireFees.filter((other) => other.method === fees.method && overlap(other, fees));
  if (others.length === 0) return accept(fees);
  const last = others.at(-1) as Of<'WireFeesSet'>;
  const same = samePeriod(last, fees) && last.wireFee === fees.wireFee && last.closingFee === fees.closingFee;
  return same ? repeat(undefined) : refuse({ code: 'WIRE_FEES_CONFLICT' });
}

const GLOBAL_TERMS = [
  'historyFee',
  'accountFee',
  'purseFee',
  'purseTimeoutUs',
  'historyExpirationUs',
  'purseAccountLimit',
] as const satisfies readonly (keyof Of<'GlobalFeesSet'>)[];

export function decideGlobalFees(book: KeyBook, fees: Of<'GlobalFeesSet'>): MasterDecision<Of<'GlobalFeesSet'>> {
  const others = book.globalFees.filter((other) => overlap(other, fees));
  if (others.length === 0) return accept(fees);
  const last = others.at(-1) as Of<'GlobalFeesSet'>;
  const same = samePeriod(last, fees) && GLOBAL_TERMS.every((term) => last[term] === fees[term]);
  return same ? repeat(undefined) : refuse({ code: 'GLOBAL_FEES_CONFLICT' });
}

export function decideExtensions(book: KeyBook, set: Of<'ExtensionsSet'>): MasterDecision<Of<'ExtensionsSet'>> {
  return book.extensions?.manifest === set.manifest ? repeat(undefined) : accept(set);
}

export function decideOfficer(book: KeyBook, officer: Of<'OfficerEnrolled'>): MasterDecision<Of<'OfficerEnrolled'>> {
  const known = book.officers.get(officer.officerPub);
  if (!known || known.changedAt < officer.changedAt) return accept(officer);
  const { name, active, readOnly, changedAt } = known;
  const same =
    name === officer.name &&
    active === officer.active &&
    readOnly === officer.readOnly &&
    changedAt === officer.changedAt;
  return same ? repeat(undefined) : refuse({ code: 'OFFICER_MORE_RECENT', changedAt });
}

export function decideLogKey(book: KeyBook, offer: Of<'LogKeyOffered'>): MasterDecision<Of<'LogKeyOffered'>> {
  return book.logKeys.some(({ logPub }) => logPub === offer.logPub) ? repeat(undefined) : accept(offer);
}

export function decideSigningKeyRevocation(
  book: KeyBook,
  revocation: Of<'SigningKeyRevoked'>,
): MasterDecision<Of<'SigningKeyRevoked'>> {
  const { exchangePub } = revocation;
  if (!book.signingKeys.has(exchangePub)) return refuse({ code: 'SIGNING_KEY_UNKNOWN', exchangePub });
  return book.revokedSigningKeys.has(exchangePub) ? repeat(undefined) : accept(revocation);
}
