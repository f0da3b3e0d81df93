import {
  type AgeCommitment,
  BadBlindSignature,
  type CsSession,
  type DenominationSignature,
  encodeBlindedPlanchet,
  MaliciousKey,
  parseBlindSignature,
  type Taler,
} from '@florin/crypto';
import { type Amount, EncodingError, encodeBase32, message } from '@florin/encoding';
import type { CallOptions, Connection } from './connection.js';
import { ExchangeMisbehaved } from './errors.js';
import type { Planchet } from './planchets.js';
import { type ReplyObject, readingAt } from './reply.js';
import type { SignatureChecker } from './signatures.js';
import { costOf } from './withdraw-plan.js';

/*
 * The withdrawal itself: every planchet is signed by the reserve, the exchange signs all or none, and what it answers
 * is unblinded and verified before it is believed to be money.
 * Source: spec/batch-withdraw.txt, protocol/endpoints.md A1
 */

/** Money. Whoever knows the private key can spend it. */
export interface Coin {
  readonly coinPriv: Uint8Array;
  readonly coinPub: Uint8Array;
  readonly denominationHash: Uint8Array;
  readonly value: Amount;
  /** The denomination's signature over the coin. */
  readonly signature: DenominationSignature;
  /** Needed to recoup the coin, with `session`, should its denomination be revoked. */
  readonly blindingSecret: Uint8Array;
  /** Clause-Schnorr only. */
  readonly session?: CsSession;
  /** Names the coin among those of its withdrawal, whose commitment goes over the hashes of all. */
  readonly envelopeHash: Uint8Array;
  readonly ageCommitment?: AgeCommitment;
}

export async function batchWithdraw(
  { http, taler, checker }: Connection,
  reservePriv: Uint8Array,
  planchets: readonly Planchet[],
  { signal }: CallOptions,
): Promise<Coin[]> {
  const path = `reserves/${encodeBase32(taler.eddsa.publicKey(reservePriv))}/batch-withdraw`;
  const body = batchWithdrawBody(taler, reservePriv, planchets);
  const reply = await http.sendForObject({ method: 'POST', path, body, signal, accept: [200] }, 'withdrawal');
  return readCoins(reply, planchets, checker);
}

/** What is sent. The same planchets make the same bytes: Ed25519 draws nothing. */
export function batchWithdrawBody({ eddsa }: Taler, reservePriv: Uint8Array, planchets: readonly Planchet[]) {
  const reserve = eddsa.keyPair(reservePriv);
  return {
    planchets: planchets.map(({ denomination, blinded, envelopeHash }) => {
      const { name, value } = denomination;
      const signed = message('WithdrawRequest', {
        amountWithFee: { currency: value.currency, units: costOf(denomination) },
        hDenominationPub: denomination.key.hash,
        hCoinEnvelope: envelopeHash,
      });
      const reserveSignature = encodeBase32(reserve.sign(signed));
      return { denom_pub_hash: name, coin_ev: encodeBlindedPlanchet(blinded), reserve_sig: reserveSignature };
    }),
  };
}

/** The coins, in the order of the planchets. @throws ExchangeMisbehaved when one of the signatures makes no coin */
export function readCoins(reply: ReplyObject, planchets: readonly Planchet[], checker: SignatureChecker): Coin[] {
  const answers = reply.objects('ev_sigs');
  if (answers.length !== planchets.length) {
    const problem = `${answers.length} signatures for ${planchets.length} planchets`;
    throw new ExchangeMisbehaved('malformed', `${reply.place}.ev_sigs`, problem);
  }
  return answers.map((answer, index) => {
    const planchet = planchets[index] as Planchet;
    const place = `${answer.place}.ev_sig`;
    const blindSignature = readingAt(place, () => parseBlindSignature(answer.object('ev_sig').json));
    const signature = unblinded(place, () => planchet.denomination.key.unblind(planchet.blinding, blindSignature));
    checker.counted();
    return coinOf(planchet, signature);
  });
}

function coinOf(planchet: Planchet, signature: DenominationSignature): Coin {
  const { denomination, coinPriv, coinPub, blinding, ageCommitment, envelopeHash } = planchet;
  return {
    coinPriv,
    coinPub,
    denominationHash: denomination.key.hash,
    value: denomination.value,
    signature,
    blindingSecret: blinding.blindingSecret,
    ...(blinding.session && { session: blinding.session }),
    envelopeHash,
    ...(ageCommitment && { ageCommitment }),
  };
}

function unblinded<Value>(place: string, unblind: () => Value): Value {
  try {
    return unblind();
  } catch (error) {
    if (error instanceof BadBlindSignature || error instanceof MaliciousKey) {
      throw new ExchangeMisbehaved('signature', place, error.message);
    }
    if (error instanceof EncodingError) throw new ExchangeMisbehaved('malformed', place, error.message);
    throw error;
  }
}
