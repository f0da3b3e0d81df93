/** What is checked of a reserve besides its balance: its dates, and what the exchange confirmed. */
import type { ReservePurseEvent } from '@florin/domain';
import type { EventRef } from '../findings.js';
import { type Context, type Report, reporter } from './context.js';
import type { Keys } from './keys.js';
import { purseSignature } from './purse-signatures.js';
import type { Reserve } from './reserve-record.js';

type Of<Type extends ReservePurseEvent['type']> = Extract<ReservePurseEvent, { type: Type }>;

/** An event being applied. */
export interface At {
  readonly ref: EventRef;
  readonly report: Report;
  readonly reserve: Reserve;
  readonly reservePub: string;
}

interface Dates {
  readonly expiresAt: number;
  readonly collectableAt: number;
}

export class ReserveChecks {
  constructor(
    private readonly context: Context,
    private readonly keys: Keys,
  ) {}

  confirmed(
    ref: EventRef,
    event: Of<'PurseRequested' | 'PurseMergedIntoReserve'>,
    confirmation: Of<'PurseRequested'>['confirmation'],
  ): void {
    this.signedByExchange(ref, confirmation);
    const { pursePub, target, purseExpiresAt: expiresAt, contractTermsHash } = event;
    const purse = { pursePub, target, expiresAt, contractTermsHash };
    this.context.verify(ref, purseSignature.confirmation(purse, confirmation));
  }

  signedByExchange(ref: EventRef, signed: { exchangePub: string; exchangeTimestamp: number }): void {
    const fault = this.keys.signingFault(signed.exchangePub, signed.exchangeTimestamp, ref.at);
    if (fault !== undefined) reporter(this.context, ref)('bad-signature-exchange', fault);
  }

  /** Without terms nobody knows the delays: then nothing is said about dates. */
  delays(at: number): Dates {
    const { reserveClosingDelayS = Number.NaN, legalDelayS = Number.NaN } = this.keys.terms ?? {};
    return { expiresAt: at + reserveClosingDelayS, collectableAt: at + legalDelayS };
  }

  /** Money came in: both dates are at least these, and never earlier than they were. */
  extend(event: Dates, { ref, report, reserve }: Pick<At, 'ref' | 'report' | 'reserve'>, least: Dates): void {
    const expected = reserve.expiresAt > least.expiresAt ? reserve.expiresAt : least.expiresAt;
    if (event.expiresAt !== expected && this.keys.terms && !this.context.damage.has(ref.stream)) {
      report('reserve-dates-wrong', `expires at ${event.expiresAt} instead of ${expected}`);
    }
    reserve.expiresAt = event.expiresAt;
    this.checkCollectable(event, { ref, report, reserve }, least.collectableAt);
  }

  checkCollectable(
    event: { readonly collectableAt: number },
    { ref, report, reserve }: Pick<At, 'ref' | 'report' | 'reserve'>,
    least: number,
  ): void {
    const expected = reserve.collectableAt > least ? reserve.collectableAt : least;
    if (event.collectableAt !== expected && this.keys.terms && !this.context.damage.has(ref.stream)) {
      report('reserve-dates-wrong', `collectable at ${event.collectableAt} instead of ${expected}`);
    }
    reserve.collectableAt = event.collectableAt;
    reserve.lastIndex = ref.index;
  }
}

/** What reserve and purse must say alike of a purse. */
export const termsOf = (
  event: Of<'PurseRequested' | 'PurseMergedIntoReserve'>,
): readonly (string | number | bigint)[] => [
  event.target,
  event.minAge,
  event.purseExpiresAt,
  event.contractTermsHash,
  event.mergePub,
  event.mergeTimestamp,
];
