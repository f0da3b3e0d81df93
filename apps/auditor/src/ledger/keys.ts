/** What the exchange offered and when: denominations, signing keys, fees, accounts, officers; and who vouched. */
import type { KeysEvent } from '@florin/domain';
import { EncodingError } from '@florin/encoding';
import { type EventRef, inMoney } from '../findings.js';
import { denominationHashOf } from '../signatures/check.js';
import { type Context, type Report, reporter } from './context.js';
import { accountHash } from './hashes.js';
import { masterJobs } from './master-signatures.js';

type Of<Type extends KeysEvent['type']> = Extract<KeysEvent, { type: Type }>;
type Offer = Of<'DenominationOffered'>;

export interface Denomination {
  readonly offer: Offer;
  /** Number of its event in `keys`. */
  readonly number: number;
  revoked: { readonly number: number; readonly at: number } | undefined;
}

/** A node that has not confirmed its view of `keys` for so long stops signing; times are whole seconds. */
const VIEW_AGE_MAX_S = 10 + 1;
/** What was decided is written within so many seconds, or was decided on a view that had been overtaken by then. */
const WRITING_MAX_S = 60;

/** Who asks: the event, and the view of the keys it was decided on. */
export interface View {
  readonly event: EventRef;
  /** How many events of `keys` the decision knew. */
  readonly revision: number;
  readonly at: number;
}

interface Numbered<Event> {
  readonly number: number;
  readonly event: Event;
}

export class Keys {
  private state = {
    revision: 0,
    terms: undefined as Of<'ExchangeConfigured'> | undefined,
    baseUrls: new Set<string>(),
    denominations: new Map<string, Denomination>(),
    signingKeys: new Map<string, Of<'SigningKeyOffered'>>(),
    revokedSigningKeys: new Map<string, number>(),
    logKeys: [] as Of<'LogKeyOffered'>[],
    accounts: new Map<string, Of<'WireAccountEnabled'>>(),
    /** Every account that was ever enabled, URIs by section name; what is disabled stays. */
    everEnabled: new Map<string, string>(),
    wireFees: [] as Numbered<Of<'WireFeesSet'>>[],
    globalFees: [] as Numbered<Of<'GlobalFeesSet'>>[],
    officers: new Map<string, Of<'OfficerEnrolled'>>(),
    /** What the master key said last of each account and when, by the name of the account. */
    accountChanges: new Map<string, { readonly isEnabled: boolean; readonly at: number }>(),
    /** When each event of `keys` happened, and was written, by number. */
    times: [] as number[],
    writtenTimes: [] as number[],
  };

  /** @param masterPub what the auditor knows; without it the ledger's own first word is taken */
  constructor(
    private readonly context: Context,
    private readonly masterPub: string | undefined,
    private readonly learned: (offer: Offer) => void,
  ) {}

  get terms(): Of<'ExchangeConfigured'> | undefined {
    return this.state.terms;
  }

  get logKeys(): readonly Of<'LogKeyOffered'>[] {
    return this.state.logKeys;
  }

  get denominations(): ReadonlyMap<string, Denomination> {
    return this.state.denominations;
  }

  get accounts(): readonly Of<'WireAccountEnabled'>[] {
    return [...this.state.accounts.values()];
  }

  /** URIs by section name, in the order in which they were enabled first. */
  get everEnabled(): ReadonlyMap<string, string> {
    return this.state.everEnabled;
  }

  get officers(): ReadonlyMap<string, Of<'OfficerEnrolled'>> {
    return this.state.officers;
  }

  /** The key that must have signed every offer. */
  get master(): string | undefined {
    return this.masterPub ?? this.state.terms?.masterPub;
  }

  apply(event: KeysEvent, ref: EventRef): void {
    const report = reporter(this.context, ref);
    const number = this.state.revision;
    this.state.revision += 1;
    this.state.times.push(event.at);
    this.state.writtenTimes.push(this.context.written.at);
    if (event.type === 'ExchangeConfigured') this.configure(event, report);
    const master = this.master; // if it is not given, the terms name it
    if (master !== undefined) for (const job of masterJobs(event, master)) this.context.verify(ref, job);
    switch (event.type) {
      case 'ExchangeConfigured':
        return;
      case 'LogKeyOffered':
        if (this.state.logKeys.some(({ logPub }) => logPub === event.logPub)) report('decision-stale', 'a log key');
        this.state.logKeys.push(event);
        return;
      case 'SigningKeyOffered':
        if (this.state.signingKeys.has(event.exchangePub)) report('decision-stale', 'a signing key that was offered');
        this.state.signingKeys.set(event.exchangePub, event);
        return;
      case 'SigningKeyRevoked':
        if (!this.state.signingKeys.has(event.exchangePub)) {
          report('revocation-unknown', `signing key ${event.exchangePub} was never offered`);
        }
        if (this.state.revokedSigningKeys.has(event.exchangePub)) report('decision-stale', 'it was revoked before');
        else this.state.revokedSigningKeys.set(event.exchangePub, event.at);
        return;
      case 'DenominationOffered':
        this.offer(event, number, report);
        return;
      case 'DenominationRevoked':
        this.revoke(event, number, report);
        return;
      case 'WireAccountEnabled':
        this.enable(event, report);
        return;
      case 'WireAccountDisabled':
        this.changeAccount(event.paytoUri, { isEnabled: false, at: event.end }, report);
        this.state.accounts.delete(event.paytoUri);
        return;
      case 'WireFeesSet':
        checkPeriod(event, this.state.wireFees, (other) => other.method === event.method, report);
        this.state.wireFees.push({ number, event });
        return;
      case 'GlobalFeesSet':
        checkPeriod(event, this.state.globalFees, () => true, report);
        this.state.globalFees.push({ number, event });
        return;
      case 'ExtensionsSet':
        return;
      case 'OfficerEnrolled': {
        const { changedAt = -1 } = this.state.officers.get(event.officerPub) ?? {};
        if (changedAt >= event.changedAt) {
          // Who was withdrawn is not an officer again because his enrolment is shown once more.
          report(
            'decision-stale',
            `of ${event.changedAt} about officer ${event.officerPub}, after one of ${changedAt}`,
          );
          return;
        }
        this.state.officers.set(event.officerPub, event);
        return;
      }
    }
  }

