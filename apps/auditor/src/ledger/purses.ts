/** Purses: what coins paid in, what reserves got, what went back; and that each ended once. */
import type { PurseEvent } from '@florin/domain';
import { type EventRef, inMoney } from '../findings.js';
import type { Layout, PackedMap } from '../packed.js';
import { type Context, type Report, reporter } from './context.js';
import type { Keys } from './keys.js';
import { type At, type Deposits, type Purse, PurseChecks } from './purse-checks.js';
import { purseSignature } from './purse-signatures.js';
import type { Totals } from './totals.js';

type Of<Type extends PurseEvent['type']> = Extract<PurseEvent, { type: Type }>;

/** How a purse ended of which nothing is owed any more. */
const SETTLED: Layout<number> = {
  bytes: 4,
  write: (view, offset, end) => view.setUint32(offset, end),
  read: (view, offset) => view.getUint32(offset),
};

/** How long after its expiration a purse must be ended, on an exchange that runs. */
const EXPIRE_GRACE_S = 24 * 3600;

export class Purses {
  private readonly checks: PurseChecks;
  private open = new Map<string, Purse>();
  private readonly settled: PackedMap<number>;
  /** Purses that may be settled once the unit is over. */
  private ending = new Set<string>();

  constructor(
    private readonly context: Context,
    private readonly parts: { readonly keys: Keys; readonly totals: Totals },
  ) {
    this.checks = new PurseChecks(context, parts.keys);
    this.settled = context.packed.make('settled purses', SETTLED);
  }

  /** How many are open. */
  get size(): number {
    return this.open.size;
  }

  /** What an open purse holds, without deposit fees. */
  balanceOf(pursePub: string): bigint | undefined {
    return this.open.get(pursePub)?.balance;
  }

  apply(event: PurseEvent, ref: EventRef, pursePub: string): void {
    const report = reporter(this.context, ref);
    if ('keysRevision' in event) {
      this.parts.keys.checkView({ event: ref, revision: event.keysRevision, at: event.at });
    }
    if (event.type === 'PurseCreated') {
      this.create(event, { ref, report, pursePub });
      return;
    }
    const purse = this.open.get(pursePub);
    if (!purse) {
      if (this.context.damage.has(ref.stream)) {
        this.context.unit.tear();
        return;
      }
      const isSettled = this.settled.has(pursePub);
      if (isSettled && event.type === 'PurseCoinsRefunded') {
        this.refundAgain(event, ref, pursePub, report);
        return;
      }
      report(
        isSettled ? 'purse-decided-twice' : 'event-missing',
        isSettled ? `${event.type} after the purse had ended` : `${event.type} of a purse that nobody made`,
      );
      return;
    }
    purse.lastIndex = ref.index;
    const at = { ref, report, pursePub, purse };
    switch (event.type) {
      case 'PurseDeposited':
        this.deposit(event, at);
        return;
      case 'PurseContractAdded':
        this.checks.checkStanding(event, at);
        if (purse.hasContract) report('purse-contract-wrong', 'it has a contract already');
        purse.hasContract = true;
        this.checks.contract(event, at);
        return;
      case 'PurseMerged':
        this.merge(event, at);
        return;
      case 'PurseExpired':
        if (event.at < purse.terms.expiresAt) {
          report('purse-expired-early', `at ${event.at}, it expires at ${purse.terms.expiresAt}`);
        }
        this.endBy('expired', at);
        return;
      case 'PurseDeleted':
        this.checks.checkTime(event, at);
        this.context.verify(ref, purseSignature.deletion(pursePub, event.purseSignature));
        if (purse.terms.request) {
          const facts = [event.purseSignature];
          this.context.unit.give('deletion', pursePub, { event: ref, units: 0n, facts });
        }
        this.endBy('deleted', at);
        return;
      case 'PurseCoinsRefunded':
        this.refund(event, at);
        return;
    }
  }

