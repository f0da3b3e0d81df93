/**
 * What this auditor remembers: every signed head that it found good, in a file of its own. A history that was rewritten
 * since, or shortened, cannot have the same roots; and two auditors compare their files to see whether they were shown
 * one history.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { decodeBase32, EncodingError } from '@florin/encoding';
import { type Head, InvalidNote, NoteVerifier, parseCheckpoint, verifyConsistency } from '@florin/event-store';
import type { SeenHead } from './log.js';
import { SourceError } from './source/source.js';

/** One line of the file. */
export interface RememberedHead extends SeenHead {
  /** The key under which the head was good, base32. */
  readonly logPub: string;
}

export class HeadMemory {
  private readonly heads: RememberedHead[];
  private readonly known: Set<string>;

  /** @throws SourceError if the file is damaged: what was remembered is evidence */
  constructor(private readonly path: string) {
    this.heads = existsSync(path) ? readHeadFile(path) : [];
    this.known = new Set(this.heads.map(nameOf));
  }

  /** Heads of a log, the oldest first. */
  of(origin: string): RememberedHead[] {
    return this.heads.filter((head) => head.origin === origin);
  }

  remember({ origin, size, root, note }: Head, logPub: string): void {
    const head = { origin, size, root: Buffer.from(root).toString('base64'), note, logPub };
    if (this.known.has(nameOf(head))) return;
    appendFileSync(this.path, `${JSON.stringify(head)}\n`, { mode: 0o600 });
    this.known.add(nameOf(head));
    this.heads.push(head);
  }
}

const nameOf = ({ origin, size, root }: RememberedHead): string => `${origin} ${size} ${root}`;

/** @throws SourceError if a line is not a signed head */
export function readHeadFile(path: string): RememberedHead[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new SourceError((error as Error).message);
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line, place) => {
      try {
        const head = JSON.parse(line) as RememberedHead;
        const { origin, size, root } = new NoteVerifier(head.origin, decodeBase32(head.logPub, 32)).open(head.note);
        if (origin !== head.origin || size !== head.size || Buffer.from(root).toString('base64') !== head.root) {
          throw new InvalidNote('its note says something else');
        }
        return head;
      } catch (error) {
        const isKnown = [InvalidNote, SyntaxError, EncodingError, TypeError].some((kind) => error instanceof kind);
        if (!isKnown) throw error;
        throw new SourceError(`line ${place + 1} of ${path} is no signed head: ${(error as Error).message}`);
      }
    });
}

/** Shows that one head's events are the beginning of another's (RFC 6962). */
export interface ConsistencyProof {
  readonly origin: string;
  readonly from: number;
  readonly to: number;
  /** Base64, as the log computes it. */
  readonly proof: readonly string[];
  /** Root over the first `from` events of whoever made the proof, base64: only with it a proof can show a split. */
  readonly fromRoot?: string;
}

export type Comparison =
  | { readonly kind: 'same'; readonly detail: string }
  | { readonly kind: 'split'; readonly detail: string }
  | { readonly kind: 'open'; readonly detail: string; readonly from: number; readonly to: number };

/**
 * Compares what two auditors saw of one log.
 * @param proofs that the smaller of two heads is a beginning of the larger
 * @throws SourceError if they have no log in common, or what one of them has is signed by a key that is not the log's
 */
export function compareHeads(
  ours: readonly RememberedHead[],
  theirs: readonly RememberedHead[],
  proofs: readonly ConsistencyProof[],
): Comparison {
  const origin = ours.at(-1)?.origin;
  const others = theirs.filter((head) => head.origin === origin);
  if (origin === undefined || others.length === 0) {
    throw new SourceError(`there is no head of ${origin ?? 'any log'} in both files`);
  }
  const mine = ours.filter((head) => head.origin === origin);
  const keys = new Set(mine.map(({ logPub }) => logPub));
  const foreign = others.find(({ logPub }) => !keys.has(logPub));
  if (foreign) {
    // Our key is one that the master key vouched for; whoever has another may sign what he likes.
    const whose = `signed by ${foreign.logPub}, not by the log key ${[...keys].join(' or ')}`;
    throw new SourceError(`the head of ${foreign.size} events in the other file is ${whose}: it proves nothing`);
  }
  const sizes = new Map(mine.map((head) => [head.size, head]));
  for (const head of others) {
    const same = sizes.get(head.size);
    if (same && same.root !== head.root) {
      return { kind: 'split', detail: `two signed heads of ${head.size} events have different roots` };
    }
  }
  const [one, other] = [newest(mine), newest(others)];
  if (one.size === other.size) return { kind: 'same', detail: `both saw the same ${one.size} events` };
  const [from, to] = one.size < other.size ? [one, other] : [other, one];
  const sides = [mine, others];
  const isShared = sides.every((heads) => heads.some(({ size, root }) => size === from.size && root === from.root));
  if (isShared) return { kind: 'same', detail: `both saw the same first ${from.size} events` };
  const given = proofs.find((proof) => proof.origin === origin && proof.from === from.size && proof.to === to.size);
  if (!given) {
    const detail = `a proof from ${from.size} to ${to.size} events is needed: audit prove ${from.size} ${to.size}`;
    return { kind: 'open', detail, from: from.size, to: to.size };
  }
  const proof = given.proof.map((hash) => new Uint8Array(Buffer.from(hash, 'base64')));
  const holdsFor = (fromRoot: Uint8Array): boolean =>
    verifyConsistency(proof, { from: from.size, fromRoot, to: to.size, toRoot: rootOf(to) });
  const [events, beginning] = [`the ${from.size} events that one saw`, `the beginning of the ${to.size} of the other`];
  if (holdsFor(rootOf(from))) return { kind: 'same', detail: `${events} are ${beginning}` };
  // It leads to the larger head from other events: then the larger head itself says that these were not its beginning.
  if (given.fromRoot !== undefined && holdsFor(new Uint8Array(Buffer.from(given.fromRoot, 'base64')))) {
    return { kind: 'split', detail: `${events} are not ${beginning}` };
  }
  const remedy = `audit prove ${from.size} ${to.size} makes one`;
  const detail = `the proof does not hold, and a bad proof accuses nobody: ${remedy}`;
  return { kind: 'open', detail, from: from.size, to: to.size };
}

const newest = (heads: readonly RememberedHead[]): RememberedHead =>
  heads.reduce((best, head) => (head.size > best.size ? head : best));

const rootOf = ({ note }: RememberedHead): Uint8Array => parseCheckpoint(note).root;
