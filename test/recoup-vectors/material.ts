/** Denominations, coins and withdrawals of the vectors, with every number on the way from a secret to an envelope. */
import {
  type Blinding,
  type BlindSignature,
  type DenominationPub,
  encodeBlindSignature,
  encodeDenominationPub,
  encodeDenominationSignature,
} from '@florin/crypto';
import { concat, encodeBase32, encodeU16, encodeU32, message, utf8 } from '@florin/encoding';
import { bytesOf, crypto, integerOf, inverse, power, rsaSecret, secret } from './secrets.js';

export type Json = Readonly<Record<string, unknown>>;

export const CURRENCY = 'KUDOS';
/** Seconds since 1970: when the requests of the vectors arrive, unless a case says otherwise. */
export const NOW = 1_800_000_000;
const DAY = 86_400;
const AGE_MASK = 0x00255501;

interface Kind {
  readonly name: string;
  readonly cipher: 'RSA' | 'CS';
  readonly value: string;
  readonly ageMask?: number;
  readonly start?: number;
  readonly expireDeposit?: number;
}

const KINDS: readonly Kind[] = [
  { name: 'rsa', cipher: 'RSA', value: '1' },
  { name: 'rsa aged', cipher: 'RSA', value: '1', ageMask: AGE_MASK },
  { name: 'rsa valid', cipher: 'RSA', value: '2' },
  { name: 'rsa expired', cipher: 'RSA', value: '1', expireDeposit: NOW },
  { name: 'rsa future', cipher: 'RSA', value: '1', start: NOW + 1 },
  { name: 'cs', cipher: 'CS', value: '5' },
  { name: 'cs aged', cipher: 'CS', value: '5', ageMask: AGE_MASK },
];

/** Which coins each withdrawal has, in its order, and of which kind they are; a twin has the key of another coin. */
const WITHDRAWALS: Readonly<Record<string, readonly (readonly [coin: string, kind: string])[]>> = {
  one: [['single', 'rsa']],
  mixed: [
    ['a', 'rsa'],
    ['b', 'cs'],
    ['c', 'rsa valid'],
    ['d', 'rsa aged'],
    ['e', 'cs aged'],
    ['f', 'rsa'],
  ],
  stamps: [
    ['old', 'rsa expired'],
    ['new', 'rsa future'],
    ['standing', 'rsa valid'],
  ],
  twins: [
    ['single twin', 'rsa aged'],
    ['d twin', 'rsa aged'],
  ],
};

export interface CoinVector {
  readonly denomination: string;
  readonly coin_pub: string;
  readonly coin_ev: string;
  readonly age_commitment_h?: string;
  readonly disclosed: Json;
}

export interface Material {
  readonly denominations: Readonly<Record<string, Json & { readonly h_denom_pub: string }>>;
  readonly coins: Readonly<Record<string, CoinVector & Json>>;
  readonly withdrawals: Readonly<Record<string, { reserve_pub: string; coins: readonly string[]; commitment: string }>>;
}

interface Made {
  readonly kind: Kind;
  readonly pub: DenominationPub;
  readonly sign: (blinding: Blinding) => { blind: BlindSignature; numbers: Json; planchet: Uint8Array };
  readonly session: (coin: string) => Blinding['session'];
  readonly json: Json & { readonly h_denom_pub: string };
}

export function makeMaterial(): Material {
  const made = new Map(KINDS.map((kind) => [kind.name, kind.cipher === 'RSA' ? rsaKind(kind) : csKind(kind)]));
  const coins: Record<string, CoinVector & Json> = {};
  const withdrawals: Record<string, { reserve_pub: string; coins: readonly string[]; commitment: string }> = {};
  for (const [withdrawal, list] of Object.entries(WITHDRAWALS)) {
    const hashes = list.map(([name, kind]) => {
      const [json, hash] = makeCoin(name, made.get(kind) as Made);
      coins[name] = json;
      return hash;
    });
    withdrawals[withdrawal] = {
      reserve_pub: encodeBase32(crypto.eddsa.publicKey(secret(`reserve ${withdrawal}`))),
      coins: list.map(([name]) => name),
      commitment: encodeBase32(crypto.hash.sha512(concat(...hashes))),
    };
  }
  return { denominations: Object.fromEntries([...made].map(([name, { json }]) => [name, json])), coins, withdrawals };
}

