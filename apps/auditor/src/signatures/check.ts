/** Checks of signatures, hashes and commitments: pure, whatever thread it runs in. */
import {
  type BlindedPlanchet,
  type Denomination,
  type DenominationSignature,
  decodeRsaPub,
  MaliciousKey,
  taler,
} from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import { type BlindSignature, type CoinSignature, planchetBytes } from '@florin/domain';
import { decodeBase32, EncodingError, encodeBase32, equalBytes, MESSAGES, message } from '@florin/encoding';
import type { DenominationKey, Fault, Job, JobField, WithdrawnCoin } from './jobs.js';

const crypto = taler(serverPrimitives);

/** A denomination as jobs use it. */
interface Prepared {
  readonly denomination: Denomination;
  /** RSA's public operation: what a blind signature is opened with. */
  readonly raise: ((base: Uint8Array) => Uint8Array) | undefined;
}

export class Checker {
  private readonly prepared = new Map<string, Prepared | undefined>();
  /** Signatures looked at so far. */
  signatures = 0;

  constructor(private readonly currency: string) {}

  /** A key that cannot be used makes everything under it bad. */
  learn({ denominationHash, ageMask, key }: DenominationKey): void {
    this.prepared.set(denominationHash, prepare(ageMask, key));
  }

  check(job: Job): Fault[] {
    try {
      switch (job.check) {
        case 'signed':
          return this.signed(job) ? [] : [{ code: job.code, detail: `${job.what} is not signed by ${job.pub}` }];
        case 'coin':
          return this.coin(job) ? [] : [{ code: 'bad-signature-coin', detail: `coin ${job.coinPub} is not signed` }];
        case 'withdrawal':
          return this.withdrawal(job);
        case 'envelope':
          return this.envelope(job);
        case 'age':
          return this.age(job);
      }
    } catch (error) {
      if (!(error instanceof EncodingError)) throw error;
      return [{ code: codeOf(job), detail: `what should be signed is malformed: ${error.message}` }];
    }
  }

  private signed({ name, fields, pub, signature }: Extract<Job, { check: 'signed' }>): boolean {
    return this.verify(this.bytes(name, fields), signature, pub);
  }

  private bytes(name: keyof typeof MESSAGES, fields: Readonly<Record<string, JobField>>): Uint8Array {
    const layout = MESSAGES[name].fields as Readonly<Record<string, { readonly kind: string; readonly size: number }>>;
    const values: Record<string, unknown> = {};
    for (const [field, value] of Object.entries(fields)) values[field] = this.value(layout[field], value);
    return message(name, values as never);
  }

  private value(field: { readonly kind: string; readonly size: number } | undefined, value: JobField): unknown {
    if (typeof value === 'string') return decodeBase32(value, field?.size);
    if (typeof value === 'bigint' && field?.kind === 'amount') return this.money(value);
    if (typeof value === 'object') {
      return Object.fromEntries(Object.entries(value).map(([name, units]) => [name, this.money(units)]));
    }
    return value;
  }

  private money(units: bigint): { currency: string; units: bigint } {
    return { currency: this.currency, units };
  }

  private verify(bytes: Uint8Array, signature: string, pub: string): boolean {
    this.signatures += 1;
    return crypto.eddsa.verify(bytes, decodeBase32(signature, 64), decodeBase32(pub, 32));
  }

  private coin({ denominationHash, coinPub, ageCommitmentHash, signature }: Extract<Job, { check: 'coin' }>): boolean {
    this.signatures += 1;
    const { denomination } = this.prepared.get(denominationHash) ?? {};
    return denomination?.verify(coinPubHash(coinPub, ageCommitmentHash), coinSignature(signature)) ?? false;
  }

  private withdrawal({ reservePub, coins, commitment }: Extract<Job, { check: 'withdrawal' }>): Fault[] {
    const faults = coins.flatMap((coin, place) => this.withdrawn(reservePub, coin, place));
    const envelopes = coins.map(({ envelopeHash }) => decodeBase32(envelopeHash, 64));
    if (encodeBase32(crypto.hash.withdrawCommitment(envelopes)) !== commitment) {
      faults.push({ code: 'withdraw-commitment-wrong', detail: 'the commitment is not over the envelope hashes' });
    }
    return faults;
  }

  private withdrawn(reservePub: string, coin: WithdrawnCoin, place: number): Fault[] {
    const faults: Fault[] = [];
    const fault = (code: Fault['code'], detail: string): void => {
      faults.push({ code, place, detail: `coin ${place}: ${detail}` });
    };
    const { denominationHash, envelopeHash, price, reserveSignature, blindSignature } = coin;
    const planchet = planchetBytes(coin.planchet);
    const hash = crypto.hash.envelope(decodeBase32(denominationHash, 64), planchet);
    if (encodeBase32(hash) !== envelopeHash) fault('envelope-hash-wrong', 'the envelope has another hash');
    const fields = { amountWithFee: price, hDenominationPub: denominationHash, hCoinEnvelope: envelopeHash };
    if (!this.verify(this.bytes('WithdrawRequest', fields), reserveSignature, reservePub)) {
      fault('bad-signature-withdraw', `reserve ${reservePub} did not sign it`);
    }
    const prepared = this.prepared.get(denominationHash);
    if (!prepared) return faults; // that nobody offered it is a finding of its own
    if (!canSign(prepared.denomination, planchet)) {
      fault('planchet-wrong', 'the denomination cannot sign the envelope');
    } else if (!this.opens(prepared, planchet, blindSignature)) {
      fault('bad-signature-blind', 'the blind signature does not sign the envelope');
    }
    return faults;
  }

