/** What the exchange offers, folded from the `keys` stream: denominations, signing keys, fees, accounts, officers. */
import { assert, unreachable } from './assert.js';
import type { Decider, Decision } from './decision.js';
import { accept, refuse } from './decision.js';
import type { KeysEvent } from './events/keys.js';
import type { DenominationHash, EddsaPub } from './events/names.js';

type Of<Type extends KeysEvent['type']> = Extract<KeysEvent, { type: Type }>;
export type OfferedDenomination = Of<'DenominationOffered'>;
export type OfferedSigningKey = Of<'SigningKeyOffered'>;
export type WireAccountOffer = Of<'WireAccountEnabled'>;

export interface KeyBook {
  /** Events folded so far: the revision of `keys` that decisions name. */
  revision: number;
  terms: Of<'ExchangeConfigured'> | undefined;
  readonly denominations: Map<DenominationHash, OfferedDenomination>;
  readonly revoked: Map<DenominationHash, Of<'DenominationRevoked'>>;
  readonly signingKeys: Map<EddsaPub, OfferedSigningKey>;
  readonly revokedSigningKeys: Set<EddsaPub>;
  readonly logKeys: Of<'LogKeyOffered'>[];
  /** Those that are enabled, by payto URI. */
  readonly accounts: Map<string, WireAccountOffer>;
  /** When each account was last enabled or disabled, as the master key signed it; by payto URI. */
  readonly accountChanges: Map<string, { readonly enabled: boolean; readonly at: number }>;
  readonly wireFees: Of<'WireFeesSet'>[];
  readonly globalFees: Of<'GlobalFeesSet'>[];
  extensions: Of<'ExtensionsSet'> | undefined;
  readonly officers: Map<EddsaPub, Of<'OfficerEnrolled'>>;
  /** When something last changed: seconds. */
  changedAt: number;
}

export const keyBook: Decider<KeyBook, KeysEvent> = {
  initial: () => ({
    revision: 0,
    terms: undefined,
    denominations: new Map(),
    revoked: new Map(),
    signingKeys: new Map(),
    revokedSigningKeys: new Set(),
    logKeys: [],
    accounts: new Map(),
    accountChanges: new Map(),
    wireFees: [],
    globalFees: [],
    extensions: undefined,
    officers: new Map(),
    changedAt: 0,
  }),
  evolve,
};

type OutOfTime =
  | { readonly code: 'DENOMINATION_UNKNOWN'; readonly denominationHash: DenominationHash }
  | { readonly code: 'DENOMINATION_EXPIRED'; readonly denominationHash: DenominationHash }
  | { readonly code: 'DENOMINATION_NOT_YET_VALID'; readonly denominationHash: DenominationHash };
export type DenominationRefusal =
  | OutOfTime
  | { readonly code: 'DENOMINATION_REVOKED'; readonly denominationHash: DenominationHash };
export type RecoupDenominationRefusal =
  | OutOfTime
  | { readonly code: 'DENOMINATION_NOT_REVOKED'; readonly denominationHash: DenominationHash };

/**
 * The denomination for an operation at `now`, checked in the protocol's order: known, not expired, begun, not revoked.
 * @param until which stamp ends the operation: coins are signed until `expireWithdraw`, spent until `expireDeposit`
 */
export function usableDenomination(
  book: KeyBook,
  denominationHash: DenominationHash,
  when: { now: number; until: 'expireWithdraw' | 'expireDeposit' },
): Decision<OfferedDenomination, DenominationRefusal> {
  const timely = timelyDenomination(book, denominationHash, when);
  const isRevoked = timely.kind === 'accept' && book.revoked.has(denominationHash);
  return isRevoked ? refuse({ code: 'DENOMINATION_REVOKED', denominationHash }) : timely;
}

/** The denomination of coins that are to be recouped at `now`: known, still redeemed, begun, and revoked. */
export function recoupableDenomination(
  book: KeyBook,
  denominationHash: DenominationHash,
  now: number,
): Decision<OfferedDenomination, RecoupDenominationRefusal> {
  const timely = timelyDenomination(book, denominationHash, { now, until: 'expireDeposit' });
  const stands = timely.kind === 'accept' && !book.revoked.has(denominationHash);
  return stands ? refuse({ code: 'DENOMINATION_NOT_REVOKED', denominationHash }) : timely;
}

function timelyDenomination(
  book: KeyBook,
  denominationHash: DenominationHash,
  { now, until }: { now: number; until: 'expireWithdraw' | 'expireDeposit' },
): Decision<OfferedDenomination, OutOfTime> {
  const denomination = book.denominations.get(denominationHash);
  if (!denomination) return refuse({ code: 'DENOMINATION_UNKNOWN', denominationHash });
  if (denomination[until] <= now) return refuse({ code: 'DENOMINATION_EXPIRED', denominationHash });
  if (denomination.start > now) return refuse({ code: 'DENOMINATION_NOT_YET_VALID', denominationHash });
  return accept(denomination);
}

/** The online key to sign a reply with: the one that lasts longest among those that are valid now. */
export function activeSigningKey(book: KeyBook, now: number): OfferedSigningKey | undefined {
  let best: OfferedSigningKey | undefined;
  for (const key of book.signingKeys.values()) {
    const valid = key.start <= now && now < key.expire && !book.revokedSigningKeys.has(key.exchangePub);
    if (valid && (!best || key.expire > best.expire)) best = key;
  }
  return best;
}

/** Fees of `method` at `time`; the record set last wins where an operator replaced one. */
export const wireFeesAt = (book: KeyBook, method: string, time: number): Of<'WireFeesSet'> | undefined =>
  book.wireFees.findLast((fees) => fees.method === method && fees.start <= time && time < fees.end);

export const globalFeesAt = (book: KeyBook, time: number): Of<'GlobalFeesSet'> | undefined =>
  book.globalFees.findLast((fees) => fees.start <= time && time < fees.end);

function evolve(book: KeyBook, event: KeysEvent): KeyBook {
  book.revision += 1;
  book.changedAt = Math.max(book.changedAt, event.at);
  switch (event.type) {
    case 'ExchangeConfigured':
      assert(
        !book.terms || (book.terms.currency === event.currency && book.terms.masterPub === event.masterPub),
        'a ledger keeps its currency and its master key',
      );
      book.terms = event;
      return book;
    case 'LogKeyOffered':
      book.logKeys.push(event);
      return book;
    case 'SigningKeyOffered':
      book.signingKeys.set(event.exchangePub, event);
      return book;
    case 'SigningKeyRevoked':
      book.revokedSigningKeys.add(event.exchangePub);
      return book;
    case 'DenominationOffered':
      book.denominations.set(event.denominationHash, event);
      return book;
    case 'DenominationRevoked':
      book.revoked.set(event.denominationHash, event);
      return book;
    case 'WireAccountEnabled':
      book.accounts.set(event.paytoUri, event);
      book.accountChanges.set(event.paytoUri, { enabled: true, at: event.start });
      return book;
    case 'WireAccountDisabled':
      book.accounts.delete(event.paytoUri);
      book.accountChanges.set(event.paytoUri, { enabled: false, at: event.end });
      return book;
    case 'WireFeesSet':
      book.wireFees.push(event);
      return book;
    case 'GlobalFeesSet':
      book.globalFees.push(event);
      return book;
    case 'ExtensionsSet':
      book.extensions = event;
      return book;
    case 'OfficerEnrolled':
      book.officers.set(event.officerPub, event);
      return book;
    default:
      return unreachable(event);
  }
}
