import { concat, EncodingError, kindOf, utf8 } from '@florin/encoding';
import type { Sha256, TreeRoot } from './log-tree.js';

/*
 * Signed heads of a log, as a reader sees them: a C2SP checkpoint in a C2SP signed note.
 *
 *     florin/florin/ABC                        the log, and the name of its key
 *     1234                                     events
 *     <root hash, base64>
 *
 *     — florin/florin/ABC <base64 of 4 bytes that name the key, and 64 bytes Ed25519>
 *
 * Source: c2sp.org/tlog-checkpoint, c2sp.org/signed-note
 */

export interface LogKey {
  readonly origin: string;
  /** Ed25519, 32 bytes. */
  readonly logPub: Uint8Array;
}

/** A head as it was signed; `note` is the evidence. */
export interface LogHead extends TreeRoot {
  readonly note: string;
}

export interface SignedText {
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

const ED25519 = 1;
const HASH_SIZE = 32;
const KEY_HASH_SIZE = 4;
const SIGNATURE_SIZE = 64;
const CHECKPOINT = /^([^\s+]+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n$/u;
const SIGNATURE_LINE = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/u;

/**
 * Reads a note. Signatures of other keys (witnesses) are passed over.
 * @returns what it says, and the signature of the log's key, which is not verified here
 * @throws EncodingError unless it is a note of this log that its key signed once
 */
export function readNote(note: string, { origin, logPub }: LogKey, sha256: Sha256): LogHead & SignedText {
  const end = note.indexOf('\n\n') + 1;
  const text = note.slice(0, end);
  const [, name, size = '', root = ''] = CHECKPOINT.exec(text) ?? [];
  if (name !== origin) throw new EncodingError(`a checkpoint of ${origin}`, name ?? 'another text');
  if (!Number.isSafeInteger(Number(size)) || !note.endsWith('\n')) throw new EncodingError('a note', 'another text');
  const keyHash = sha256(utf8(`${origin}\n`), Uint8Array.of(ED25519), logPub).subarray(0, KEY_HASH_SIZE);
  const signatures = note
    .slice(end + 1, -1)
    .split('\n')
    .map((line) => SIGNATURE_LINE.exec(line) ?? [])
    .flatMap(([, signer, encoded = '']) => (signer === origin ? [decodeBase64(encoded)] : []))
    .filter((bytes) => keyHash.every((byte, i) => byte === bytes[i]));
  const [signature] = signatures;
  if (!signature || signatures.length > 1 || signature.length !== KEY_HASH_SIZE + SIGNATURE_SIZE) {
    throw new EncodingError('one signature of the log key', `${signatures.length}`);
  }
  return {
    size: Number(size),
    root: decodeBase64(root, HASH_SIZE),
    note,
    message: utf8(text),
    signature: signature.subarray(KEY_HASH_SIZE),
  };
}

/** Standard base64 with padding. @throws EncodingError on another text, or on another size than `sizeBytes` */
export function decodeBase64(text: string, sizeBytes?: number): Uint8Array {
  const expected = sizeBytes === undefined ? 'base64' : `base64 of ${sizeBytes} bytes`;
  if (typeof text !== 'string') throw new EncodingError(expected, kindOf(text));
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    throw new EncodingError(expected, 'another text');
  }
  const isCanonical = btoa(binary) === text;
  if (!isCanonical || (sizeBytes !== undefined && binary.length !== sizeBytes)) {
    throw new EncodingError(expected, isCanonical ? `${binary.length} bytes` : 'another text');
  }
  return concat(Uint8Array.from(binary, (char) => char.charCodeAt(0)));
}
