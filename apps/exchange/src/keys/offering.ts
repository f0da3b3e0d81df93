/**
 * Sees to it that there is always something valid to offer: plans keys ahead, has the signers make them, has the master
 * key sign them, and records them. Order: key file synced, loaded by every live signer, then the event.
 */
import {
  accept,
  type DenominationHash,
  type EddsaPub,
  type EddsaSignature,
  type KeyBook,
  type KeysEvent,
  repeat,
  Streams,
} from '@florin/domain';
import { decodeBase32, encodeBase32 } from '@florin/encoding';
import { Ledger } from '@florin/event-store';
import {
  denominationMessage,
  denominationOffer,
  type PlannedDenomination,
  planDenominations,
  planSigningKeys,
  Signers,
  signingKeyMessage,
  signingKeyOffer,
} from '@florin/signing';
import { Injectable } from '@nestjs/common';
import { Revocations } from '../management/revocations.js';
import { Clock } from '../runtime/clock.js';
import { KeyRing } from '../runtime/key-ring.js';
import { Config, Log } from '../runtime/tokens.js';
import { MasterTerms } from './master-terms.js';

/** How many new denominations are recorded in one unit: the first are offered while the later are still made. */
const DENOMINATIONS_PER_UNIT = 8;

@Injectable()
export class Offering {
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly ledger: Ledger,
    private readonly streams: Streams,
    private readonly signers: Signers,
    private readonly keys: KeyRing,
    private readonly terms: MasterTerms,
    private readonly revocations: Revocations,
    private readonly clock: Clock,
    private readonly config: Config,
    private readonly log: Log,
  ) {}

  /** Records whatever is due now. Rounds do not overlap; one that finds nothing to do writes nothing. */
  round(): Promise<void> {
    this.running = this.running.then(
      () => this.offerWhatIsDue(),
      () => this.offerWhatIsDue(),
    );
    return this.running;
  }

  private async offerWhatIsDue(): Promise<void> {
    const book = await this.keys.confirm();
    await this.revocations.enforce(book);
    if (this.config.mode === 'production') return; // the offline master key signs; keys are imported by the admin
    await this.record(book, await this.terms.missing(book));
    await this.record(book, await this.signingKeys(book));
    for (;;) {
      const planned = this.plannedDenominations(book).slice(0, DENOMINATIONS_PER_UNIT);
      if (planned.length === 0) return;
      const events = await this.denominations(book, planned);
      if (!(await this.record(book, events))) return; // another node was faster: look again at the next round
      this.log.info({ keys: events.length, first: planned[0]?.start }, 'denominations were offered');
    }
  }

  private async signingKeys(book: KeyBook): Promise<KeysEvent[]> {
    const { overlap, lookahead, signingKeyFor, signingKeyLegalFor } = this.config.keySchedule;
    const offered = [...book.signingKeys.values()].map((key) => ({
      ...key,
      revoked: book.revokedSigningKeys.has(key.exchangePub),
    }));
    const schedule = {
      overlapSeconds: overlap,
      lookaheadSeconds: lookahead,
      signSeconds: signingKeyFor,
      legalSeconds: signingKeyLegalFor,
    };
    const at = this.clock.now();
    return Promise.all(
      planSigningKeys(schedule, offered, at).map(async (stamps): Promise<KeysEvent> => {
        const offer = signingKeyOffer(stamps, await this.signers.generate({ kind: 'signing' }));
        const masterSignature = await this.terms.sign(signingKeyMessage(offer));
        const exchangePub = encodeBase32(offer.exchangePub) as EddsaPub;
        return { type: 'SigningKeyOffered', ...stamps, exchangePub, masterSignature, at };
      }),
    );
  }

  private plannedDenominations(book: KeyBook): PlannedDenomination[] {
    const { currency, denominations, keySchedule } = this.config;
    const money = (units: bigint) => ({ currency, units });
    const configured = denominations.map((denomination) => ({
      value: money(denomination.value),
      fees: {
        withdraw: money(denomination.feeWithdraw),
        deposit: money(denomination.feeDeposit),
        refresh: money(denomination.feeRefresh),
        refund: money(denomination.feeRefund),
      },
      ...(denomination.cipher === 'RSA'
        ? { cipher: 'RSA' as const, bits: denomination.bits }
        : { cipher: 'CS' as const }),
      ageMask: denomination.ageGroups,
      withdrawSeconds: denomination.withdrawFor,
      depositSeconds: denomination.depositFor,
      legalSeconds: denomination.legalFor,
      overlapSeconds: keySchedule.overlap,
      lookaheadSeconds: keySchedule.lookahead,
    }));
    const offered = [...book.denominations.values()].map(({ denominationHash, key, value, ageMask, ...stamps }) => ({
      value: money(value),
      pub: { cipher: key.cipher, ageMask },
      start: stamps.start,
      expireWithdraw: stamps.expireWithdraw,
      revoked: book.revoked.has(denominationHash),
    }));
    return planDenominations(configured, offered, this.clock.now());
  }

  private async denominations(book: KeyBook, planned: readonly PlannedDenomination[]): Promise<KeysEvent[]> {
    const masterPub = decodeBase32(book.terms?.masterPub ?? '', 32);
    return Promise.all(
      planned.map(async (plan): Promise<KeysEvent> => {
        const { ageMask, fees, value, start, expireWithdraw, expireDeposit, expireLegal } = plan;
        const made = await this.signers.generate(
          plan.cipher === 'RSA'
            ? { kind: 'denomination', cipher: 'RSA', bits: plan.bits, ageMask }
            : { kind: 'denomination', cipher: 'CS', ageMask },
        );
        const masterSignature = await this.terms.sign(denominationMessage(masterPub, denominationOffer(plan, made)));
        const { pub } = made;
        return {
          type: 'DenominationOffered',
          denominationHash: made.denominationHash as DenominationHash,
          key:
            pub.cipher === 'RSA'
              ? { cipher: 'RSA', rsaPub: encodeBase32(pub.rsaPub) as never }
              : { cipher: 'CS', csPub: encodeBase32(pub.csPub) as never },
          ageMask,
          value: value.units,
          feeWithdraw: fees.withdraw.units,
          feeDeposit: fees.deposit.units,
          feeRefresh: fees.refresh.units,
          feeRefund: fees.refund.units,
          start,
          expireWithdraw,
          expireDeposit,
          expireLegal,
          masterSignature: masterSignature as EddsaSignature,
          at: this.clock.now(),
        };
      }),
    );
  }

  /** @returns false if the stream has moved since `book` was planned on, and nothing was written */
  private async record(book: KeyBook, events: readonly KeysEvent[]): Promise<boolean> {
    if (events.length === 0) return true;
    const stream = this.streams.keys();
    const plannedOn = book.revision;
    const outcome = await this.ledger.transact([stream.name], async (tx) => {
      if ((await tx.load(stream)).revision !== plannedOn) return repeat(undefined);
      tx.append(stream.append(...events));
      return accept(undefined);
    });
    return outcome.kind === 'accept';
  }
}
