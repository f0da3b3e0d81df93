/** Wire classes of the management endpoints. After validation they hold values of the domain, not text. */
import type { DenominationHash, EddsaPub, EddsaSignature } from '@florin/domain';
import { type Amount, canonicalJson, kindOf, NEVER, parseDuration, parseJson, utf8z } from '@florin/encoding';
import { malformedParameter, type TalerError } from '../http/taler-error.js';
import {
  amount,
  base32,
  described,
  integer,
  listOf,
  OptionalWire,
  type Parser,
  payto,
  schemaOf,
  text,
  timestamp,
  Wire,
  WireList,
} from '../http/wire-fields.js';

const SIGNATURES_MAX = 1000;
const NAME_LENGTH_MAX = 200;
const U32_MAX = 2 ** 32 - 1;

const tooMany = (): TalerError =>
  malformedParameter('denom_sigs', `one request carries at most ${SIGNATURES_MAX} signatures of a kind`);

/** An instant that comes. */
const instant: Parser<number> = described(schemaOf(timestamp), (json) => {
  const seconds = timestamp(json);
  if (seconds === NEVER) throw new RangeError('a time is expected that comes');
  return seconds;
});

/** Whole microseconds, not for ever. */
const duration: Parser<number> = described(
  { type: 'object', properties: { d_us: { type: 'integer', minimum: 0 } }, required: ['d_us'] },
  (json) => {
    const microseconds = parseDuration(json);
    if (!Number.isSafeInteger(microseconds)) throw new RangeError('a duration is expected that ends');
    return microseconds;
  },
);

const flag: Parser<boolean> = described({ type: 'boolean' }, (json) => {
  if (typeof json !== 'boolean') throw new TypeError(`true or false is expected, not ${kindOf(json)}`);
  return json;
});

/** A name that is signed: it is hashed with its NUL, so it has none inside. */
const name: Parser<string> = described({ type: 'string', maxLength: NAME_LENGTH_MAX }, (json) => {
  const value = text(NAME_LENGTH_MAX)(json);
  utf8z(value);
  return value;
});

/** A payto method as RFC 8905 writes it, for its fees are signed and stay. */
const method: Parser<string> = described(
  { type: 'string', pattern: '^[A-Za-z0-9.-]+$', maxLength: NAME_LENGTH_MAX },
  (json) => {
    const value = name(json);
    if (!/^[A-Za-z0-9.-]+$/.test(value)) throw new RangeError('a payto method has letters, digits, . and -');
    return value;
  },
);

/** Restrictions of accounts are published, and the exchange could not keep to them. */
const noRestrictions: Parser<never[]> = described({ type: 'array', maxItems: 0 }, (json) => {
  if (listOf((element) => element, 1)(json).length > 0) throw new RangeError('accounts have no restrictions here');
  return [];
});

const noConversion: Parser<never> = described({ not: {} }, () => {
  throw new RangeError('there is no currency conversion here');
});

const extensions: Parser<string> = described({ type: 'object' }, (json) => {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new TypeError('an object is expected');
  return canonicalJson(parseJson(JSON.stringify(json)));
});

export class DenominationSignature {
  @Wire(base32(64))
  h_denom_pub!: DenominationHash;

  /** DenominationKeyValidityPS. */
  @Wire(base32(64))
  master_sig!: EddsaSignature;
}

export class SigningKeySignature {
  @Wire(base32(32))
  exchange_pub!: EddsaPub;

  /** ExchangeSigningKeyValidityPS. */
  @Wire(base32(64))
  master_sig!: EddsaSignature;
}

export class KeySignaturesRequest {
  @WireList(() => DenominationSignature, { max: SIGNATURES_MAX, exceeded: tooMany })
  denom_sigs!: DenominationSignature[];

  @WireList(() => SigningKeySignature, { max: SIGNATURES_MAX, exceeded: tooMany })
  signkey_sigs!: SigningKeySignature[];
}

export class LogKeyRequest {
  @Wire(base32(32))
  log_pub!: EddsaPub;

  @Wire(instant)
  validity_start!: number;

  /** LogKeyValidity, a structure of Florin's own. */
  @Wire(base32(64))
  master_sig!: EddsaSignature;
}

export class RevocationRequest {
  /** MasterDenominationKeyRevocationPS, MasterSigningKeyRevocationPS. */
  @Wire(base32(64))
  master_sig!: EddsaSignature;
}

export class WireAccountRequest {
  @Wire(payto)
  payto_uri!: string;

  @Wire(instant)
  validity_start!: number;

  @OptionalWire(noConversion)
  conversion_url?: string;

  @OptionalWire(noRestrictions)
  credit_restrictions?: never[];

  @OptionalWire(noRestrictions)
  debit_restrictions?: never[];

  /** MasterAddWirePS. */
  @Wire(base32(64))
  master_sig_add!: EddsaSignature;

  /** MasterWireDetailsPS of 232 bytes. */
  @Wire(base32(64))
  master_sig_wire!: EddsaSignature;

  /** MasterWireDetailsPS of 40 bytes, for wallets before 2023; a member of Florin's own. */
  @OptionalWire(base32(64))
  master_sig_wire_old?: EddsaSignature;
}

export class WireAccountEndRequest {
  @Wire(payto)
  payto_uri!: string;

  @Wire(instant)
  validity_end!: number;

  /** MasterDelWirePS. */
  @Wire(base32(64))
  master_sig_del!: EddsaSignature;
}

export class WireFeesRequest {
  @Wire(method)
  wire_method!: string;

  @Wire(instant)
  fee_start!: number;

  @Wire(timestamp)
  fee_end!: number;

  @Wire(amount)
  wire_fee!: Amount;

  @Wire(amount)
  closing_fee!: Amount;

  /** MasterWireFeePS. */
  @Wire(base32(64))
  master_sig!: EddsaSignature;
}

export class GlobalFeesRequest {
  @Wire(instant)
  fee_start!: number;

  @Wire(timestamp)
  fee_end!: number;

  @Wire(amount)
  history_fee!: Amount;

  @Wire(amount)
  account_fee!: Amount;

  @Wire(amount)
  purse_fee!: Amount;

  @Wire(duration)
  purse_timeout!: number;

  @Wire(duration)
  history_expiration!: number;

  @Wire(integer(U32_MAX))
  purse_account_limit!: number;

  /** MasterGlobalFeePS. */
  @Wire(base32(64))
  master_sig!: EddsaSignature;
}

export class ExtensionsRequest {
  /** As canonical JSON. */
  @Wire(extensions)
  extensions!: string;

  /** MasterExtensionManifestPS. */
  @Wire(base32(64))
  extensions_sig!: EddsaSignature;
}

export class OfficerRequest {
  @Wire(base32(32))
  officer_pub!: EddsaPub;

  @Wire(name)
  officer_name!: string;

  @Wire(flag)
  is_active!: boolean;

  @Wire(flag)
  read_only!: boolean;

  @Wire(instant)
  change_date!: number;

  /** MasterAmlOfficerStatusPS. */
  @Wire(base32(64))
  master_sig!: EddsaSignature;
}
