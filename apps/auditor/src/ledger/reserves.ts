/** Reserves: every cent that came in, and where it went. */
import type { ReserveEvent, ReservePurseEvent } from '@florin/domain';
import { type EventRef, inMoney } from '../findings.js';
import type { Layout, PackedMap } from '../packed.js';
import type { Accounts } from './accounts.js';
import { checkCloseRefusal, checkClosing } from './closings.js';
import { type Context, type Report, reporter } from './context.js';
import type { DenominationLedger } from './denominations.js';
import type { Keys } from './keys.js';
import { purseSignature } from './purse-signatures.js';
import type { Purses } from './purses.js';
import { type At, ReserveChecks, termsOf } from './reserve-checks.js';
import { NO_RESERVE, RESERVE, type Reserve } from './reserve-record.js';
import type { Totals } from './totals.js';
import type { Withdrawn } from './withdrawn.js';

type Event = ReserveEvent | ReservePurseEvent;
type Of<Type extends Event['type']> = Extract<Event, { type: Type }>;

export interface ReserveParts {
  readonly keys: Keys;
  readonly accounts: Accounts;
  readonly ledger: DenominationLedger;
  readonly totals: Totals;
  readonly withdrawn: Withdrawn;
  readonly purses: Purses;
}

/** How long after its expiration a reserve must be closed, on an exchange that runs. */
const CLOSE_GRACE_S = 24 * 3600;

/** What is received counts for the reserve itself. */
const OWN_ACCOUNT = { originAccount: '', receivedFromPurse: true } as const;

/** A map that is a set. */
const NOTHING: Layout<undefined> = { bytes: 0, write: () => {}, read: () => undefined };

export class Reserves {
  private readonly checks: ReserveChecks;
  private readonly reserves: PackedMap<Reserve>;
  /** Requests to close that were answered: the same one again is never a second closing. */
  private readonly closes: PackedMap<undefined>;
  /** Open purses out of the quota, by reserve, and when each expires. */
  private quota = new Map<string, Map<string, number>>();

  constructor(
    private readonly context: Context,
    private readonly parts: ReserveParts,
  ) {
    this.checks = new ReserveChecks(context, parts.keys);
    this.reserves = context.packed.make('reserves', RESERVE);
    this.closes = context.packed.make('closes', NOTHING);
  }

  get size(): number {
    return this.reserves.size;
  }

  apply(event: Event, ref: EventRef, reservePub: string): void {
    const report = reporter(this.context, ref);
    const before = this.reserves.get(reservePub) ?? NO_RESERVE;
    const reserve = { ...before };
    if ('keysRevision' in event) {
      this.parts.keys.checkView({ event: ref, revision: event.keysRevision, at: event.at });
    }
    this.evolve(event, { ref, report, reserve, reservePub });
    this.parts.totals.sums.reserves += reserve.balance - before.balance - this.movedElsewhere(event);
    if (reserve.balance < 0n) {
      const short = -reserve.balance - (before.balance < 0n ? -before.balance : 0n);
      const detail = `its balance fell to ${inMoney(reserve.balance)}`;
      if (short > 0n && !this.context.damage.has(ref.stream)) report('reserve-overdrawn', detail, -short);
    }
    reserve.exists = true;
    this.reserves.set(reservePub, reserve);
  }

  /** Reserves that should have been closed by `now`: an exchange that runs looks every few seconds. */
  checkOverdue(now: number): void {
    if (this.context.damage.touches('reserve')) return; // it may have been closed where nothing can be read
    for (const [reservePub, { balance, expiresAt, originHash, lastIndex }] of this.reserves.entries()) {
      if (originHash === '' || balance <= 0n || expiresAt + CLOSE_GRACE_S >= now) continue;
      const detail = `reserve ${reservePub} expired at ${expiresAt} and holds ${inMoney(balance)}`;
      const stream = `reserve-${reservePub}`;
      const event = { index: lastIndex, stream, number: 0, type: '', at: expiresAt };
      this.context.findings.addOnce(reservePub, { code: 'reserve-not-closed', detail, event, gain: balance });
    }
  }

