/** Writes a closing: the reserve is debited and the order to pay is given, in one unit. */
import type { AccountHash, Closing, FullPaytoHash, ReservePub, SealedUri } from '@florin/domain';
import { type ReserveEvent, Streams } from '@florin/domain';
import type { Transaction } from '@florin/event-store';
import { Injectable } from '@nestjs/common';
import { Cryptography } from '../runtime/cryptography.js';
import { Config } from '../runtime/tokens.js';

/** A bank account that is paid. The URI itself stays sealed. */
export interface PaymentTarget {
  readonly hash: FullPaytoHash;
  readonly account: AccountHash;
  readonly sealed: SealedUri;
  readonly method: string;
  /** Section name of the exchange's account that pays. */
  readonly payingAccount: string;
}

type Closed = Extract<ReserveEvent, { type: 'ReserveClosed' }>;
type Signed = Pick<Closed, 'requestTimestamp' | 'designatedHash' | 'reserveSignature'>;

@Injectable()
export class Closings {
  constructor(
    private readonly streams: Streams,
    private readonly crypto: Cryptography,
    private readonly config: Config,
  ) {}

  /** @param request what the owner signed; absent when the reserve expired */
  append(
    tx: Transaction,
    order: {
      reservePub: ReservePub;
      closing: Closing;
      target: PaymentTarget;
      request: Signed | undefined;
      now: number;
      keysRevision: number;
    },
  ): void {
    const { reservePub, closing, target, request, now, keysRevision } = order;
    const wired = closing.wireAmount > 0n ? this.crypto.transferIds(reservePub, closing.closing, 1) : undefined;
    if (wired) {
      const transfer = this.streams.transfer(wired.requestUid);
      tx.fresh(transfer);
      tx.append(
        transfer.append({
          type: 'TransferRequested',
          ...wired,
          amount: closing.wireAmount,
          exchangeBaseUrl: this.config.baseUrl,
          wireAccount: target.payingAccount,
          targetHash: target.hash,
          targetAccount: target.account,
          sealedTarget: target.sealed,
          reservePub,
          closing: closing.closing,
          attempt: 1,
          at: now,
        }),
      );
    }
    tx.append(
      this.streams.reserve(reservePub).append({
        type: 'ReserveClosed',
        ...closing,
        cause: request ? 'request' : 'expiration',
        ...request,
        targetHash: target.hash,
        targetAccount: target.account,
        sealedTarget: target.sealed,
        wireMethod: target.method,
        ...wired,
        at: now,
        keysRevision,
      }),
    );
  }
}
