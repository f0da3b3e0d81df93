/**
 * Signed heads of the tree, as C2SP tlog-checkpoint texts in C2SP signed notes:
 *
 *     exchange.example/florin
 *     1234
 *     <root hash, base64>
 *
 *     — exchange.example/florin <base64 of 4 bytes key hash and 64 bytes Ed25519 signature>
 *
 * The signature covers the text up to and with the newline before the blank line. Sources: c2sp.org/tlog-checkpoint,
 * c2sp.org/signed-note.
 */
import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';
import { HASH_BYTES } from './tree.js';

export interface Checkpoint {
  /** Names the log, and is the name of its key: the host of the base URL, a slash and the instance. */
  readonly origin: string;
  /** Number of leaves. */
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

/** A checkpoint with the note that carries it and its signatures. */
export interface Head extends Checkpoint {
  readonly note: string;
}

/** A note is not well-formed, is about another log, or is not signed by the log's key. */
export class InvalidNote extends Error {
  override readonly name = 'InvalidNote';
}

const ED25519 = 1;
const KEY_HASH_BYTES = 4;
const SIGNATURE_BYTES = 64;
const SIGNATURE_LINE = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/u;
const ORIGIN = /^[^\s+]+$/u;
/** What precedes the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** The text of a checkpoint: what the log key signs. @throws RangeError on an origin that cannot name a key */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  if (!ORIGIN.test(origin)) throw new RangeError(`an origin has no blanks and no plus sign, got ${origin}`);
  return `${origin}\n${size}\n${base64(root)}\n`;
}

/**
 * A note from its text and one signature.
 * @param logPub 32 bytes, the Ed25519 public key
 * @param signature 64 bytes, over the UTF-8 bytes of `text`
 */
export function signedNote(text: string, { name, logPub, signature }: NoteSignature): string {
  return `${text}\n\u2014 ${name} ${base64(Buffer.concat([keyHash(name, logPub), signature]))}\n`;
}

export interface NoteSignature {
  readonly name: string;
  readonly logPub: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Reads a note without judging its signatures. @throws InvalidNote unless it is exactly what `signedNote` could write
 */
export function parseCheckpoint(note: string): Head & { readonly text: string } {
  const end = note.indexOf('\n\n');
  if (end < 0) throw new InvalidNote('the note has no blank line before its signatures');
  const text = note.slice(0, end + 1);
  const [origin, size, root, ...extension] = text.slice(0, -1).split('\n');
  if (!origin || !ORIGIN.test(origin)) throw new InvalidNote('the first line of the checkpoint is not an origin');
  if (!size || !/^(0|[1-9][0-9]{0,15})$/.test(size) || !Number.isSafeInteger(Number(size))) {
    throw new InvalidNote('the second line of the checkpoint is not a size');
  }
  const hashBytes = Buffer.from(root ?? '', 'base64');
  if (hashBytes.length !== HASH_BYTES || base64(hashBytes) !== root) {
    throw new InvalidNote('the third line of the checkpoint is not the base64 of 32 bytes');
  }
  if (extension.length > 0) throw new InvalidNote('the checkpoint has lines that are not known');
  return { origin, size: Number(size), root: new Uint8Array(hashBytes), note, text };
}

/** Checks signatures of one log. Made once per key, for preparing the key costs more than a signature. */
export class NoteVerifier {
  private readonly key: KeyObject;
  private readonly keyHash: Buffer;

  /** @param logPub 32 bytes */
  constructor(
    readonly origin: string,
    logPub: Uint8Array,
  ) {
    this.key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, logPub]), format: 'der', type: 'spki' });
    this.keyHash = keyHash(origin, logPub);
  }

  /** Whether `signature` is the log's over `text`. */
  accepts(text: string, signature: Uint8Array): boolean {
    return signature.length === SIGNATURE_BYTES && verify(null, Buffer.from(text), this.key, signature);
  }

  /**
   * Reads a note and checks that the log signed it. Signatures of other keys (witnesses) are passed over.
   * @throws InvalidNote
   */
  open(note: string): Head {
    const { text, origin, size, root } = parseCheckpoint(note);
    if (origin !== this.origin) throw new InvalidNote(`the checkpoint is of ${origin}, not of ${this.origin}`);
    const lines = note.slice(text.length + 1).split('\n');
    if (lines.pop() !== '') throw new InvalidNote('the note does not end with a newline');
    const ours = lines.map((line) => this.ownSignature(line)).filter((signature) => signature !== undefined);
    if (ours.length === 0) throw new InvalidNote('the note carries no signature of the log key');
    if (!ours.every((signature) => this.accepts(text, signature))) {
      throw new InvalidNote("the log key's signature is not valid");
    }
    return { origin, size, root, note };
  }

  private ownSignature(line: string): Uint8Array | undefined {
    const [, name, encoded] = SIGNATURE_LINE.exec(line) ?? [];
    if (!name || !encoded) throw new InvalidNote('a signature line of the note is not well-formed');
    const bytes = Buffer.from(encoded, 'base64');
    if (base64(bytes) !== encoded) throw new InvalidNote('a signature of the note is not proper base64');
    if (name !== this.origin || !bytes.subarray(0, KEY_HASH_BYTES).equals(this.keyHash)) return undefined;
    return bytes.subarray(KEY_HASH_BYTES);
  }
}

/** The four bytes by which a note names a key: the start of SHA-256(name, newline, algorithm, key). */
function keyHash(name: string, logPub: Uint8Array): Buffer {
  const named = Buffer.concat([Buffer.from(`${name}\n`), Buffer.from([ED25519]), logPub]);
  return hash('sha256', named, 'buffer').subarray(0, KEY_HASH_BYTES);
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
