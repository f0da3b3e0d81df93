/** The rows of the table of refusals that are about decisions of the master key. */
import type { DenominationHash, EddsaPub, MasterRefusal } from '@florin/domain';
import { ErrorCode, type SentErrorCode } from '@florin/encoding';
import type { MasterOrder } from '@florin/signing';
import { TalerError } from '../http/taler-error.js';

/** Every refusal of the management endpoints, but for those that other endpoints have too. */
export type ManagementRefusal =
  | MasterRefusal
  | { readonly code: 'FUTURE_DENOMINATION_UNKNOWN'; readonly denominationHash: DenominationHash }
  | { readonly code: 'FUTURE_SIGNING_KEY_UNKNOWN'; readonly exchangePub: EddsaPub }
  | { readonly code: 'LOG_KEY_UNKNOWN' }
  | { readonly code: 'MASTER_SIGNATURE_INVALID'; readonly order: MasterOrder['kind']; readonly name: string };

type RefusalOf<Code> = Extract<ManagementRefusal, { code: Code }>;

/** What is sent where a signature of the master key is not valid, by what it was for and by its name there. */
const SIGNATURE_CODES: Readonly<Record<MasterOrder['kind'], SentErrorCode>> = {
  denomination: ErrorCode.EXCHANGE_MANAGEMENT_KEYS_DENOMKEY_ADD_SIGNATURE_INVALID,
  'signing-key': ErrorCode.EXCHANGE_MANAGEMENT_KEYS_SIGNKEY_ADD_SIGNATURE_INVALID,
  'log-key': ErrorCode.EXCHANGE_MANAGEMENT_KEYS_SIGNKEY_ADD_SIGNATURE_INVALID,
  'denomination-revocation': ErrorCode.EXCHANGE_MANAGEMENT_DENOMINATION_REVOKE_SIGNATURE_INVALID,
  'signing-key-revocation': ErrorCode.EXCHANGE_MANAGEMENT_SIGNKEY_REVOKE_SIGNATURE_INVALID,
  'wire-account': ErrorCode.EXCHANGE_MANAGEMENT_WIRE_ADD_SIGNATURE_INVALID,
  'wire-account-end': ErrorCode.EXCHANGE_MANAGEMENT_WIRE_DEL_SIGNATURE_INVALID,
  'wire-fees': ErrorCode.EXCHANGE_MANAGEMENT_WIRE_FEE_SIGNATURE_INVALID,
  'global-fees': ErrorCode.EXCHANGE_MANAGEMENT_GLOBAL_FEE_SIGNATURE_INVALID,
  extensions: ErrorCode.EXCHANGE_MANAGEMENT_KEYS_SIGNKEY_ADD_SIGNATURE_INVALID,
  officer: ErrorCode.EXCHANGE_MANAGEMENT_UPDATE_AML_OFFICER_SIGNATURE_INVALID,
};

export const managementRefusals: {
  readonly [Code in ManagementRefusal['code']]: (refusal: RefusalOf<Code>) => TalerError;
} = {
  MASTER_SIGNATURE_INVALID: ({ order, name }) =>
    new TalerError(
      name.startsWith('master_sig_wire')
        ? ErrorCode.EXCHANGE_MANAGEMENT_WIRE_DETAILS_SIGNATURE_INVALID
        : SIGNATURE_CODES[order],
      { detail: name, hint: `${name} is not the master key's signature over this` },
    ),
  FUTURE_DENOMINATION_UNKNOWN: ({ denominationHash }) =>
    new TalerError(ErrorCode.EXCHANGE_GENERIC_DENOMINATION_KEY_UNKNOWN, {
      detail: denominationHash,
      hint: 'no such key waits for the master key; GET /management/keys lists those that do',
    }),
  FUTURE_SIGNING_KEY_UNKNOWN: ({ exchangePub }) =>
    new TalerError(ErrorCode.EXCHANGE_MANAGEMENT_KEYS_SIGNKEY_UNKNOWN, {
      detail: exchangePub,
      hint: 'no such key waits for the master key; GET /management/keys lists those that do',
    }),
  SIGNING_KEY_UNKNOWN: ({ exchangePub }) =>
    new TalerError(ErrorCode.EXCHANGE_MANAGEMENT_KEYS_SIGNKEY_UNKNOWN, {
      detail: exchangePub,
      hint: 'this signing key was never offered',
    }),
  LOG_KEY_UNKNOWN: () =>
    new TalerError(ErrorCode.EXCHANGE_MANAGEMENT_KEYS_SIGNKEY_UNKNOWN, {
      hint: 'this is not the key that signs the heads of the ledger',
    }),
  WIRE_ACCOUNT_UNKNOWN: ({ paytoUri }) =>
    new TalerError(ErrorCode.EXCHANGE_MANAGEMENT_WIRE_NOT_FOUND, {
      detail: paytoUri,
      hint: 'only accounts that wireAccounts in the configuration names, with their gateways, can be offered',
    }),
  WIRE_ACCOUNT_MORE_RECENT: ({ changedAt }) =>
    new TalerError(ErrorCode.EXCHANGE_MANAGEMENT_WIRE_MORE_RECENT_PRESENT, {
      hint: `the account was changed at ${changedAt}; sign a later time`,
    }),
  WIRE_FEES_CONFLICT: () =>
    new TalerError(ErrorCode.EXCHANGE_MANAGEMENT_WIRE_FEE_MISMATCH, {
      hint: 'other fees are signed for a part of this time; they stay until their end',
    }),
  GLOBAL_FEES_CONFLICT: () =>
    new TalerError(ErrorCode.EXCHANGE_MANAGEMENT_GLOBAL_FEE_MISMATCH, {
      hint: 'other fees are signed for a part of this time; they stay until their end',
    }),
  OFFICER_MORE_RECENT: ({ changedAt }) =>
    new TalerError(ErrorCode.EXCHANGE_MANAGEMENT_AML_OFFICERS_MORE_RECENT_PRESENT, {
      hint: `the officer was changed at ${changedAt}; sign a later time`,
    }),
};
