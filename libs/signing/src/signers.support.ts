import { type BlindedPlanchet, type BlindSignature, type Denomination, taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import { concat } from '@florin/encoding';
import type { DenominationKey } from './protocol.js';
import { type BlindRequest, Signers, type SignersOptions } from './signers.js';
import { afterwards, temporaryKeyFolder } from './temporary.support.js';

export const { denomination, eddsa, cs, hash } = taler(serverPrimitives);

/** For tests of anything but patience: a busy machine may take long to give a signer its turn. */
export const PATIENT = { deadlineMs: 300_000, silenceMs: 60_000 };

/** Signers over a key folder of their own; both are gone after the test. */
export async function temporarySigners(options: Partial<SignersOptions> = {}): Promise<Signers> {
  const signers = await Signers.start({ folder: await temporaryKeyFolder(), processes: 2, ...PATIENT, ...options });
  afterwards(() => signers.close());
  return signers;
}

export const newRsa = (signers: Signers, bits = 1024): Promise<DenominationKey> =>
  signers.generate({ kind: 'denomination', cipher: 'RSA', bits, ageMask: 0 });

export const newCs = (signers: Signers): Promise<DenominationKey> =>
  signers.generate({ kind: 'denomination', cipher: 'CS', ageMask: 0 });

/** A wallet's coins for one denomination: what it sends to be signed, and the check of what comes back. */
export interface Coins {
  readonly requests: BlindRequest[];
  /** How many of the answers make valid coins, each at its place. */
  good(answers: readonly BlindSignature[]): number;
}

/** @param sessions for Clause-Schnorr, the exchange's answer to each nonce */
export function coinsOf(key: DenominationKey, count: number, seed = 1): Coins {
  const offered = denomination(key.pub);
  const blindings = Array.from({ length: count }, (_, i) => ({
    coinPubHash: hash.coinPub(numbered(i, seed)),
    blindingSecret: numbered(i, seed + 100),
  }));
  return {
    requests: blindings.map((blinding) => ({
      denominationHash: key.denominationHash,
      planchet: offered.blind(blinding),
    })),
    good: (answers) => countGood(offered, blindings, answers),
  };
}

/** A Clause-Schnorr coin, whose R come from the signers. */
export async function csCoin(signers: Signers, key: DenominationKey, operation: 'withdraw' | 'melt'): Promise<Coins> {
  const offered = denomination(key.pub);
  const nonce = numbered(1, 77);
  const session = { nonce, ...(await signers.deriveR(key.denominationHash, nonce, operation)) };
  const blinding = { coinPubHash: hash.coinPub(numbered(1, 3)), blindingSecret: numbered(1, 4), session };
  return {
    requests: [{ denominationHash: key.denominationHash, planchet: offered.blind(blinding), operation }],
    good: (answers) => countGood(offered, [blinding], answers),
  };
}

/** The bytes of an answer, to be compared. */
export const bytesOf = (answer: BlindSignature): Uint8Array =>
  answer.cipher === 'RSA' ? answer.blindSignature : concat(Uint8Array.of(answer.b), answer.s);

export const rsaPlanchet = (...bytes: number[]): BlindedPlanchet => ({
  cipher: 'RSA',
  blindedPlanchet: Uint8Array.of(...bytes),
});

function countGood(
  offered: Denomination,
  blindings: readonly Parameters<Denomination['unblind']>[0][],
  answers: readonly BlindSignature[],
): number {
  if (answers.length !== blindings.length) return -1;
  return blindings.filter((blinding, i) => {
    try {
      return offered.verify(blinding.coinPubHash, offered.unblind(blinding, answers[i] as BlindSignature));
    } catch {
      return false;
    }
  }).length;
}

/** 32 bytes of no meaning, others for every pair of numbers. */
function numbered(i: number, seed: number): Uint8Array {
  return hash.sha512(Uint8Array.of(seed, i >> 8, i)).subarray(0, 32);
}