  /** RSA's answer can be checked by anybody; that of Clause-Schnorr by the wallet alone, beyond its form. */
  private opens({ raise, denomination }: Prepared, planchet: BlindedPlanchet, answer: BlindSignature): boolean {
    if (planchet.cipher !== 'RSA' || answer.cipher !== 'RSA' || !raise || denomination.pub.cipher !== 'RSA') {
      return answer.cipher === denomination.pub.cipher && answer.cipher === 'CS' && (answer.b === 0 || answer.b === 1);
    }
    this.signatures += 1;
    const signature = decodeBase32(answer.signature);
    const { modulus } = decodeRsaPub(denomination.pub.rsaPub);
    if (signature.length === 0 || signature.length > modulus.length) return false;
    const padded = new Uint8Array(modulus.length);
    padded.set(signature, modulus.length - signature.length);
    if (Buffer.compare(padded, modulus) >= 0) return false;
    const opened = raise(padded);
    const expected = new Uint8Array(modulus.length);
    expected.set(planchet.blindedPlanchet, modulus.length - planchet.blindedPlanchet.length);
    return equalBytes(opened, expected);
  }

  private envelope(job: Extract<Job, { check: 'envelope' }>): Fault[] {
    const { denomination } = this.prepared.get(job.denominationHash) ?? {};
    const wrong: Fault = {
      code: 'recoup-envelope-wrong',
      detail: `coin ${job.coinPub} and its secret do not give the envelope ${job.envelopeHash}`,
    };
    if (!denomination) return [];
    const { session, blindingSecret } = job;
    try {
      const planchet = denomination.blind({
        coinPubHash: coinPubHash(job.coinPub, job.ageCommitmentHash),
        blindingSecret: decodeBase32(blindingSecret, 32),
        ...(session && {
          session: {
            nonce: decodeBase32(session.nonce, 32),
            rPub0: decodeBase32(session.rPub0, 32),
            rPub1: decodeBase32(session.rPub1, 32),
          },
        }),
      });
      return encodeBase32(denomination.envelopeHash(planchet)) === job.envelopeHash ? [] : [wrong];
    } catch (error) {
      if (error instanceof EncodingError || error instanceof MaliciousKey) return [wrong];
      throw error;
    }
  }

  private age({ mask, minAge, ageCommitmentHash, commitment, attestation }: Extract<Job, { check: 'age' }>): Fault[] {
    this.signatures += 1;
    const publicKeys = commitment.map((key) => decodeBase32(key, 32));
    if (encodeBase32(crypto.age.commitmentHash(publicKeys)) !== ageCommitmentHash) {
      return [{ code: 'bad-signature-age', detail: 'the commitment shown is not the coin’s' }];
    }
    const isOld = crypto.age.verify({ mask, publicKeys }, minAge, decodeBase32(attestation, 64));
    return isOld ? [] : [{ code: 'bad-signature-age', detail: `the age of ${minAge} is not attested` }];
  }
}

function prepare(ageMask: number, key: DenominationKey['key']): Prepared | undefined {
  try {
    if (key.cipher === 'CS') {
      const csPub = decodeBase32(key.csPub, 32);
      return { denomination: crypto.denomination({ cipher: 'CS', ageMask, csPub }), raise: undefined };
    }
    const rsaPub = decodeBase32(key.rsaPub);
    return {
      denomination: crypto.denomination({ cipher: 'RSA', ageMask, rsaPub }),
      raise: crypto.rsa.key(rsaPub).raise,
    };
  } catch (error) {
    if (error instanceof EncodingError) return undefined;
    throw error;
  }
}

/** `denom_pub_hash` of an offered key, base32; undefined if the key is malformed. */
export const denominationHashOf = ({ ageMask, key }: Omit<DenominationKey, 'denominationHash'>): string | undefined => {
  const prepared = prepare(ageMask, key);
  return prepared && encodeBase32(prepared.denomination.hash);
};

function coinPubHash(coinPub: string, ageCommitmentHash: string | undefined): Uint8Array {
  const age = ageCommitmentHash === undefined ? undefined : decodeBase32(ageCommitmentHash, 32);
  return crypto.hash.coinPub(decodeBase32(coinPub, 32), age);
}

const coinSignature = (signature: CoinSignature): DenominationSignature =>
  signature.cipher === 'RSA'
    ? { cipher: 'RSA', signature: decodeBase32(signature.signature) }
    : { cipher: 'CS', r: decodeBase32(signature.r, 32), s: decodeBase32(signature.s, 32) };

function canSign(denomination: Denomination, planchet: BlindedPlanchet): boolean {
  try {
    denomination.envelopeHash(planchet);
    return true;
  } catch (error) {
    if (error instanceof EncodingError) return false;
    throw error;
  }
}

function codeOf(job: Job): Fault['code'] {
  switch (job.check) {
    case 'signed':
      return job.code;
    case 'coin':
      return 'bad-signature-coin';
    case 'withdrawal':
      return 'bad-signature-withdraw';
    case 'envelope':
      return 'recoup-envelope-wrong';
    case 'age':
      return 'bad-signature-age';
  }
}
