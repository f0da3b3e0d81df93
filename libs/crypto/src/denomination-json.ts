import { decodeBase32, EncodingError, encodeBase32, kindOf } from '@florin/encoding';
import type {
  BlindedPlanchet,
  BlindSignature,
  DenominationPub,
  DenominationSignature,
  WithdrawValues,
} from './denomination.js';
import { MemberError } from './errors.js';
import { decodeRsaPub } from './rsa-key.js';
import { isCanonicalScalar } from './scalar.js';

/*
 * The JSON objects of the two ciphers. Unknown members are ignored, as everywhere; a known one must have exactly its
 * form. Whether points lie on the curve and integers below a modulus is seen where a key is at hand.
 * Source: protocol/crypto.md section 2; vectors: test/vectors/rsa.json, cs.json, denom_hash.json
 */

type Json = Readonly<Record<string, unknown>>;

const KEY_SIZE = 32;
const U32_MAX = 0xffff_ffff;
/** The largest modulus that is accepted, in bytes. */
const RSA_VALUE_SIZE_MAX = 1024;

/** Reads `denom_pub`, with the member names of today or of 2022. @throws MemberError naming the member */
export function parseDenominationPub(json: unknown): DenominationPub {
  const object = parseObject(json, 'denom_pub');
  const ageMask = object.age_mask;
  if (typeof ageMask !== 'number' || !Number.isInteger(ageMask) || ageMask < 0 || ageMask > U32_MAX) {
    throw new MemberError('age_mask', 'an integer from 0 to 2^32 - 1', kindOf(ageMask));
  }
  if (parseCipher(object) === 'RSA') {
    const member = object.rsa_pub === undefined ? 'rsa_public_key' : 'rsa_pub';
    return { cipher: 'RSA', ageMask, rsaPub: parseRsaPub(object[member], member) };
  }
  const member = object.cs_pub === undefined ? 'cs_public_key' : 'cs_pub';
  return { cipher: 'CS', ageMask, csPub: parseBytes(object[member], member, KEY_SIZE) };
}

/** @param options.names2022 writes `rsa_public_key` and `cs_public_key`, as clients of 2022 and 2023 expect */
export function encodeDenominationPub(pub: DenominationPub, options: { readonly names2022?: boolean } = {}): Json {
  const [rsaMember, csMember] = options.names2022 ? ['rsa_public_key', 'cs_public_key'] : ['rsa_pub', 'cs_pub'];
  const key = pub.cipher === 'RSA' ? { [rsaMember as string]: pub.rsaPub } : { [csMember as string]: pub.csPub };
  return { cipher: pub.cipher, age_mask: pub.ageMask, ...encodeMembers(key) };
}

/** Reads `coin_ev`. @throws MemberError naming the member */
export function parseBlindedPlanchet(json: unknown): BlindedPlanchet {
  const object = parseObject(json, 'coin_ev');
  if (parseCipher(object) === 'RSA') {
    return { cipher: 'RSA', blindedPlanchet: parseRsaValue(object, 'rsa_blinded_planchet') };
  }
  return {
    cipher: 'CS',
    nonce: parseBytes(object.cs_nonce, 'cs_nonce', KEY_SIZE),
    c0: parseScalar(object, 'cs_blinded_c0'),
    c1: parseScalar(object, 'cs_blinded_c1'),
  };
}

export function encodeBlindedPlanchet(planchet: BlindedPlanchet): Json {
  return planchet.cipher === 'RSA'
    ? { cipher: 'RSA', ...encodeMembers({ rsa_blinded_planchet: planchet.blindedPlanchet }) }
    : {
        cipher: 'CS',
        ...encodeMembers({ cs_nonce: planchet.nonce, cs_blinded_c0: planchet.c0, cs_blinded_c1: planchet.c1 }),
      };
}