  save(): unknown {
    return this.quota;
  }

  load(saved: unknown): void {
    this.quota = saved as Map<string, Map<string, number>>;
  }

  /** What coins and purses give is counted into the sum of reserves by their own streams. */
  private movedElsewhere(event: Event): bigint {
    if (event.type === 'CoinsRecouped') return event.amount;
    if (event.type === 'PurseMergedIntoReserve') return event.target;
    return 0n;
  }

  private evolve(event: Event, at: At): void {
    switch (event.type) {
      case 'ReserveFunded':
        this.fund(event, at);
        return;
      case 'CoinsWithdrawn':
        this.withdraw(event, at);
        return;
      case 'CloseRequested':
        this.refuseClose(event, at);
        return;
      case 'ReserveClosed':
        this.close(event, at);
        return;
      case 'CoinsRecouped':
        this.recoup(event, at);
        return;
      case 'PurseRequested':
        this.request(event, at);
        return;
      case 'RequestedPurseDeleted':
        this.leave(at.reservePub, event.pursePub);
        this.context.unit.take('deletion', event.pursePub, { event: at.ref, units: 0n, facts: [event.purseSignature] });
        return;
      case 'PurseMergedIntoReserve':
        this.merge(event, at);
        return;
    }
  }

  private fund(event: Of<'ReserveFunded'>, { ref, report, reserve, reservePub }: At): void {
    const { amount, wireAccount, bankRow, bankTime, originHash, originAccount, sealedOrigin } = event;
    reserve.balance += amount;
    this.checks.extend(event, { ref, report, reserve }, this.checks.delays(event.at));
    reserve.originHash = originHash;
    reserve.originAccount = originAccount;
    this.parts.accounts.checkSealed(ref, { sealed: sealedOrigin, account: originAccount, hash: originHash });
    const facts = [reservePub, originHash, originAccount, bankTime];
    this.context.unit.take('credit', `${wireAccount} row ${bankRow}`, { event: ref, units: amount, facts });
  }

  private withdraw(event: Of<'CoinsWithdrawn'>, { ref, report, reserve, reservePub }: At): void {
    const { coins, cost, commitment, at, keysRevision } = event;
    const { keys, ledger, totals, withdrawn, accounts } = this.parts;
    const view = { event: ref, revision: keysRevision, at };
    if (coins.length === 0) report('event-malformed', 'nothing was withdrawn');
    let sum = 0n;
    for (const { denominationHash, envelopeHash, planchet, value, fee } of coins) {
      const price = value + fee;
      sum += price;
      const denomination = keys.denomination(view, denominationHash, { until: 'expireWithdraw', gain: -value });
      if (denomination) {
        keys.checkNotRevoked(view, denomination);
        const { value: worth, feeWithdraw, expireDeposit } = denomination.offer;
        if (value !== worth || fee !== feeWithdraw) {
          const [paid, due] = [
            `${inMoney(value)} and a fee of ${inMoney(fee)}`,
            `${inMoney(worth)} and ${inMoney(feeWithdraw)}`,
          ];
          const detail = `${paid} instead of ${due}`;
          report('withdraw-price-wrong', detail, price - worth - feeWithdraw);
        }
        ledger.issue(denominationHash, worth);
        const envelope = { reservePub, commitment, envelopeHash, denominationHash };
        withdrawn.add(ref, { ...envelope, price, expiresAt: expireDeposit });
        totals.sums.withdrawFees += price - worth;
      }
      if (planchet.cipher === 'CS') {
        const facts = [envelopeHash, reservePub];
        const id = `${denominationHash}.${planchet.nonce}`;
        this.context.unit.take('nonce', id, { event: ref, units: 0n, facts });
      }
    }
    if (sum !== cost) report('withdraw-cost-wrong', `${inMoney(cost)}, its coins cost ${inMoney(sum)}`, cost - sum);
    totals.sums.withdrawFees += cost - sum;
    reserve.balance -= cost;
    this.checks.checkCollectable(event, { report, reserve, ref }, this.checks.delays(at).collectableAt);
    for (const account of accounts.namesOf(reserve, reservePub)) {
      const half = { event: ref, units: 0n, facts: [cost] };
      this.context.unit.give('count', `withdrawal from ${reservePub} by ${account}`, half);
    }
    accounts.checkAges(ref, reserve, reservePub, at);
    const priced = coins.map(
      ({ denominationHash, planchet, envelopeHash, reserveSignature, blindSignature, ...paid }) => {
        const price = paid.value + paid.fee;
        return { denominationHash, planchet, envelopeHash, price, reserveSignature, blindSignature };
      },
    );
    const gains = coins.map(({ value, fee }) => value + fee);
    this.context.verify(ref, { check: 'withdrawal', reservePub, coins: priced, commitment }, gains);
  }

