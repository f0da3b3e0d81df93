/** What the keys of purses, coins, reserves and the exchange sign about a purse. */
import { encodeBase32, parseReservePayto } from '@florin/encoding';
import type { Job } from '../signatures/jobs.js';
import { accountHash, sha512, textHash } from './hashes.js';

interface Terms {
  readonly pursePub: string;
  readonly target: bigint;
  readonly minAge: number;
  readonly expiresAt: number;
  readonly contractTermsHash: string;
  readonly mergePub: string;
}

/** AccountMergePS says how a purse came to be paid for. */
const MERGE_FLAGS = { merge: 1, quota: 2, fee: 3 } as const;

export const purseSignature = {
  /** PurseCreatePS. */
  terms: (terms: Terms, signature: string): Job => ({
    check: 'signed',
    name: 'PurseCreate',
    fields: {
      purseExpiration: terms.expiresAt,
      purseAmount: terms.target,
      hContractTerms: terms.contractTermsHash,
      mergePub: terms.mergePub,
      minAge: terms.minAge,
    },
    pub: terms.pursePub,
    signature,
    code: 'bad-signature-purse-create',
    what: 'the terms of a purse',
  }),

  /** PurseContractPS. */
  contract: (
    pursePub: string,
    contract: { readonly econtractHash: string; readonly contractPub: string; readonly econtractSignature: string },
  ): Job => ({
    check: 'signed',
    name: 'PurseContract',
    fields: { hEcontract: contract.econtractHash, contractPub: contract.contractPub },
    pub: pursePub,
    signature: contract.econtractSignature,
    code: 'bad-signature-purse-contract',
    what: 'a contract',
  }),

  /** PurseMergePS, by the key that holds the right to the purse. @throws EncodingError if the URI is none */
  merge: (
    { pursePub, mergePub }: Pick<Terms, 'pursePub' | 'mergePub'>,
    merge: { readonly paytoUri: string; readonly mergeTimestamp: number; readonly mergeSignature: string },
  ): Job => ({
    check: 'signed',
    name: 'PurseMerge',
    fields: { mergeTimestamp: merge.mergeTimestamp, pursePub, hPayto: accountHash(merge.paytoUri) },
    pub: mergePub,
    signature: merge.mergeSignature,
    code: 'bad-signature-purse-merge',
    what: 'a merge',
  }),

  /** AccountMergePS, by the reserve that is paid. */
  accountMerge: (
    event: Omit<Terms, 'expiresAt'> & {
      readonly reservePub: string;
      readonly purseExpiresAt: number;
      readonly mergeTimestamp: number;
      readonly paidFrom: keyof typeof MERGE_FLAGS;
      readonly purseFee: bigint;
      readonly reserveSignature: string;
    },
  ): Job => ({
    check: 'signed',
    name: 'AccountMerge',
    fields: {
      purseExpiration: event.purseExpiresAt,
      purseAmount: event.target,
      purseFee: event.purseFee,
      hContractTerms: event.contractTermsHash,
      pursePub: event.pursePub,
      mergeTimestamp: event.mergeTimestamp,
      minAge: event.minAge,
      flags: MERGE_FLAGS[event.paidFrom],
    },
    pub: event.reservePub,
    signature: event.reserveSignature,
    code: 'bad-signature-account-merge',
    what: 'the agreement of a reserve',
  }),

  /** PurseDeletePS. */
  deletion: (pursePub: string, signature: string): Job => ({
    check: 'signed',
    name: 'PurseDelete',
    fields: {},
    pub: pursePub,
    signature,
    code: 'bad-signature-purse-delete',
    what: 'the end of a purse',
  }),

  /** PurseCreateDepositConfirmationPS, by the exchange. */
  confirmation: (
    purse: Pick<Terms, 'pursePub' | 'target' | 'expiresAt' | 'contractTermsHash'>,
    confirmation: {
      readonly exchangeTimestamp: number;
      readonly totalDeposited: bigint;
      readonly exchangeSignature: string;
      readonly exchangePub: string;
    },
  ): Job => ({
    check: 'signed',
    name: 'PurseCreateDepositConfirmation',
    fields: {
      exchangeTime: confirmation.exchangeTimestamp,
      purseExpiration: purse.expiresAt,
      amountWithoutFee: purse.target,
      totalDeposited: confirmation.totalDeposited,
      pursePub: purse.pursePub,
      hContractTerms: purse.contractTermsHash,
    },
    pub: confirmation.exchangePub,
    signature: confirmation.exchangeSignature,
    code: 'bad-signature-exchange',
    what: 'the confirmation of a deposit',
  }),

  /** PurseMergedConfirmationPS, by the exchange. */
  merged: (event: {
    readonly pursePub: string;
    readonly reservePub: string;
    readonly target: bigint;
    readonly purseExpiresAt: number;
    readonly contractTermsHash: string;
    readonly exchangeBaseUrl: string;
    readonly confirmation: {
      readonly exchangeTimestamp: number;
      readonly exchangeSignature: string;
      readonly exchangePub: string;
    };
  }): Job => ({
    check: 'signed',
    name: 'PurseMergedConfirmation',
    fields: {
      exchangeTime: event.confirmation.exchangeTimestamp,
      purseExpiration: event.purseExpiresAt,
      amountWithoutFee: event.target,
      pursePub: event.pursePub,
      reservePub: event.reservePub,
      hContractTerms: event.contractTermsHash,
      hProviderUrl: textHash(event.exchangeBaseUrl),
    },
    pub: event.confirmation.exchangePub,
    signature: event.confirmation.exchangeSignature,
    code: 'bad-signature-exchange',
    what: 'the confirmation of a merge',
  }),
};

/** The reserve that a `payto://taler-reserve` URI names, base32. @throws EncodingError if it names none */
export function reserveOf(paytoUri: string): { readonly reservePub: string; readonly baseUrl: string } {
  const { reservePub, exchangeBaseUrl } = parseReservePayto(paytoUri);
  return { reservePub: encodeBase32(reservePub), baseUrl: exchangeBaseUrl };
}

/** SHA-512 of bytes, base32. */
export const bytesHash = (bytes: Uint8Array): string => encodeBase32(sha512(bytes));