  /** Whether the decision knew of the keys what it should have: neither the future, nor a view long overtaken. */
  checkView({ event, revision, at }: View): void {
    const { times, writtenTimes } = this.state;
    if (this.isUncertain) return;
    const writtenAt = this.context.written.at;
    if (revision > times.length) {
      const detail = `it names ${revision} events of keys, there were ${times.length}`;
      this.context.findings.add({ code: 'keys-view-stale', event, detail });
    } else if ((times[revision] ?? Infinity) + VIEW_AGE_MAX_S < at) {
      const detail = `it was decided ${at - (times[revision] as number)} seconds after event ${revision} of keys`;
      this.context.findings.add({ code: 'keys-view-stale', event, detail });
    } else if ((writtenTimes[revision] ?? Infinity) + VIEW_AGE_MAX_S + WRITING_MAX_S < writtenAt) {
      const late = writtenAt - (writtenTimes[revision] as number);
      const detail = `it was written ${late} seconds after event ${revision} of keys`;
      this.context.findings.add({ code: 'keys-view-stale', event, detail });
    }
  }

  /**
   * The denomination for an operation, and a finding if it may not be used for it.
   * @param until the stamp that ends the operation
   */
  denomination(
    view: View,
    hash: string,
    { until, gain }: { until: 'expireWithdraw' | 'expireDeposit'; gain?: bigint },
  ): Denomination | undefined {
    const report = reporter(this.context, view.event);
    const found = this.state.denominations.get(hash);
    if (!found || found.number >= view.revision) {
      if (!this.isUncertain) report('denomination-unknown', `${hash} was not offered by then`, gain);
      return found;
    }
    const { start } = found.offer;
    const end = found.offer[until];
    // A request may be checked just before the end and committed just behind it.
    if (view.at < start || view.at >= end + VIEW_AGE_MAX_S) {
      report('denomination-not-valid', `${hash} is valid for this from ${start} to ${end}`, gain);
    }
    return found;
  }

  /** For what is not to be done with a revoked denomination. */
  checkNotRevoked(view: View, { offer, revoked }: Denomination, gain?: bigint): void {
    if (!revoked || revoked.number >= view.revision) return;
    const detail = `${offer.denominationHash} had been revoked at ${revoked.at}`;
    reporter(this.context, view.event)('denomination-revoked', detail, gain);
  }

  /** The closing fee of a wire method at a time, as far as a decision on this revision of `keys` knew. */
  closingFee(revision: number, method: string, time: number): bigint | undefined {
    const known = this.state.wireFees.filter(({ number }) => number < revision);
    return known.findLast(({ event }) => event.method === method && event.start <= time && time < event.end)?.event
      .closingFee;
  }

  globalFees(view: View, time: number): Of<'GlobalFeesSet'> | undefined {
    const known = this.state.globalFees.filter(({ number }) => number < view.revision);
    const fees = known.findLast(({ event }) => event.start <= time && time < event.end);
    if (!fees && !this.isUncertain) {
      reporter(this.context, view.event)('fee-missing', `no global fees hold at ${time}`);
    }
    return fees?.event;
  }

  /** Why this key could not sign at that time what an event of `at` carries; undefined if it could. */
  signingFault(exchangePub: string, time: number, at: number): string | undefined {
    if (Math.abs(time - at) > VIEW_AGE_MAX_S) return `it is dated ${time}, its event ${at}`;
    const key = this.state.signingKeys.get(exchangePub);
    if (!key) return this.isUncertain ? undefined : `${exchangePub} was never offered`;
    if (time < key.start || time >= key.expire) return `${exchangePub} signs from ${key.start} to ${key.expire}`;
    const revokedAt = this.state.revokedSigningKeys.get(exchangePub);
    return revokedAt !== undefined && revokedAt + VIEW_AGE_MAX_S < time ? `${exchangePub} was revoked` : undefined;
  }