  /** The unit is over: what ended and owes nothing is remembered by its key alone. */
  settle(): void {
    for (const pursePub of this.ending) {
      const purse = this.open.get(pursePub);
      if (!purse?.end || (purse.end !== 'merged' && purse.owed > 0)) continue;
      this.open.delete(pursePub);
      this.settled.set(pursePub, 1);
    }
    this.ending.clear();
  }

  /** Purses that should have ended by `now`, or owe their coins money since long. */
  checkOverdue(now: number): void {
    for (const [pursePub, { terms, end, endedAt, coins, balance, fees, lastIndex }] of this.open) {
      const due = endedAt ?? terms.expiresAt;
      if (due + EXPIRE_GRACE_S >= now || this.context.damage.touches('purse')) continue;
      const what = end ? `is ${end} and owes its coins money` : 'was never ended';
      const event = { index: lastIndex, stream: `purse-${pursePub}`, number: 0, type: '', at: due };
      const detail = `purse ${pursePub} ${end ? 'ended' : 'expired'} at ${due} and ${what}`;
      let gain = balance + fees;
      for (const { amount, refunded } of coins.values()) if (refunded) gain -= amount;
      this.context.findings.addOnce(pursePub, { code: 'purse-not-closed', detail, event, gain });
    }
  }

  save(): unknown {
    return this.open;
  }

  load(saved: unknown): void {
    this.open = saved as Map<string, Purse>;
  }

  private create(event: Of<'PurseCreated'>, { ref, report, pursePub }: Omit<At, 'purse'>): void {
    const {
      target,
      minAge,
      expiresAt,
      contractTermsHash,
      mergePub,
      request,
      contract,
      purseSignature: signature,
    } = event;
    if (this.open.has(pursePub) || this.settled.has(pursePub)) {
      report('purse-decided-twice', 'the purse was made before');
      return;
    }
    const terms = { target, minAge, expiresAt, contractTermsHash, mergePub, ...(request && { request }) };
    const purse: Purse = {
      terms,
      hasContract: contract !== undefined,
      coins: new Map(),
      balance: 0n,
      fees: 0n,
      end: undefined,
      endedAt: undefined,
      owed: 0,
      lastIndex: ref.index,
    };
    this.open.set(pursePub, purse);
    const at = { ref, report, pursePub, purse };
    this.checks.checkTime(event, at);
    this.context.verify(ref, purseSignature.terms({ pursePub, ...terms }, signature));
    if (contract) this.checks.contract(contract, at);
    this.payIn(event, at);
    if (request) this.requested(event, request, at);
    else this.checks.checkLeast(event, at);
    this.checks.confirmed(event, at);
  }

  private requested(
    event: Of<'PurseCreated'>,
    request: NonNullable<Of<'PurseCreated'>['request']>,
    { ref, pursePub, report }: At,
  ): void {
    const { target, minAge, expiresAt, contractTermsHash, mergePub } = event;
    const { reservePub, mergeTimestamp, paidFrom, purseFee, reserveSignature } = request;
    const facts = [
      ...[reservePub, target, minAge, expiresAt, contractTermsHash, mergePub, mergeTimestamp],
      ...[paidFrom, reserveSignature],
    ];
    this.context.unit.take('request', pursePub, { event: ref, units: purseFee, facts });
    this.checks.mergeSigned(request, { ref, pursePub, report }, mergePub);
  }

  private deposit(event: Of<'PurseDeposited'>, at: At): void {
    this.checks.checkStanding(event, at);
    if (event.deposits.length === 0) at.report('event-malformed', 'nothing was paid in');
    this.payIn(event, at);
    this.checks.confirmed(event, at);
  }

