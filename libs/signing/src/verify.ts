import { type Denomination, type DenominationPub, type DenominationSignature, taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import { EncodingError } from '@florin/encoding';
import { pack, unpack } from './pack.js';

/** A signature of a client to be checked. */
export type VerifyJob =
  | { readonly kind: 'eddsa'; readonly message: Uint8Array; readonly signature: Uint8Array; readonly pub: Uint8Array }
  | {
      readonly kind: 'denomination';
      readonly pub: DenominationPub;
      /** 64 bytes: the hash of the coin's public key and age commitment. */
      readonly coinPubHash: Uint8Array;
      readonly signature: DenominationSignature;
    };

/** Prepared public keys that are kept; an exchange has some hundred denominations in use. */
const PREPARED_MAX = 2_000;
const { eddsa, denomination } = taler(serverPrimitives);

/** In the order of last use, by their bytes. */
const prepared = new Map<string, Denomination>();

/** About how many Ed25519 verifications a job is worth: 0.05 ms each. */
export function costOf(job: VerifyJob): number {
  if (job.kind === 'eddsa') return 1;
  return job.pub.cipher === 'RSA' ? 2 : 3;
}

/** Whether the signature is good. Whatever is malformed is not. */
export function verify(job: VerifyJob): boolean {
  if (job.kind === 'eddsa') return eddsa.verify(job.message, job.signature, job.pub);
  try {
    return prepare(job.pub).verify(job.coinPubHash, job.signature);
  } catch (error) {
    if (error instanceof EncodingError) return false;
    throw error;
  }
}

/** Jobs as one byte string, to be handed to another thread. */
export function packJobs(jobs: readonly VerifyJob[]): Uint8Array<ArrayBuffer> {
  return pack([Uint8Array.from(jobs, tagOf), ...jobs.flatMap(fieldsOf)]);
}

/** What {@link packJobs} packed. */
export function unpackJobs(packed: Uint8Array): VerifyJob[] {
  const [tags = new Uint8Array(0), ...fields] = unpack(packed);
  return Array.from(tags, (tag, i) => jobOf(tag, fields.slice(FIELDS * i, FIELDS * (i + 1)) as unknown as Fields));
}

/** Every job is a tag and this many byte strings, of which some are empty. */
const FIELDS = 4;
type Fields = readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array];

const EDDSA = 0;
/** Plus one if the key, plus two if the signature is of Clause-Schnorr. */
const DENOMINATION = 4;
const NOTHING = new Uint8Array(0);

function tagOf(job: VerifyJob): number {
  if (job.kind === 'eddsa') return EDDSA;
  return DENOMINATION + (job.pub.cipher === 'CS' ? 1 : 0) + (job.signature.cipher === 'CS' ? 2 : 0);
}

function fieldsOf(job: VerifyJob): Fields {
  if (job.kind === 'eddsa') return [job.pub, job.message, job.signature, NOTHING];
  const { pub, coinPubHash, signature } = job;
  const key = pub.cipher === 'RSA' ? pub.rsaPub : pub.csPub;
  if (signature.cipher === 'RSA') return [key, coinPubHash, signature.signature, NOTHING];
  return [key, coinPubHash, signature.r, signature.s];
}

function jobOf(tag: number, [key, message, first, second]: Fields): VerifyJob {
  if (tag === EDDSA) return { kind: 'eddsa', pub: key, message, signature: first };
  const ageMask = 0; // it names the denomination, and says nothing about its signatures
  return {
    kind: 'denomination',
    pub: tag & 1 ? { cipher: 'CS', ageMask, csPub: key } : { cipher: 'RSA', ageMask, rsaPub: key },
    coinPubHash: message,
    signature: tag & 2 ? { cipher: 'CS', r: first, s: second } : { cipher: 'RSA', signature: first },
  };
}

/** @throws EncodingError when the key is malformed */
function prepare(pub: DenominationPub): Denomination {
  const id = pub.cipher + Buffer.from(pub.cipher === 'RSA' ? pub.rsaPub : pub.csPub).toString('latin1');
  const key = prepared.get(id) ?? denomination(pub);
  prepared.delete(id);
  prepared.set(id, key);
  const [oldest] = prepared.keys();
  if (prepared.size > PREPARED_MAX && oldest !== undefined) prepared.delete(oldest);
  return key;
}