  private refuseClose(event: Of<'CloseRequested'>, { ref, report, reserve, reservePub }: At): void {
    const { requestTimestamp, designatedHash } = event;
    checkCloseRefusal(this.context, this.parts, { event, ref, report, reserve, reservePub });
    this.rememberClose(reservePub, { requestTimestamp, designatedHash }, report);
  }

  private close(event: Of<'ReserveClosed'>, { ref, report, reserve, reservePub }: At): void {
    const { requestTimestamp, designatedHash, debited, wireAmount, closing } = event;
    const { sums } = this.parts.totals;
    checkClosing(this.context, this.parts, { event, ref, report, reserve, reservePub });
    if (requestTimestamp !== undefined) this.rememberClose(reservePub, { requestTimestamp, designatedHash }, report);
    reserve.balance -= debited;
    reserve.closings = closing;
    sums.closingFees += event.closingFee;
    sums.dust += debited - wireAmount - event.closingFee;
    sums.transfers += wireAmount;
  }

  private rememberClose(
    reservePub: string,
    { requestTimestamp, designatedHash }: { requestTimestamp: number; designatedHash: string | undefined },
    report: Report,
  ): void {
    const key = `:${reservePub} ${requestTimestamp} ${designatedHash ?? ''}`;
    if (this.closes.has(key)) report('close-repeated', `the request of ${requestTimestamp} was answered before`);
    this.closes.set(key, undefined);
  }

  private recoup(event: Of<'CoinsRecouped'>, { ref, report, reserve, reservePub }: At): void {
    const { coins, amount, commitment } = event;
    let sum = 0n;
    if (coins.length === 0) report('event-malformed', 'nothing was recouped');
    const withdrawals = new Set<number | undefined>();
    let isOfCommitment = true;
    for (const { coinPub, envelopeHash, amount: units } of coins) {
      sum += units;
      withdrawals.add(this.parts.withdrawn.withdrawalOf(reservePub, envelopeHash));
      isOfCommitment &&=
        commitment === undefined || this.parts.withdrawn.isCommittedTo(reservePub, envelopeHash, commitment);
      const half = { event: ref, units, facts: [envelopeHash] };
      this.context.unit.take('recoup', `${coinPub} to ${reservePub}`, half);
    }
    if (sum !== amount)
      report('recoup-amount-wrong', `${inMoney(amount)}, its coins give ${inMoney(sum)}`, sum - amount);
    if (commitment !== undefined && withdrawals.size > 1 && !this.context.damage.any) {
      report('recoup-unknown-envelope', 'the coins of one commitment come from several withdrawals');
    }
    if (!isOfCommitment) report('withdraw-commitment-wrong', 'its coins were not withdrawn under that commitment');
    reserve.balance += amount;
    this.checks.extend(event, { ref, report, reserve }, this.checks.delays(event.at));
  }