  isBaseUrl(url: string): boolean {
    return this.state.baseUrls.has(url) || this.isUncertain;
  }

  /** Base URLs that were configured: what wallets sign names one of them. */
  checkBaseUrl(url: string, event: EventRef): void {
    if (this.isBaseUrl(url)) return;
    reporter(this.context, event)('base-url-unknown', 'the event names a base URL that was never configured');
  }

  /** Money came in, or was ordered to leave, by an account. */
  checkAccount(account: string, event: EventRef, gain?: bigint): void {
    if (this.state.everEnabled.has(account) || this.isUncertain) return;
    const detail = `account ${account} was never enabled`;
    reporter(this.context, event)('wire-account-unknown', detail, gain);
  }

  save(): unknown {
    return this.state;
  }

  load(saved: unknown): void {
    this.state = saved as typeof this.state;
    for (const { offer } of this.state.denominations.values()) this.learned(offer);
  }

  /** Some event of `keys` could not be read: what is missing is not held against anybody. */
  get isUncertain(): boolean {
    return this.context.damage.touches('keys');
  }

  private configure(event: Of<'ExchangeConfigured'>, report: Report): void {
    const { terms } = this.state;
    if (this.masterPub !== undefined && event.masterPub !== this.masterPub) {
      report('master-key-wrong', `the ledger names ${event.masterPub}`);
    }
    if (terms && (terms.currency !== event.currency || terms.masterPub !== event.masterPub)) {
      report('terms-changed', `from ${terms.currency} ${terms.masterPub} to ${event.currency} ${event.masterPub}`);
    }
    this.state.terms = event;
    this.state.baseUrls.add(event.baseUrl);
  }

  private offer(event: Offer, number: number, report: Report): void {
    const { denominationHash, start, expireWithdraw, expireDeposit, expireLegal, value } = event;
    if (denominationHashOf(event) !== denominationHash) {
      report('denomination-hash-wrong', `${denominationHash} is not the hash of its key`);
    }
    const isInOrder = start < expireWithdraw && expireWithdraw <= expireDeposit && expireDeposit <= expireLegal;
    if (!isInOrder || value <= 0n)
      report('denomination-terms-wrong', `a value of ${inMoney(value)}, times from ${start}`);
    if (this.state.denominations.has(denominationHash)) {
      report('denomination-repeated', `${denominationHash} was offered before`);
      return;
    }
    this.state.denominations.set(denominationHash, { offer: event, number, revoked: undefined });
    this.learned(event);
  }

  private enable(event: Of<'WireAccountEnabled'>, report: Report): void {
    const { account, paytoUri, start } = event;
    this.changeAccount(paytoUri, { isEnabled: true, at: start }, report);
    for (const [name, uri] of this.state.everEnabled) {
      if (name !== account && nameOf(uri) === nameOf(paytoUri)) {
        report('wire-account-repeated', `${account} is the account that is called ${name}`);
      }
    }
    this.state.accounts.set(paytoUri, event);
    if (!this.state.everEnabled.has(account)) this.state.everEnabled.set(account, paytoUri);
  }

  /** What the master key said of an account stands until it says something newer. It may end when it begins. */
  private changeAccount(paytoUri: string, change: { isEnabled: boolean; at: number }, report: Report): void {
    const earlier = this.state.accountChanges.get(paytoUri);
    const isNewer =
      !earlier || earlier.at < change.at || (earlier.at === change.at && earlier.isEnabled && !change.isEnabled);
    if (!isNewer) report('decision-stale', `about an account, of ${change.at}, after one of ${earlier.at}`);
    this.state.accountChanges.set(paytoUri, change);
  }

  private revoke({ denominationHash, at }: Of<'DenominationRevoked'>, number: number, report: Report): void {
    const denomination = this.state.denominations.get(denominationHash);
    if (denomination?.revoked) report('decision-stale', `${denominationHash} was revoked before`);
    else if (denomination) denomination.revoked = { number, at };
    else if (!this.isUncertain) report('revocation-unknown', `${denominationHash} was never offered`);
  }
}

/** The account that a URI names, however it is spelled. */
function nameOf(paytoUri: string): string {
  try {
    return accountHash(paytoUri);
  } catch (error) {
    if (error instanceof EncodingError) return paytoUri;
    throw error;
  }
}

/** Times of fees must be possible, and agree with those that were set for the same times before. */
function checkPeriod<Event extends { readonly start: number; readonly end: number }>(
  event: Event,
  earlier: readonly Numbered<Event>[],
  concerns: (other: Event) => boolean,
  report: Report,
): void {
  if (event.start >= event.end) report('fee-period-wrong', `from ${event.start} to ${event.end}`);
  const overlapping = earlier.find(
    ({ event: other }) => concerns(other) && other.start < event.end && event.start < other.end,
  );
  if (overlapping) {
    const { start, end } = overlapping.event;
    report('fee-period-overlap', `${event.start} to ${event.end} overlaps ${start} to ${end}`);
  }
}
