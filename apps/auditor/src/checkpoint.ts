/**
 * An audit that is interrupted, or to be continued as the ledger grows: all that the replay knows, in one file, signed
 * by the auditor's own key and tied to the head of the log up to which it goes.
 *
 *     {"format":"florin-audit-checkpoint","version":3,"events":1234,...,"signature":"..."} newline, then the state: its
 *     parts, each behind its length in bytes (32 bits), so that no more than one of them is in memory twice
 */
import { createHash, hash, randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import { decodeBase32, EncodingError, encodeBase32, utf8 } from '@florin/encoding';
import { makeFolder } from '@florin/event-store';
import type { Replay } from './replay.js';
import { SourceError } from './source/source.js';

const FORMAT = 'florin-audit-checkpoint';
/** Raised with every change of what the replay remembers: an older state is not gone on from. */
const VERSION = 3;
const DIGEST_CHARS = 128;
const LENGTH_BYTES = 4;
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
      for (const part of replay.save()) {
        const bytes = serialize(part);
        const length = Buffer.alloc(LENGTH_BYTES);
        length.writeUInt32BE(bytes.length);
        for (const chunk of [length, bytes]) {
          digest.update(chunk);
          writeFileSync(file, chunk);
        }
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
    const bytes = readFileSync(path);
    const end = bytes.indexOf('\n');
    const state = bytes.subarray(end + 1);
    const refuse = (why: string): never => {
      throw new SourceError(`${path} ${why}; remove it to begin from the start`);
    };
    const header = headerOf(bytes.toString('utf8', 0, end)) ?? refuse('is no checkpoint of an audit');
    const { signature, ...signed } = header;
    if (signed.version !== VERSION) refuse('is of another version');
    const pub = eddsa.publicKey(this.key());
    const isOurs =
      signed.auditorPub === encodeBase32(pub) &&
      eddsa.verify(utf8(JSON.stringify(signed)), decodeBase32(signature, 64), pub) &&
      signed.digest === hash('sha512', state, 'hex');
    if (!isOurs) refuse('was changed, or is not signed by this auditor');
    if (signed.origin !== origin) refuse('is about another log');
    if (masterPub !== undefined && masterPub !== signed.masterPub) refuse('is about another master key');
    if (replay.pool && !signed.signatures) return false;
    replay.load(partsOf(state));
    return true;
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

function* partsOf(state: Buffer): Generator<readonly [name: string, part: unknown]> {
  for (let at = 0; at < state.length; ) {
    const begin = at + LENGTH_BYTES;
    at = begin + state.readUInt32BE(at);
    yield deserialize(state.subarray(begin, at));
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
