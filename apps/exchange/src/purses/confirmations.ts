/**
 * What the exchange signs of a purse. Signatures in answers of commands must not leave before their event is
 * committed.
 */
import type {
  DepositConfirmation,
  EddsaPub,
  EddsaSignature,
  Merge,
  MergeConfirmation,
  PursePub,
  PurseTerms,
} from '@florin/domain';
import { decodeBase32, message } from '@florin/encoding';
import { Injectable } from '@nestjs/common';
import { Cryptography } from '../runtime/cryptography.js';
import { ExchangeSigners } from '../runtime/signers.js';
import { Config } from '../runtime/tokens.js';

@Injectable()
export class PurseConfirmations {
  constructor(
    private readonly signers: ExchangeSigners,
    private readonly crypto: Cryptography,
    private readonly config: Config,
  ) {}

  /** PurseCreateDepositConfirmationPS. @param total in the purse, without deposit fees */
  async ofDeposit(
    pursePub: PursePub,
    terms: PurseTerms,
    { total, now }: { total: bigint; now: number },
  ): Promise<DepositConfirmation> {
    const signed = await this.signers.sign(
      message('PurseCreateDepositConfirmation', {
        exchangeTime: now,
        purseExpiration: terms.expiresAt,
        amountWithoutFee: this.money(terms.target),
        totalDeposited: this.money(total),
        pursePub: decodeBase32(pursePub, 32),
        hContractTerms: decodeBase32(terms.contractTermsHash, 64),
      }),
    );
    return {
      exchangeTimestamp: now,
      totalDeposited: total,
      exchangeSignature: signed.exchange_sig as EddsaSignature,
      exchangePub: signed.exchange_pub as EddsaPub,
    };
  }

  /** PurseMergedConfirmationPS. */
  async ofMerge(
    pursePub: PursePub,
    terms: PurseTerms,
    { merge, now }: { merge: Merge; now: number },
  ): Promise<MergeConfirmation> {
    const signed = await this.signers.sign(
      message('PurseMergedConfirmation', {
        exchangeTime: now,
        purseExpiration: terms.expiresAt,
        amountWithoutFee: this.money(terms.target),
        pursePub: decodeBase32(pursePub, 32),
        reservePub: decodeBase32(merge.reservePub, 32),
        hContractTerms: decodeBase32(terms.contractTermsHash, 64),
        hProviderUrl: this.crypto.taler.hash.text(this.config.baseUrl),
      }),
    );
    return {
      exchangeTimestamp: now,
      exchangeSignature: signed.exchange_sig as EddsaSignature,
      exchangePub: signed.exchange_pub as EddsaPub,
    };
  }

  private readonly money = (units: bigint) => ({ currency: this.config.currency, units });
}