/** Reads `ev_sig`. @throws MemberError naming the member */
export function parseBlindSignature(json: unknown): BlindSignature {
  const object = parseObject(json, 'ev_sig');
  if (parseCipher(object) === 'RSA') {
    return { cipher: 'RSA', blindSignature: parseRsaValue(object, 'blinded_rsa_signature') };
  }
  const { b } = object;
  if (b !== 0 && b !== 1) throw new MemberError('b', '0 or 1', typeof b === 'number' ? String(b) : kindOf(b));
  return { cipher: 'CS', b, s: parseScalar(object, 's') };
}

export function encodeBlindSignature(signature: BlindSignature): Json {
  return signature.cipher === 'RSA'
    ? { cipher: 'RSA', ...encodeMembers({ blinded_rsa_signature: signature.blindSignature }) }
    : { cipher: 'CS', b: signature.b, ...encodeMembers({ s: signature.s }) };
}

/** Reads `ub_sig`, `denom_sig` or `denom_pub_sig`. @throws MemberError naming the member */
export function parseDenominationSignature(json: unknown): DenominationSignature {
  const object = parseObject(json, 'denom_sig');
  if (parseCipher(object) === 'RSA') return { cipher: 'RSA', signature: parseRsaValue(object, 'rsa_signature') };
  return {
    cipher: 'CS',
    r: parseBytes(object.cs_signature_r, 'cs_signature_r', KEY_SIZE),
    s: parseScalar(object, 'cs_signature_s'),
  };
}

export function encodeDenominationSignature(signature: DenominationSignature): Json {
  return signature.cipher === 'RSA'
    ? { cipher: 'RSA', ...encodeMembers({ rsa_signature: signature.signature }) }
    : { cipher: 'CS', ...encodeMembers({ cs_signature_r: signature.r, cs_signature_s: signature.s }) };
}

/** Reads `ewv`. @throws MemberError naming the member */
export function parseWithdrawValues(json: unknown): WithdrawValues {
  const object = parseObject(json, 'ewv');
  if (parseCipher(object) === 'RSA') return { cipher: 'RSA' };
  return {
    cipher: 'CS',
    rPub0: parseBytes(object.r_pub_0, 'r_pub_0', KEY_SIZE),
    rPub1: parseBytes(object.r_pub_1, 'r_pub_1', KEY_SIZE),
  };
}

export function encodeWithdrawValues(values: WithdrawValues): Json {
  if (values.cipher === 'RSA') return { cipher: 'RSA' };
  return { cipher: 'CS', ...encodeMembers({ r_pub_0: values.rPub0, r_pub_1: values.rPub1 }) };
}

function parseObject(json: unknown, member: string): Json {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new MemberError(member, 'an object', kindOf(json));
  }
  return json as Json;
}

function parseCipher({ cipher }: Json): 'RSA' | 'CS' {
  if (cipher === 'RSA' || cipher === 'CS') return cipher;
  throw new MemberError('cipher', '"RSA" or "CS"', kindOf(cipher));
}

function parseBytes(text: unknown, member: string, sizeBytes?: number): Uint8Array {
  return namingMember(member, () => decodeBase32(text as string, sizeBytes)); // refuses what is not a string
}

function parseScalar(object: Json, member: string): Uint8Array {
  const scalar = parseBytes(object[member], member, KEY_SIZE);
  if (!isCanonicalScalar(scalar)) throw new MemberError(member, 'a scalar below L', 'a larger one');
  return scalar;
}

function parseRsaPub(text: unknown, member: string): Uint8Array {
  return namingMember(member, () => decodeRsaPub(parseBytes(text, member)).encoded);
}

function parseRsaValue(object: Json, member: string): Uint8Array {
  const value = parseBytes(object[member], member);
  if (value.length === 0 || value.length > RSA_VALUE_SIZE_MAX || value[0] === 0) {
    throw new MemberError(member, 'an integer without leading zero byte', kindOf(value));
  }
  return value;
}

function namingMember<T>(member: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof EncodingError) || error instanceof MemberError) throw error;
    throw new MemberError(member, error.expected, error.got);
  }
}

function encodeMembers(members: Readonly<Record<string, Uint8Array>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(members).map(([name, bytes]) => [name, encodeBase32(bytes)]));
}
