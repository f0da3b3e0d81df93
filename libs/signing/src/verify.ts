import {
  type Blinding,
  type Denomination,
  type DenominationPub,
  type DenominationSignature,
  MaliciousKey,
  taler,
} from '@florin/crypto';
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

/** A coin whose owner has disclosed how it was blinded: which envelope was that? */
export interface RebuildJob {
  readonly pub: DenominationPub;
  /** 64 bytes: names the denomination in the envelope's hash, its age mask included. */
  readonly denominationHash: Uint8Array;
  readonly blinding: Blinding;
}

/** Prepared public keys that are kept; an exchange has some hundred denominations in use. */
const PREPARED_MAX = 2_000;
const { eddsa, denomination, hash } = taler(serverPrimitives);

/** In the order of last use, by their bytes. */
const prepared = new Map<string, Denomination>();

/** About how many Ed25519 verifications a job is worth: 0.05 ms each. */
export function costOf(job: VerifyJob): number {
  if (job.kind === 'eddsa') return 1;
  return job.pub.cipher === 'RSA' ? 2 : 3;
}

/** The same of a coin whose envelope is rebuilt. */
export const costOfRebuilding = ({ pub }: RebuildJob): number => (pub.cipher === 'RSA' ? 3 : 5);

/** The hash of the envelope, 64 bytes; undefined if the coin cannot have been blinded like this. */
export function rebuild({ pub, denominationHash, blinding }: RebuildJob): Uint8Array | undefined {
  try {
    return hash.envelope(denominationHash, prepare(pub).blind(blinding));
  } catch (error) {
    if (error instanceof EncodingError || error instanceof MaliciousKey) return undefined;
    throw error;
  }
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

/** The same for {@link RebuildJob}s. */
export function packRebuildJobs(jobs: readonly RebuildJob[]): Uint8Array<ArrayBuffer> {
  const fields = jobs.map(({ pub, denominationHash, blinding: { coinPubHash, blindingSecret, session } }) => {
    const key = pub.cipher === 'RSA' ? pub.rsaPub : pub.csPub;
    const parts = session ? [session.nonce, session.rPub0, session.rPub1] : [];
    return pack([key, denominationHash, coinPubHash, blindingSecret, ...parts]);
  });
  return pack([Uint8Array.from(jobs, ({ pub }) => (pub.cipher === 'CS' ? 1 : 0)), ...fields]);
}

export function unpackRebuildJobs(packed: Uint8Array): RebuildJob[] {
  const [tags = NOTHING, ...jobs] = unpack(packed);
  return jobs.map((fields, i) => {
    const [key, denominationHash, coinPubHash, blindingSecret, ...parts] = unpack(fields) as Rebuilding;
    const [nonce, rPub0, rPub1] = parts;
    const session = nonce && rPub0 && rPub1 && { nonce, rPub0, rPub1 };
    const blinding = { coinPubHash, blindingSecret, ...(session && { session }) };
    return { pub: publicKey(tags[i] === 1, key), denominationHash, blinding };
  });
}

type Rebuilding = [Uint8Array, Uint8Array, Uint8Array, Uint8Array, ...Uint8Array[]];

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
  return {
    kind: 'denomination',
    pub: publicKey((tag & 1) === 1, key),
    coinPubHash: message,
    signature: tag & 2 ? { cipher: 'CS', r: first, s: second } : { cipher: 'RSA', signature: first },
  };
}

function publicKey(isCs: boolean, key: Uint8Array): DenominationPub {
  const ageMask = 0; // it names the denomination, and says nothing about its signatures
  return isCs ? { cipher: 'CS', ageMask, csPub: key } : { cipher: 'RSA', ageMask, rsaPub: key };
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
