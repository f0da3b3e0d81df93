/** A full purse goes to a reserve: the last step of a push payment. */
import {
  accept,
  type Decision,
  decideMerge,
  type EddsaSignature,
  earlierMerge,
  type MergeConfirmation,
  type PursePub,
  type ReservePub,
  refuse,
  repeat,
  Streams,
} from '@florin/domain';
import { EncodingError, encodeBase32, parseReservePayto } from '@florin/encoding';
import { Ledger } from '@florin/event-store';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Refusal } from '../http/refusals.js';
import { Legitimization } from '../kyc/legitimization.js';
import { ReserveExpiry } from '../reserves/expiry.js';
import { Clock } from '../runtime/clock.js';
import { Cryptography } from '../runtime/cryptography.js';
import { KeyRing } from '../runtime/key-ring.js';
import { Config } from '../runtime/tokens.js';
import { PurseConfirmations } from './confirmations.js';
import { PurseDeposits } from './deposits.js';
import { PurseExpiry } from './expiry.js';
import { PurseChecks } from './purse.checks.js';

export interface MergeAnswer {
  /** Units: what the reserve got. */
  readonly credited: bigint;
  readonly confirmation: MergeConfirmation;
}
export type MergeOutcome = Decision<MergeAnswer, Refusal, MergeAnswer>;

export class MergePurse extends Command<MergeOutcome> {
  constructor(
    readonly pursePub: PursePub,
    readonly request: {
      /** As the client wrote it. */
      readonly paytoUri: string;
      readonly mergeTimestamp: number;
      readonly mergeSignature: EddsaSignature;
      readonly reserveSignature: EddsaSignature;
    },
  ) {
    super();
  }
}

@CommandHandler(MergePurse)
export class MergePurseHandler implements ICommandHandler<MergePurse> {
  constructor(
    private readonly ledger: Ledger,
    private readonly streams: Streams,
    private readonly keys: KeyRing,
    private readonly crypto: Cryptography,
    private readonly checks: PurseChecks,
    private readonly confirmations: PurseConfirmations,
    private readonly deposits: PurseDeposits,
    private readonly legitimization: Legitimization,
    private readonly expiry: PurseExpiry,
    private readonly reserveExpiry: ReserveExpiry,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  async execute({ pursePub, request }: MergePurse): Promise<MergeOutcome> {
    const stream = this.streams.purse(pursePub);
    const target = reserveAccount(request.paytoUri);
    const isOurs = target?.exchangeBaseUrl === this.config.baseUrl;
    const { reserveSignature, ...signed } = request;

    await this.expiry.settle(pursePub);
    if (isOurs) await this.reserveExpiry.settle(target.reservePub);
    const receiving = isOurs ? this.streamsOf(target.reservePub) : [];
    return this.ledger.transact([stream.name, ...receiving], async (tx): Promise<MergeOutcome> => {
      const purse = await tx.load(stream);
      const { terms } = purse;
      if (!terms) return refuse({ code: 'PURSE_UNKNOWN' });
      const merge = isOurs ? { ...signed, reservePub: target.reservePub } : undefined;
      const earlier = merge && earlierMerge(purse, merge);
      if (earlier !== undefined) return repeat(await this.earlier(tx, pursePub, earlier));

      const now = this.clock.now();
      const isMergeSigned = await this.isGood(this.checks.merge(pursePub, terms.mergePub, signed));
      if (!isMergeSigned) return refuse({ code: 'MERGE_SIGNATURE_INVALID' });
      if (!target) return refuse({ code: 'MERGE_TARGET_MALFORMED' });
      if (!merge) return refuse({ code: 'PARTNER_UNKNOWN', exchangeBaseUrl: target.exchangeBaseUrl });
      const agreed = { merge, paidFrom: 'merge' as const, purseFee: 0n, reserveSignature };
      if (!(await this.isGood(this.checks.accountMerge(pursePub, terms, agreed)))) {
        return refuse({ code: 'MERGE_RESERVE_SIGNATURE_INVALID' });
      }
      const book = this.keys.usableBook();
      if (!book) return refuse({ code: 'KEYS_MISSING', status: 500 });
      const { reservePub } = merge;
      const receiver = await this.deposits.receiving(tx, reservePub);
      const decision = decideMerge(purse, {
        pursePub,
        merge,
        reserveSignature,
        receiver,
        exchangeBaseUrl: this.config.baseUrl,
        now,
        keysRevision: book.revision,
      });
      if (decision.kind === 'repeat') return repeat(await this.earlier(tx, pursePub, decision.earlier));
      // A purse that is gone opens no case; whatever else is wrong is told after the law is satisfied.
      const isGone = decision.kind === 'refuse' && decision.refusal.code !== 'PURSE_NOT_FULL';
      if (isGone) return decision;
      const amount = terms.target;
      const isCounted = purse.request !== undefined; // when it was requested
      const allowed = isCounted
        ? accept(undefined)
        : await this.legitimization.checkReceive(tx, { reservePub, amount, now });
      if (allowed.kind === 'refuse') return allowed;
      if (decision.kind === 'refuse') return decision;

      const confirmation = await this.confirmations.ofMerge(pursePub, terms, { merge, now });
      if (allowed.value) {
        tx.append(allowed.value.append({ type: 'ReceiptCounted', reservePub, pursePub, amount, at: now }));
      }
      tx.append(stream.append(decision.value.purse));
      tx.append(this.streams.reserve(reservePub).appendSigned(decision.value.reserve({ confirmation })));
      return accept({ credited: decision.value.credited, confirmation });
    });
  }

  private streamsOf(reservePub: ReservePub): string[] {
    const { hash } = this.legitimization.reserveAccount(reservePub);
    return [this.streams.account(hash).name, this.streams.reserve(reservePub).name];
  }

  private async earlier(
    tx: Parameters<PurseDeposits['mergedInto']>[0],
    pursePub: PursePub,
    reservePub: ReservePub,
  ): Promise<MergeAnswer> {
    const { target, confirmation } = await this.deposits.mergedInto(tx, pursePub, reservePub);
    return { credited: target, confirmation };
  }

  private async isGood(signed: Parameters<Cryptography['verifyAll']>[0][number]): Promise<boolean> {
    const [good] = await this.crypto.verifyAll([signed]);
    return good === true;
  }
}

/** Undefined if the URI names no reserve. */
function reserveAccount(paytoUri: string): { exchangeBaseUrl: string; reservePub: ReservePub } | undefined {
  try {
    const { exchangeBaseUrl, reservePub } = parseReservePayto(paytoUri);
    return { exchangeBaseUrl, reservePub: encodeBase32(reservePub) as ReservePub };
  } catch (error) {
    if (error instanceof EncodingError) return undefined;
    throw error;
  }
}
