/** What the keys of a purse sign: its terms, its contract, its merge and its end. */
import type { Contract, EddsaPub, EddsaSignature, Merge, PursePub, PurseTerms } from '@florin/domain';
import { decodeBase32, message } from '@florin/encoding';
import { Injectable } from '@nestjs/common';
import { Cryptography, type SignedMessage } from '../runtime/cryptography.js';
import { Config } from '../runtime/tokens.js';

/** AccountMergePS: the reserve agrees to be paid by a purse. */
export const ACCOUNT_MERGE_FLAGS = { merge: 1, quota: 2, fee: 3 } as const;

@Injectable()
export class PurseChecks {
  constructor(
    private readonly crypto: Cryptography,
    private readonly config: Config,
  ) {}

  terms(pursePub: PursePub, terms: PurseTerms, purseSignature: EddsaSignature): SignedMessage {
    return {
      message: message('PurseCreate', {
        purseExpiration: terms.expiresAt,
        purseAmount: this.money(terms.target),
        hContractTerms: decodeBase32(terms.contractTermsHash, 64),
        mergePub: decodeBase32(terms.mergePub, 32),
        minAge: terms.minAge,
      }),
      signature: decodeBase32(purseSignature, 64),
      pub: decodeBase32(pursePub, 32),
    };
  }

  contract(pursePub: PursePub, { econtractHash, contractPub, econtractSignature }: Contract): SignedMessage {
    return {
      message: message('PurseContract', {
        hEcontract: decodeBase32(econtractHash, 64),
        contractPub: decodeBase32(contractPub, 32),
      }),
      signature: decodeBase32(econtractSignature, 64),
      pub: decodeBase32(pursePub, 32),
    };
  }

  /** @param paytoUri as the client wrote it; its normalised hash is signed */
  merge(
    pursePub: PursePub,
    mergePub: EddsaPub,
    { paytoUri, mergeTimestamp, mergeSignature }: Pick<Merge, 'paytoUri' | 'mergeTimestamp' | 'mergeSignature'>,
  ): SignedMessage {
    return {
      message: message('PurseMerge', {
        mergeTimestamp,
        pursePub: decodeBase32(pursePub, 32),
        hPayto: this.crypto.taler.hash.normalizedPayto(paytoUri),
      }),
      signature: decodeBase32(mergeSignature, 64),
      pub: decodeBase32(mergePub, 32),
    };
  }

  accountMerge(
    pursePub: PursePub,
    terms: PurseTerms,
    signed: {
      merge: Pick<Merge, 'reservePub' | 'mergeTimestamp'>;
      paidFrom: keyof typeof ACCOUNT_MERGE_FLAGS;
      purseFee: bigint;
      reserveSignature: EddsaSignature;
    },
  ): SignedMessage {
    const { merge, paidFrom, purseFee, reserveSignature } = signed;
    return {
      message: message('AccountMerge', {
        purseExpiration: terms.expiresAt,
        purseAmount: this.money(terms.target),
        purseFee: this.money(purseFee),
        hContractTerms: decodeBase32(terms.contractTermsHash, 64),
        pursePub: decodeBase32(pursePub, 32),
        mergeTimestamp: merge.mergeTimestamp,
        minAge: terms.minAge,
        flags: ACCOUNT_MERGE_FLAGS[paidFrom],
      }),
      signature: decodeBase32(reserveSignature, 64),
      pub: decodeBase32(merge.reservePub, 32),
    };
  }

  private readonly money = (units: bigint) => ({ currency: this.config.currency, units });
}
