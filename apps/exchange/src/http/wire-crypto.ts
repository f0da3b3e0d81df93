/** The JSON objects of blind signatures (crypto.md 2) as the domain keeps them: canonical base32, by cipher. */
import type { BlindSignature, CoinSignature, Planchet } from '@florin/domain';
import { decodeBase32, encodeBase32 } from '@florin/encoding';
import { base32, base32Blob, described, type Parser, type Schema, schemaOf } from './wire-fields.js';

/** No RSA value that Florin accepts is longer than 8192 bits. */
const RSA_BYTES_MAX = 1024;

const INTEGER = schemaOf(base32Blob(RSA_BYTES_MAX));
const KEY = schemaOf(base32(32));

/** An object whose further members its `cipher` decides on. */
export function byCipher(rsa: Schema, cs: Schema): Schema {
  const one = (cipher: string, members: Schema): Schema => ({
    type: 'object',
    properties: { cipher: { const: cipher }, ...members },
    required: ['cipher', ...Object.keys(members)],
  });
  return { oneOf: [one('RSA', rsa), one('CS', cs)] };
}

type Members = Readonly<Record<string, unknown>>;

function members(json: unknown): Members {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new TypeError('an object is expected');
  return json as Members;
}

function bytesOf(json: Members, name: string, sizeBytes?: number): string {
  const value = json[name];
  if (typeof value !== 'string') throw new TypeError(`${name}: text in base32 is expected`);
  return encodeBase32(decodeBase32(value, sizeBytes));
}

/** An unsigned integer in its shortest form: what is hashed must have one spelling only. */
function integerOf(json: Members, name: string): string {
  const value = json[name];
  if (typeof value !== 'string') throw new TypeError(`${name}: text in base32 is expected`);
  const bytes = decodeBase32(value);
  if (bytes.length === 0 || bytes.length > RSA_BYTES_MAX) throw new RangeError(`${name}: 1 to ${RSA_BYTES_MAX} bytes`);
  if (bytes[0] === 0) throw new RangeError(`${name}: an integer without leading zero bytes is expected`);
  return encodeBase32(bytes);
}

function unknownCipher(cipher: unknown): never {
  throw new RangeError(
    `cipher: RSA or CS is expected, not ${typeof cipher === 'string' ? cipher.slice(0, 20) : typeof cipher}`,
  );
}

/** `coin_ev` of a withdrawal. */
export const coinEnvelope: Parser<Planchet> = described(
  byCipher({ rsa_blinded_planchet: INTEGER }, { cs_nonce: KEY, cs_blinded_c0: KEY, cs_blinded_c1: KEY }),
  (value) => {
    const json = members(value);
    switch (json.cipher) {
      case 'RSA':
        return { cipher: 'RSA', blinded: integerOf(json, 'rsa_blinded_planchet') } as Planchet;
      case 'CS':
        return {
          cipher: 'CS',
          c0: bytesOf(json, 'cs_blinded_c0', 32),
          c1: bytesOf(json, 'cs_blinded_c1', 32),
          nonce: bytesOf(json, 'cs_nonce', 32),
        } as Planchet;
      default:
        return unknownCipher(json.cipher);
    }
  },
);

/** `ev_sig` of a reply. */
export const blindSignatureJson = (signature: BlindSignature): Record<string, unknown> =>
  signature.cipher === 'RSA'
    ? { cipher: 'RSA', blinded_rsa_signature: signature.signature }
    : { cipher: 'CS', b: signature.b, s: signature.s };

/** `ub_sig`, `denom_sig`, `denom_pub_sig`: a coin's unblinded signature. */
export const coinSignature: Parser<CoinSignature> = described(
  byCipher({ rsa_signature: INTEGER }, { cs_signature_r: KEY, cs_signature_s: KEY }),
  (value) => {
    const json = members(value);
    switch (json.cipher) {
      case 'RSA':
        return { cipher: 'RSA', signature: integerOf(json, 'rsa_signature') } as CoinSignature;
      case 'CS':
        return {
          cipher: 'CS',
          r: bytesOf(json, 'cs_signature_r', 32),
          s: bytesOf(json, 'cs_signature_s', 32),
        } as CoinSignature;
      default:
        return unknownCipher(json.cipher);
    }
  },
);

export const coinSignatureJson = (signature: CoinSignature): Record<string, unknown> =>
  signature.cipher === 'RSA'
    ? { cipher: 'RSA', rsa_signature: signature.signature }
    : { cipher: 'CS', cs_signature_r: signature.r, cs_signature_s: signature.s };