function terms(kind: Kind, pub: DenominationPub) {
  const { value, start = NOW - 30 * DAY, expireDeposit = NOW + 700 * DAY } = kind;
  return {
    value: `${CURRENCY}:${value}`,
    fee_withdraw: `${CURRENCY}:0.01`,
    stamp_start: { t_s: start },
    stamp_expire_withdraw: { t_s: start + 7 * DAY },
    stamp_expire_deposit: { t_s: expireDeposit },
    denom_pub: encodeDenominationPub(pub),
    h_denom_pub: encodeBase32(crypto.hash.denomination(pub)),
  };
}

function rsaKind(kind: Kind): Made {
  const { signer, numbers } = rsaSecret(`denomination ${kind.name}`);
  const pub = { cipher: 'RSA', ageMask: kind.ageMask ?? 0, rsaPub: signer.rsaPub } as const;
  const modulus = integerOf(numbers.n);
  const sign = ({ coinPubHash, blindingSecret }: Blinding) => {
    const [fdh, factor] = [
      belowModulus(numbers.n, { salt: pub.rsaPub, ikm: coinPubHash, info: utf8('RSA-FDA FTpsW!') }),
      belowModulus(numbers.n, {
        salt: utf8('Blinding KDF extractor HMAC key'),
        ikm: blindingSecret,
        info: utf8('Blinding KDF'),
      }),
    ];
    const planchet = bytesOf((fdh * power(factor, integerOf(numbers.e), modulus)) % modulus);
    const blind = signer.sign(planchet);
    const signature = bytesOf((integerOf(blind) * inverse(factor, modulus)) % modulus);
    if (power(integerOf(signature), integerOf(numbers.e), modulus) !== fdh) throw new Error('no valid signature');
    return {
      blind: { cipher: 'RSA', blindSignature: blind } as const,
      planchet,
      numbers: {
        full_domain_hash: encodeBase32(bytesOf(fdh)),
        blinding_factor: encodeBase32(bytesOf(factor)),
        rsa_blinded_planchet: encodeBase32(planchet),
      },
    };
  };
  const priv = Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, encodeBase32(value)]));
  return { kind, pub, sign, session: () => undefined, json: { ...terms(kind, pub), rsa_private: priv } };
}

function csKind(kind: Kind): Made {
  const priv = crypto.cs.privateKey(secret(`denomination ${kind.name}`, 64));
  const pub = { cipher: 'CS', ageMask: kind.ageMask ?? 0, csPub: crypto.cs.publicKey(priv) } as const;
  const key = crypto.denomination(pub);
  const session = (coin: string) => {
    const nonce = secret(`nonce ${coin}`);
    return { nonce, ...crypto.cs.deriveR(priv, nonce, 'withdraw') };
  };
  const sign = (blinding: Blinding) => {
    const planchet = key.blind(blinding);
    if (planchet.cipher !== 'CS') throw new Error('another cipher');
    const factors = crypto.kdf.derive(128, { salt: utf8('alphabeta'), ikm: blinding.blindingSecret });
    const names = ['alpha_0', 'beta_0', 'alpha_1', 'beta_1'];
    return {
      blind: { cipher: 'CS', ...crypto.cs.sign(priv, planchet, 'withdraw') } as const,
      planchet: concat(planchet.c0, planchet.c1, planchet.nonce),
      numbers: {
        ...Object.fromEntries(
          names.map((name, i) => [name, encodeBase32(clamped(factors.slice(32 * i, 32 * i + 32)))]),
        ),
        cs_blinded_c0: encodeBase32(planchet.c0),
        cs_blinded_c1: encodeBase32(planchet.c1),
      },
    };
  };
  return { kind, pub, sign, session, json: { ...terms(kind, pub), cs_private: encodeBase32(priv) } };
}

