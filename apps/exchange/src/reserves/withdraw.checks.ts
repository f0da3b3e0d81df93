/** What a withdrawal must prove before the reserve is asked: denominations, blinded values, sums and signatures. */
import {
  accept,
  type Decision,
  type DenominationRefusal,
  type KeyBook,
  type ReservePub,
  refuse,
  usableDenomination,
  type WithdrawCommitment,
} from '@florin/domain';
import { addUnits, decodeBase32, message } from '@florin/encoding';
import { Injectable } from '@nestjs/common';
import { Cryptography } from '../runtime/cryptography.js';
import { KeyRing, type KeysMissing } from '../runtime/key-ring.js';
import { Config } from '../runtime/tokens.js';
import type { CoinRequest } from './withdraw.handler.js';

/** A coin with what it costs. */
export interface PricedCoin extends CoinRequest {
  readonly value: bigint;
  readonly fee: bigint;
}

export interface VerifiedWithdraw {
  readonly priced: readonly PricedCoin[];
  /** Sum of values and fees. */
  readonly cost: bigint;
  readonly commitment: WithdrawCommitment;
  /** How many events of `keys` these checks knew. */
  readonly keysRevision: number;
}

export type WithdrawCheckRefusal =
  | KeysMissing
  | (DenominationRefusal & { readonly oper: string })
  | { readonly code: 'CIPHER_MISMATCH' }
  | { readonly code: 'PLANCHET_REFUSED'; readonly place: number }
  | { readonly code: 'WITHDRAW_OVERFLOW' }
  | { readonly code: 'WITHDRAW_SIGNATURE_INVALID' };

@Injectable()
export class WithdrawChecks {
  constructor(
    private readonly keys: KeyRing,
    private readonly crypto: Cryptography,
    private readonly config: Config,
  ) {}

  /** Checks 6 to 13 of batch-withdraw, in their order; the signatures last and together. */
  verify(
    reservePub: ReservePub,
    coins: readonly CoinRequest[],
    when: { now: number; oper: string },
  ): Promise<Decision<VerifiedWithdraw, WithdrawCheckRefusal>> {
    return this.keys.judge((book, keysRevision) => this.verifyBy({ book, keysRevision }, reservePub, coins, when));
  }

  private async verifyBy(
    { book, keysRevision }: { book: KeyBook; keysRevision: number },
    reservePub: ReservePub,
    coins: readonly CoinRequest[],
    { now, oper }: { now: number; oper: string },
  ): Promise<Decision<VerifiedWithdraw, WithdrawCheckRefusal>> {
    const priced: PricedCoin[] = [];
    let cost = 0n;
    for (const [place, coin] of coins.entries()) {
      const found = usableDenomination(book, coin.denominationHash, { now, until: 'expireWithdraw' });
      if (found.kind === 'refuse') return refuse({ ...found.refusal, oper });
      const { key, value, feeWithdraw } = found.value;
      if (key.cipher !== coin.planchet.cipher) return refuse({ code: 'CIPHER_MISMATCH' });
      if (!this.crypto.acceptsPlanchet(found.value, coin.planchet)) return refuse({ code: 'PLANCHET_REFUSED', place });
      try {
        cost = addUnits(cost, addUnits(value, feeWithdraw));
      } catch {
        return refuse({ code: 'WITHDRAW_OVERFLOW' });
      }
      priced.push({ ...coin, value, fee: feeWithdraw });
    }
    const pub = decodeBase32(reservePub, 32);
    const valid = await this.crypto.verifyAll(
      priced.map(({ value, fee, denominationHash, envelopeHash, reserveSignature }) => ({
        message: message('WithdrawRequest', {
          amountWithFee: { currency: this.config.currency, units: value + fee },
          hDenominationPub: decodeBase32(denominationHash, 64),
          hCoinEnvelope: decodeBase32(envelopeHash, 64),
        }),
        signature: decodeBase32(reserveSignature, 64),
        pub,
      })),
    );
    if (valid.includes(false)) return refuse({ code: 'WITHDRAW_SIGNATURE_INVALID' });
    const commitment = this.crypto.withdrawCommitment(coins.map(({ envelopeHash }) => envelopeHash));
    return accept({ priced, cost, commitment, keysRevision });
  }
}
