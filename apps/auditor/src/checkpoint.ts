/**
 * An audit that is interrupted, or to be continued as the ledger grows: all that the replay knows, in one file, signed
 * by the auditor's own key and tied to the head of the log up to which it goes.
 *
 *     {"format":"florin-audit-checkpoint","version":4,"events":1234,...,"signature":"..."} newline, then the state: its
 *     parts, so that only one of them is in memory at a time; each is name and value as V8 serializes them, and bytes,
 *     both behind their length (32 bits)
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import { decodeBase32, EncodingError, encodeBase32, utf8 } from '@florin/encoding';
import { makeFolder } from '@florin/event-store';
import type { Replay, SavedPart } from './replay.js';
import { SourceError } from './source/source.js';

const FORMAT = 'florin-audit-checkpoint';
/** Raised with every change of what the replay remembers: an older state is not gone on from. */
const VERSION = 4;
const DIGEST_CHARS = 128;
const LENGTH_BYTES = 4;
/** What is read at a time; the header is shorter. */
const CHUNK_BYTES = 64 * 1024;
const { eddsa } = taler(serverPrimitives);

interface Header {
  readonly format: string;
  readonly version: number;
  readonly events: number;
  readonly origin: string;
  readonly masterPub: string;
  /** Whether every signature up to there was checked. */
  readonly signatures: boolean;
  /** SHA-512 of the state, hexadecimal. */
  readonly digest: string;
  readonly auditorPub: string;
}

/** The auditor's folder: his key, the heads he saw, the state he goes on from. */
export class AuditorFolder {
  constructor(readonly path: string) {
    makeFolder(path);
  }

  get headsFile(): string {
    return join(this.path, 'heads');
  }

  /** Each log has one. */
  private checkpointFile(origin: string): string {
    return join(this.path, `${origin.replaceAll(/[^A-Za-z0-9.-]/g, '.')}.checkpoint`);
  }

  save(replay: Replay, origin: string): void {
    const priv = this.key();
    const header: Omit<Header, 'digest'> = {
      format: FORMAT,
      version: VERSION,
      events: replay.log.next,
      origin,
      masterPub: replay.keys.master ?? '',
      signatures: replay.pool !== undefined,
      auditorPub: encodeBase32(eddsa.publicKey(priv)),
    };
    const path = this.checkpointFile(origin);
    const draft = `${path}.new`;
    const file = openSync(draft, 'w', 0o600);
    const digest = createHash('sha512');
    try {
      writeFileSync(file, headerLine(header, priv, '0'.repeat(DIGEST_CHARS))); // as long as the one that replaces it
      const write = (bytes: Uint8Array): void => {
        const length = Buffer.alloc(LENGTH_BYTES);
        length.writeUInt32BE(bytes.length);
        for (const chunk of [length, bytes]) {
          digest.update(chunk);
          writeFileSync(file, chunk);
        }
      };
      for (const { name, part, bytes = new Uint8Array() } of replay.save()) {
        write(serialize([name, part]));
        write(bytes);
      }
      writeSync(file, headerLine(header, priv, digest.digest('hex')), 0);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
  }

  /**
   * @returns false if there is nothing to go on from, or signatures were left out that are to be checked now
   * @throws SourceError if it is not what this auditor wrote
   */
  load(replay: Replay, origin: string, masterPub: string | undefined): boolean {
    const path = this.checkpointFile(origin);
    if (!existsSync(path)) return false;
    const refuse = (why: string): never => {
      throw new SourceError(`${path} ${why}; remove it to begin from the start`);
    };
    const file = openSync(path, 'r');
    try {
      const first = bytesOf(file, 0, CHUNK_BYTES);
      const end = first.indexOf('\n');
      const header = headerOf(first.toString('utf8', 0, end)) ?? refuse('is no checkpoint of an audit');
      const { signature, ...signed } = header;
      if (signed.version !== VERSION) refuse('is of another version');
      const pub = eddsa.publicKey(this.key());
      const isOurs =
        signed.auditorPub === encodeBase32(pub) &&
        eddsa.verify(utf8(JSON.stringify(signed)), decodeBase32(signature, 64), pub) &&
        signed.digest === digestFrom(file, end + 1);
      if (!isOurs) refuse('was changed, or is not signed by this auditor');
      if (signed.origin !== origin) refuse('is about another log');
      if (masterPub !== undefined && masterPub !== signed.masterPub) refuse('is about another master key');
      if (replay.pool && !signed.signatures) return false;
      replay.load(partsFrom(file, end + 1));
      return true;
    } finally {
      closeSync(file);
    }
  }

  /** The auditor's private key, made at the first use. */
  private key(): Uint8Array {
    const path = join(this.path, 'auditor.json');
    if (!existsSync(path)) {
      writeFileSync(path, `${JSON.stringify({ priv: encodeBase32(randomBytes(32)) })}\n`, { mode: 0o600, flag: 'wx' });
    }
    try {
      return decodeBase32((JSON.parse(readFileSync(path, 'utf8')) as { priv: string }).priv, 32);
    } catch (error) {
      if (!(error instanceof SyntaxError || error instanceof EncodingError || error instanceof TypeError)) throw error;
      throw new SourceError(`${path} holds no key of an auditor`); // what stands there may be secret
    }
  }
}

function headerLine(header: Omit<Header, 'digest'>, priv: Uint8Array, digest: string): string {
  const whole: Header = { ...header, digest };
  const signature = encodeBase32(eddsa.sign(utf8(JSON.stringify(whole)), priv));
  return `${JSON.stringify({ ...whole, signature })}\n`;
}

/** @returns fewer bytes where the file ends */
function bytesOf(file: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(file, bytes, 0, length, at));
}

function digestFrom(file: number, start: number): string {
  const digest = createHash('sha512');
  const chunk = Buffer.alloc(CHUNK_BYTES);
  for (let at = start; ; ) {
    const read = readSync(file, chunk, 0, CHUNK_BYTES, at);
    if (read === 0) return digest.digest('hex');
    digest.update(chunk.subarray(0, read));
    at += read;
  }
}

function* partsFrom(file: number, start: number): Generator<SavedPart> {
  const { size } = fstatSync(file);
  let at = start;
  const next = (): Buffer => {
    const bytes = bytesOf(file, at + LENGTH_BYTES, bytesOf(file, at, LENGTH_BYTES).readUInt32BE());
    at += LENGTH_BYTES + bytes.length;
    return bytes;
  };
  while (at < size) {
    const [name, part] = deserialize(next()) as [string, unknown];
    yield { name, part, bytes: next() };
  }
}

function headerOf(text: string): (Header & { readonly signature: string }) | undefined {
  try {
    const header = JSON.parse(text) as Header & { readonly signature: string };
    return header.format === FORMAT ? header : undefined;
  } catch {
    return undefined;
  }
}