  private payIn(
    { deposits, exchangeBaseUrl }: { deposits: Deposits; exchangeBaseUrl: string },
    { ref, report, pursePub, purse }: At,
  ): void {
    this.parts.keys.checkBaseUrl(exchangeBaseUrl, ref);
    for (const deposit of deposits) {
      const { coinPub, denominationHash, ageCommitmentHash, amount, depositFee, coinSignature } = deposit;
      const facts = [depositFee, denominationHash, ageCommitmentHash ?? '', coinSignature];
      this.context.unit.take('deposit', `${coinPub} into ${pursePub}`, { event: ref, units: amount, facts });
      if (purse.coins.has(coinPub)) {
        report('coin-counted-twice', `coin ${coinPub} is in the purse already`, -amount);
        continue;
      }
      purse.coins.set(coinPub, { amount, fee: depositFee, refunded: false });
      purse.balance += amount - depositFee;
      purse.fees += depositFee;
      this.checks.checkAge(deposit, { ref, report, purse });
    }
  }

  private merge(event: Of<'PurseMerged'>, at: At): void {
    const { ref, report, pursePub, purse } = at;
    const { credited, excess, depositFees, reservePub, mergeTimestamp, mergeSignature } = event;
    const { sums } = this.parts.totals;
    const { target, minAge, expiresAt, contractTermsHash, mergePub, request } = purse.terms;
    this.checks.checkStanding(event, at);
    this.checks.mergeSigned(event, at, mergePub);
    if (request && (request.reservePub !== reservePub || request.mergeSignature !== mergeSignature)) {
      report('request-mismatch', `merged into ${reservePub}, requested by ${request.reservePub}`);
    }
    if (!this.context.damage.has(ref.stream)) this.checks.checkMergeSum(event, at);
    const taken = credited + excess + depositFees;
    sums.purses -= taken;
    sums.reserves += credited;
    sums.excess += excess;
    sums.depositFees += depositFees;
    const facts = [reservePub, target, minAge, expiresAt, contractTermsHash, mergePub, mergeTimestamp];
    this.context.unit.give('merge', pursePub, { event: ref, units: credited, facts });
    this.endBy('merged', at);
  }

  private refund({ coins }: Of<'PurseCoinsRefunded'>, { ref, report, pursePub, purse }: At): void {
    if ((purse.end === undefined || purse.end === 'merged') && !this.context.damage.has(ref.stream)) {
      report('purse-refund-wrong', 'the purse did not end without a merge');
    }
    if (coins.length === 0) report('event-malformed', 'nothing was refunded');
    for (const { coinPub, amount } of coins) {
      this.context.unit.give('refund', `${pursePub} to ${coinPub}`, { event: ref, units: amount, facts: [] });
      const paid = purse.coins.get(coinPub);
      if (!paid) {
        if (!this.context.damage.has(ref.stream)) {
          report('purse-refund-wrong', `coin ${coinPub} paid nothing`, -amount);
        }
        continue;
      }
      if (paid.refunded) report('purse-refund-wrong', `coin ${coinPub} was refunded before`, -amount);
      else if (paid.amount !== amount) {
        const detail = `coin ${coinPub} paid ${inMoney(paid.amount)} and got ${inMoney(amount)}`;
        report('purse-refund-wrong', detail, paid.amount - amount);
      }
      if (!paid.refunded) purse.owed -= 1;
      paid.refunded = true;
    }
    this.ending.add(pursePub);
  }

  /** The purse owes nothing any more. */
  private refundAgain({ coins }: Of<'PurseCoinsRefunded'>, ref: EventRef, pursePub: string, report: Report): void {
    if (coins.length === 0) report('event-malformed', 'nothing was refunded');
    for (const { coinPub, amount } of coins) {
      this.context.unit.give('refund', `${pursePub} to ${coinPub}`, { event: ref, units: amount, facts: [] });
      report('purse-refund-wrong', `coin ${coinPub} was refunded before, or paid nothing`, -amount);
    }
  }

  private endBy(end: NonNullable<Purse['end']>, { ref, report, pursePub, purse }: At): void {
    if (purse.end !== undefined) report('purse-decided-twice', `${end} after it was ${purse.end}`);
    else Object.assign(purse, { end, endedAt: ref.at });
    if (end !== 'merged') purse.owed = [...purse.coins.values()].filter(({ refunded }) => !refunded).length;
    this.ending.add(pursePub);
  }
}
