/** Closing a reserve: what is left goes to its origin, or to another account that its owner designated. */
import {
  accept,
  type Decision,
  decideClose,
  type EddsaSignature,
  earlierClose,
  exists,
  type ReservePub,
  refuse,
  repeat,
  Streams,
  wireFeesAt,
} from '@florin/domain';
import { decodeBase32, message, withinTolerance } from '@florin/encoding';
import { Ledger } from '@florin/event-store';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Refusal } from '../http/refusals.js';
import { Legitimization } from '../kyc/legitimization.js';
import { Accounts } from '../runtime/accounts.js';
import { Clock } from '../runtime/clock.js';
import { Cryptography } from '../runtime/cryptography.js';
import { KeyRing } from '../runtime/key-ring.js';
import { Config } from '../runtime/tokens.js';
import { Closings } from './closings.js';
import { ReserveExpiry } from './expiry.js';

/** How far a client's clock may be off, in seconds. */
const CLOCK_SKEW_S = 15 * 60;

export interface CloseAnswer {
  /** Exactly what arrives. */
  readonly wireAmount: bigint;
}
export type CloseOutcome = Decision<CloseAnswer, Refusal, CloseAnswer>;

export class CloseReserve extends Command<CloseOutcome> {
  constructor(
    readonly reservePub: ReservePub,
    readonly request: {
      /** Seconds. */
      readonly requestTimestamp: number;
      /** Full payto URI of the designated account, if one was named. */
      readonly paytoUri: string | undefined;
      readonly reserveSignature: EddsaSignature;
    },
  ) {
    super();
  }
}

@CommandHandler(CloseReserve)
export class CloseReserveHandler implements ICommandHandler<CloseReserve> {
  constructor(
    private readonly ledger: Ledger,
    private readonly streams: Streams,
    private readonly keys: KeyRing,
    private readonly crypto: Cryptography,
    private readonly accounts: Accounts,
    private readonly legitimization: Legitimization,
    private readonly closings: Closings,
    private readonly expiry: ReserveExpiry,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  async execute({ reservePub, request }: CloseReserve): Promise<CloseOutcome> {
    const stream = this.streams.reserve(reservePub);
    const { requestTimestamp, paytoUri, reserveSignature } = request;
    const designated = paytoUri === undefined ? undefined : this.accounts.identify(paytoUri);
    const signed = { requestTimestamp, reserveSignature, ...(designated && { designatedHash: designated.hash }) };

    await this.expiry.settle(reservePub);
    const queue = designated ? [stream.name, this.streams.account(designated.account).name] : [stream.name];
    return this.ledger.transact(queue, async (tx) => {
      const reserve = await tx.load(stream);
      const earlier = earlierClose(reserve, { requestTimestamp, designatedHash: designated?.hash });
      const isSigned = () => this.isSigned(reservePub, signed);
      if (earlier) return (await isSigned()) ? repeat(earlier) : refuse({ code: 'CLOSE_SIGNATURE_INVALID' });

      const now = this.clock.now();
      const book = this.keys.usableBook();
      if (!book) return refuse({ code: 'KEYS_MISSING', status: 500 });
      if (designated && !this.accounts.payingAccount(designated.method))
        return refuse({ code: 'WIRE_METHOD_UNSUPPORTED' });
      if (!withinTolerance(requestTimestamp, now, CLOCK_SKEW_S)) return refuse({ code: 'CLOCK_SKEW', now });
      if (!(await isSigned())) return refuse({ code: 'CLOSE_SIGNATURE_INVALID' });
      if (!exists(reserve)) return refuse({ code: 'RESERVE_UNKNOWN', reservePub });
      const { origin } = reserve;
      if (!designated && !origin) return refuse({ code: 'CLOSE_WITHOUT_TARGET' });
      if (designated && designated.hash !== origin?.hash) {
        const target = { hash: designated.account, uri: designated.uri, reservePub, amount: reserve.balance, now };
        const allowed = await this.legitimization.checkClose(tx, target);
        if (allowed.kind === 'refuse') return allowed;
      }
      const target = await this.accounts.paymentTarget(designated, origin);
      const fees = target && wireFeesAt(book, target.method, requestTimestamp);
      if (!target || !fees) return refuse({ code: 'WIRE_FEES_MISSING', method: target?.method ?? 'unknown' });

      const { closingFee } = fees;
      const keysRevision = book.revision;
      const closing = decideClose(reserve, { closingFee, roundUnit: this.config.roundUnit });
      if (!closing) {
        const { balance } = reserve;
        tx.append(stream.append({ type: 'CloseRequested', ...signed, balance, closingFee, at: now, keysRevision }));
        return accept({ wireAmount: 0n });
      }
      this.closings.append(tx, { reservePub, closing, target, request: signed, now, keysRevision });
      return accept({ wireAmount: closing.wireAmount });
    });
  }

  private async isSigned(
    reservePub: ReservePub,
    signed: { requestTimestamp: number; designatedHash?: string; reserveSignature: EddsaSignature },
  ): Promise<boolean> {
    const { requestTimestamp, designatedHash, reserveSignature } = signed;
    const [valid] = await this.crypto.verifyAll([
      {
        message: message('ReserveClose', {
          requestTimestamp,
          targetAccountHPayto: designatedHash === undefined ? undefined : decodeBase32(designatedHash, 32),
        }),
        signature: decodeBase32(reserveSignature, 64),
        pub: decodeBase32(reservePub, 32),
      },
    ]);
    return valid === true;
  }
}
