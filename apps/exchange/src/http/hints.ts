/** A sentence for each error code that Florin sends; handlers that know more say more. */
import { ErrorCode, errorNameOf } from '@florin/encoding';

const HINTS: { readonly [code: number]: string } = {
  [ErrorCode.GENERIC_METHOD_INVALID]: 'this path exists, but not for this method; see the Allow header',
  [ErrorCode.GENERIC_ENDPOINT_UNKNOWN]: 'there is no such path; GET /config says which exchange this is',
  [ErrorCode.GENERIC_JSON_INVALID]: 'the JSON of the request is not what this endpoint takes',
  [ErrorCode.GENERIC_PARAMETER_MISSING]: 'a parameter is missing',
  [ErrorCode.GENERIC_PARAMETER_MALFORMED]: 'a parameter is not acceptable',
  [ErrorCode.GENERIC_RESERVE_PUB_MALFORMED]: 'the reserve key in the path is not 32 bytes in Crockford base32',
  [ErrorCode.GENERIC_URI_TOO_LONG]: 'the path is too long',
  [ErrorCode.GENERIC_UPLOAD_EXCEEDS_LIMIT]: 'the request is too large',
  [ErrorCode.GENERIC_DB_FETCH_FAILED]: 'the ledger could not be read',
  [ErrorCode.GENERIC_DB_COMMIT_FAILED]: 'the ledger could not be written; repeat the same request',
  [ErrorCode.GENERIC_DB_SOFT_FAILURE]: 'others kept changing the same records; repeat the same request',
  [ErrorCode.GENERIC_INTERNAL_INVARIANT_FAILURE]: 'an internal check failed; nothing was changed',
  [ErrorCode.EXCHANGE_GENERIC_OPERATION_UNKNOWN]: 'there is no such operation under this path',
  [ErrorCode.EXCHANGE_GENERIC_WRONG_NUMBER_OF_SEGMENTS]: 'the path has too few or too many segments',
  [ErrorCode.EXCHANGE_GENERIC_DENOMINATION_KEY_UNKNOWN]: 'no denomination has this hash; fetch /keys again',
  [ErrorCode.EXCHANGE_GENERIC_KEYS_MISSING]: 'the keys of the exchange are not ready; try again soon',
  [ErrorCode.EXCHANGE_GENERIC_DENOMINATION_VALIDITY_IN_FUTURE]: 'the denomination is not valid yet',
  [ErrorCode.EXCHANGE_GENERIC_DENOMINATION_EXPIRED]: 'the denomination is no longer valid for this operation',
  [ErrorCode.EXCHANGE_GENERIC_DENOMINATION_REVOKED]: 'the denomination was revoked; recoup its coins',
  [ErrorCode.EXCHANGE_GENERIC_INVALID_DENOMINATION_CIPHER_FOR_OPERATION]: 'the denomination is not Clause-Schnorr',
  [ErrorCode.EXCHANGE_GENERIC_CIPHER_MISMATCH]: 'the planchet has another cipher than its denomination',
  [ErrorCode.EXCHANGE_GENERIC_CLOCK_SKEW]: 'the clocks of client and exchange differ too much',
  [ErrorCode.EXCHANGE_GENERIC_RESERVE_UNKNOWN]:
    'no reserve with this key; if a wire transfer is on its way, repeat the same request later',
  [ErrorCode.EXCHANGE_GENERIC_KYC_REQUIRED]: 'the law wants to know the owner first; see /kyc-check',
  [ErrorCode.EXCHANGE_WITHDRAW_INSUFFICIENT_FUNDS]: 'the reserve does not hold enough; the history shows why',
  [ErrorCode.EXCHANGE_WITHDRAW_AMOUNT_FEE_OVERFLOW]: 'the sum of values and fees is too large',
  [ErrorCode.EXCHANGE_WITHDRAW_RESERVE_SIGNATURE_INVALID]: 'a signature of the reserve is not valid',
  [ErrorCode.EXCHANGE_WITHDRAW_NONCE_REUSE]: 'the session nonce was used before; take a new one with /csr-withdraw',
  [ErrorCode.EXCHANGE_WITHDRAW_IDEMPOTENT_PLANCHET]: 'some planchets were withdrawn before and some were not',
  [ErrorCode.EXCHANGE_WIRE_FEES_NOT_CONFIGURED]: 'no wire fee is set for this payto method at that time',
  [ErrorCode.EXCHANGE_RESERVES_AGE_RESTRICTION_REQUIRED]: 'coins of this reserve must be bound to an age',
  [ErrorCode.EXCHANGE_RESERVES_CLOSE_BAD_SIGNATURE]: 'the signature of the reserve is not valid',
  [ErrorCode.EXCHANGE_RESERVES_CLOSE_NO_TARGET_ACCOUNT]:
    'no bank account is known for this reserve; name one in payto_uri',
  [ErrorCode.EXCHANGE_DENOMINATION_HELPER_UNAVAILABLE]: 'no signer answers; repeat the same request',
};

export const hintOf = (code: ErrorCode): string => HINTS[code] ?? errorNameOf(code) ?? `error ${code}`;
