import {
  type AgeCommitment,
  type BlindedPlanchet,
  type Blinding,
  type CsSession,
  MaliciousKey,
  parseWithdrawValues,
  type Taler,
} from '@florin/crypto';
import { EncodingError, encodeBase32 } from '@florin/encoding';
import type { CallOptions, Connection } from './connection.js';
import type { OfferedDenomination } from './denominations.js';
import { ExchangeMisbehaved } from './errors.js';
import { readingAt } from './reply.js';

/*
 * Planchets: coins before they are signed. Everything secret about a batch comes from one 32-byte seed, so that a
 * wallet that keeps seed and denominations can make the same request again, and get the same coins:
 *
 *   seed -> one secret per coin -> coin key, blinding secret, age commitment, Clause-Schnorr nonce
 *
 * For Clause-Schnorr the exchange's answer to the nonce goes into coin key and blinding secret too; it answers the same
 * nonce alike, for ever.
 * Source: protocol/crypto.md sections 3.1, 4, 7
 */

/** A coin that is ready to be signed. Holds its secrets. */
export interface Planchet {
  readonly denomination: OfferedDenomination;
  /** 32 bytes. */
  readonly coinPriv: Uint8Array;
  readonly coinPub: Uint8Array;
  /** How it is blinded, and unblinded later. */
  readonly blinding: Blinding;
  /** With a private key for each age group up to the owner's. */
  readonly ageCommitment: AgeCommitment | undefined;
  /** What is sent: `coin_ev`. */
  readonly blinded: BlindedPlanchet;
  /** 64 bytes: names the planchet at the exchange. */
  readonly envelopeHash: Uint8Array;
}

/** A coin before blinding: its denomination and the 32 bytes that its secrets come from. */
interface PlanchetSeed {
  readonly denomination: OfferedDenomination;
  readonly secret: Uint8Array;
}

export interface PlanchetOptions {
  /** Of the owner, in years; every age may be proved without. Only where the denomination has age groups. */
  readonly maxAge?: number;
}

/** Requests at a time. */
const PARALLEL_MAX = 8;

export async function preparePlanchets(
  connection: Connection,
  seed: Uint8Array,
  denominations: readonly OfferedDenomination[],
  { signal, ...options }: CallOptions & PlanchetOptions,
): Promise<Planchet[]> {
  const { taler } = connection;
  const secrets = taler.planchet.planchetSecrets(seed, denominations.length);
  const planchets: Planchet[] = [];
  for (let from = 0; from < denominations.length; from += PARALLEL_MAX) {
    const some = denominations.slice(from, from + PARALLEL_MAX).map(async (denomination, index) => {
      const planchetSeed = { denomination, secret: secrets[from + index] as Uint8Array };
      const session = denomination.cipher === 'CS' ? await askSession(connection, planchetSeed, signal) : undefined;
      return preparePlanchet(taler, planchetSeed, session, options);
    });
    planchets.push(...(await Promise.all(some)));
  }
  return planchets;
}

/** Asks for the exchange's part of a Clause-Schnorr blinding: the same for the same nonce. */
async function askSession(
  { http, taler }: Connection,
  { denomination, secret }: PlanchetSeed,
  signal: AbortSignal | undefined,
): Promise<CsSession> {
  const nonce = taler.planchet.withdrawNonce(secret);
  const body = { nonce: encodeBase32(nonce), denom_pub_hash: denomination.name };
  const request = { method: 'POST', path: 'csr-withdraw', body, signal, accept: [200] } as const;
  const ewv = (await http.sendForObject(request, 'csr-withdraw')).object('ewv');
  const values = readingAt(ewv.place, () => parseWithdrawValues(ewv.json));
  if (values.cipher !== 'CS') throw new ExchangeMisbehaved('malformed', ewv.place, 'has the other cipher');
  return { nonce, rPub0: values.rPub0, rPub1: values.rPub1 };
}

/**
 * @param session for Clause-Schnorr denominations only
 * @throws ExchangeMisbehaved when the denomination's key, or what the exchange answered, was made to unmask the coin
 */
export function preparePlanchet(
  taler: Taler,
  { denomination, secret }: PlanchetSeed,
  session: CsSession | undefined,
  { maxAge = AGE_UNRESTRICTED }: PlanchetOptions,
): Planchet {
  const { coinPriv, blindingSecret } = taler.planchet.coinSecrets(
    secret,
    session ? { cipher: 'CS', rPub0: session.rPub0, rPub1: session.rPub1 } : { cipher: 'RSA' },
  );
  const coinPub = taler.eddsa.publicKey(coinPriv);
  const { ageMask } = denomination;
  const ageCommitment = ageMask === 0 ? undefined : taler.age.commitFromSecret(ageMask, maxAge, secret);
  const coinPubHash = taler.hash.coinPub(coinPub, ageCommitment && taler.age.commitmentHash(ageCommitment.publicKeys));
  const blinding = { coinPubHash, blindingSecret, ...(session && { session }) };
  const blinded = blind(denomination, blinding);
  const envelopeHash = denomination.key.envelopeHash(blinded);
  return { denomination, coinPriv, coinPub, blinding, ageCommitment, blinded, envelopeHash };
}

/** Above every group that a mask of 32 bits can have. */
const AGE_UNRESTRICTED = 32;

function blind({ name, key }: OfferedDenomination, blinding: Blinding): BlindedPlanchet {
  try {
    return key.blind(blinding);
  } catch (error) {
    if (error instanceof MaliciousKey) throw new ExchangeMisbehaved('contradiction', name, error.message);
    if (error instanceof EncodingError) throw new ExchangeMisbehaved('malformed', 'csr-withdraw.ewv', error.message);
    throw error;
  }
}