  private request(event: Of<'PurseRequested'>, { ref, report, reserve, reservePub }: At): void {
    const { pursePub, paidFrom, purseFee, at, keysRevision, confirmation, reserveSignature, purseExpiresAt } = event;
    const view = { event: ref, revision: keysRevision, at };
    const fees = this.parts.keys.globalFees(view, at);
    reserve.balance -= purseFee;
    this.parts.totals.sums.purseFees += purseFee;
    if (paidFrom === 'quota') {
      if (purseFee !== 0n) report('purse-fee-wrong', `a fee of ${inMoney(purseFee)} out of the quota`, purseFee);
      const open = this.quota.get(reservePub) ?? new Map<string, number>();
      for (const [purse, expiresAt] of open) if (expiresAt <= at) open.delete(purse);
      open.set(pursePub, purseExpiresAt);
      this.quota.set(reservePub, open);
      if (fees && open.size > fees.purseAccountLimit) {
        report('purse-quota-exceeded', `${open.size} open purses, the quota is ${fees.purseAccountLimit}`);
      }
    } else if (fees && purseFee < fees.purseFee) {
      report(
        'purse-fee-wrong',
        `${inMoney(purseFee)}, the least is ${inMoney(fees.purseFee)}`,
        purseFee - fees.purseFee,
      );
    }
    const facts = [reservePub, ...termsOf(event), paidFrom, reserveSignature];
    this.context.unit.give('request', pursePub, { event: ref, units: purseFee, facts });
    this.receive(event, ref, reservePub);
    this.context.verify(ref, purseSignature.accountMerge({ ...event, reservePub }));
    this.checks.confirmed(ref, event, confirmation);
    if (confirmation.totalDeposited !== 0n) {
      report('purse-balance-wrong', `${inMoney(confirmation.totalDeposited)} were confirmed of a new purse`);
    }
  }

  private merge(event: Of<'PurseMergedIntoReserve'>, { ref, report, reserve, reservePub }: At): void {
    const { pursePub, target, confirmation, depositConfirmation, exchangeBaseUrl, at } = event;
    this.parts.keys.checkBaseUrl(exchangeBaseUrl, ref);
    reserve.balance += target;
    // A reserve that this creates, or whose purse a deposit completed, is kept as long as records are.
    const isNew = !reserve.exists || depositConfirmation !== undefined;
    const delays = this.checks.delays(at);
    this.checks.extend(
      event,
      { ref, report, reserve },
      isNew ? { ...delays, expiresAt: delays.collectableAt } : delays,
    );
    reserve.receivedFromPurse = true;
    this.leave(reservePub, pursePub);
    const facts = [reservePub, ...termsOf(event)];
    this.context.unit.take('merge', pursePub, { event: ref, units: target, facts });
    this.receive(event, ref, reservePub);
    this.context.verify(ref, purseSignature.accountMerge({ ...event, reservePub }));
    this.checks.signedByExchange(ref, confirmation);
    this.context.verify(ref, purseSignature.merged({ ...event, reservePub }));
    if (!depositConfirmation) {
      // A purse that was requested is merged by the deposit that fills it, and by hand if it asks for nothing.
      if (event.paidFrom !== 'merge' && target > 0n)
        report('bad-signature-exchange', 'the deposit that merged it was not confirmed');
      return;
    }
    this.checks.confirmed(ref, event, depositConfirmation);
    const held = this.parts.purses.balanceOf(pursePub);
    const { totalDeposited } = depositConfirmation;
    if (held !== undefined && held !== totalDeposited && !this.context.damage.touches('purse')) {
      report('purse-balance-wrong', `${inMoney(totalDeposited)} were confirmed, the purse holds ${inMoney(held)}`);
    }
  }

  /** A purse of the quota is open no longer. */
  private leave(reservePub: string, pursePub: string): void {
    const open = this.quota.get(reservePub);
    open?.delete(pursePub);
    if (open?.size === 0) this.quota.delete(reservePub);
  }

  /** A limit on what a reserve receives counts with the merge, or with the request for the purse. */
  private receive({ pursePub, target }: { pursePub: string; target: bigint }, ref: EventRef, reservePub: string): void {
    for (const account of this.parts.accounts.namesOf(OWN_ACCOUNT, reservePub)) {
      const half = { event: ref, units: 0n, facts: [target] };
      this.context.unit.give('count', `receipt of ${pursePub} by ${account}`, half);
    }
  }
}