function makeCoin(name: string, denomination: Made): readonly [CoinVector & Json, Uint8Array] {
  const { kind, pub, sign } = denomination;
  const coinPriv = secret(`coin ${name.replace(' twin', '')}`);
  const coinPub = crypto.eddsa.publicKey(coinPriv);
  const ages = pub.ageMask === 0 ? undefined : crypto.age.commit(pub.ageMask, 16, secret(`age ${name}`, 64)).publicKeys;
  const ageHash = ages && crypto.hash.sha512(concat(...ages)).slice(0, 32);
  const coinPubHash = crypto.hash.sha512(concat(coinPub, ageHash ?? new Uint8Array(0)));
  const session = denomination.session(name);
  const blinding = {
    coinPubHash,
    blindingSecret: blindingSecretOf(name, denomination, coinPubHash),
    ...(session && { session }),
  };
  const { blind, planchet, numbers } = sign(blinding);
  const denominationHash = crypto.hash.denomination(pub);
  const envelope = concat(denominationHash, encodeU32(kind.cipher === 'RSA' ? 1 : 2), planchet);
  const envelopeHash = crypto.hash.sha512(envelope);
  const signed = message('RecoupRequest', { hDenomPub: denominationHash, coinBlind: blinding.blindingSecret });
  const age = ageHash && { age_commitment_h: encodeBase32(ageHash) };
  const disclosed = {
    type: 'recoup_coin_details',
    coin_pub: encodeBase32(coinPub),
    coin_blinding_key_secret: encodeBase32(blinding.blindingSecret),
    ...age,
    ...(session && {
      cs_session_nonce: encodeBase32(session.nonce),
      cs_r_pubs: { r_pub_0: encodeBase32(session.rPub0), r_pub_1: encodeBase32(session.rPub1) },
    }),
    denom_pub_sig: encodeDenominationSignature(crypto.denomination(pub).unblind(blinding, blind)),
    denom_pub_h: encodeBase32(denominationHash),
    coin_sig: encodeBase32(crypto.eddsa.sign(signed, coinPriv)),
  };
  const json = {
    denomination: kind.name,
    coin_priv: encodeBase32(coinPriv),
    coin_pub: encodeBase32(coinPub),
    ...(ages && { age_commitment: ages.map((key) => encodeBase32(key)) }),
    ...age,
    coin_pub_hash: encodeBase32(coinPubHash),
    ...numbers,
    envelope: encodeBase32(envelope),
    coin_ev: encodeBase32(envelopeHash),
    ev_sig: encodeBlindSignature(blind),
    recoup_request: encodeBase32(signed),
    disclosed,
  };
  return [json, envelopeHash];
}

/** Of coin `f` one whose blinded planchet begins with a zero byte, which is left out: 1 in 256 does. */
function blindingSecretOf(name: string, { pub, sign }: Made, coinPubHash: Uint8Array): Uint8Array {
  if (name !== 'f' || pub.cipher !== 'RSA') return secret(`blinding ${name}`);
  for (let count = 0; ; count += 1) {
    const blindingSecret = secret(`blinding ${name} ${count}`);
    if (sign({ coinPubHash, blindingSecret }).planchet.length < pub.rsaPub.length - 4 - 3) return blindingSecret;
  }
}

/** kdf_mod: candidates of the modulus's length, counted, until one is below; 1,024 bits need no mask. */
function belowModulus(modulus: Uint8Array, input: { salt: Uint8Array; ikm: Uint8Array; info: Uint8Array }): bigint {
  for (let counter = 0; ; counter += 1) {
    const info = concat(input.info, encodeU16(counter));
    const candidate = integerOf(crypto.kdf.derive(modulus.length, { ...input, info }));
    if (candidate < integerOf(modulus)) return candidate;
  }
}

/** RFC 7748. */
function clamped(bytes: Uint8Array): Uint8Array {
  const result = bytes.slice();
  result[0] = (result[0] as number) & 248;
  result[31] = ((result[31] as number) & 127) | 64;
  return result;
}
