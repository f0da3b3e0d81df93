import { concat, EncodingError, encodeU32, encodeU64, kindOf, utf8 } from '@florin/encoding';
import { decodeBase64 } from './log-note.js';
import { type Parser, wholeNumber } from './reply.js';

/*
 * The tree over the events of an exchange, as a reader sees it: leaves, and proofs that lead from them to a root. It
 * follows the definitions of RFC 6962, section 2.1, from the root down.
 */

export type Sha256 = (...parts: readonly Uint8Array[]) => Uint8Array;

/** An event as the exchange has it in its log. */
export interface LoggedEvent {
  readonly stream: string;
  /** Counted in its stream, from 0. */
  readonly number: number;
  readonly type: string;
  readonly version: number;
  /** Microseconds since 1970. */
  readonly writtenAtUs: number;
  /** JSON, byte for byte. */
  readonly data: string;
}

export interface TreeRoot {
  /** Number of leaves. */
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

const HASH_SIZE = 32;
/** A tree of 2^53 leaves has proofs of at most 53 hashes for a leaf, and one more between two trees. */
const PROOF_HASHES_MAX = 54;
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** Whole numbers that JSON and JavaScript hold exactly. */
export const count = wholeNumber(Number.MAX_SAFE_INTEGER);

/** The hashes of a proof. */
export const proofHashes: Parser<readonly Uint8Array[]> = (json) => {
  if (!Array.isArray(json) || json.length > PROOF_HASHES_MAX) throw new EncodingError('a proof', kindOf(json));
  return json.map((text) => decodeBase64(text as string, HASH_SIZE));
};

/** Hash of an event's leaf, 32 bytes. */
export function eventLeaf(sha256: Sha256, event: LoggedEvent): Uint8Array {
  const { stream, number, type, version, writtenAtUs, data } = event;
  return sha256(
    LEAF,
    lengthAnd(stream),
    encodeU64(BigInt(number)),
    lengthAnd(type),
    encodeU32(version),
    encodeU64(BigInt(writtenAtUs)),
    lengthAnd(data),
  );
}

function lengthAnd(text: string): Uint8Array {
  const bytes = utf8(text);
  return concat(encodeU32(bytes.length), bytes);
}

/** Whether `proof` shows that `leaf` has this index in the tree. */
export function isIncluded(
  sha256: Sha256,
  proof: readonly Uint8Array[],
  { leaf, index, size, root }: TreeRoot & { readonly leaf: Uint8Array; readonly index: number },
): boolean {
  const left = [...proof];
  const rootOver = (place: number, leaves: number): Uint8Array | undefined => {
    if (leaves === 1) return leaf;
    const half = leadingPower(leaves);
    const sibling = left.pop();
    const own = place < half ? rootOver(place, half) : rootOver(place - half, leaves - half);
    if (!sibling || !own) return undefined;
    return place < half ? sha256(NODE, own, sibling) : sha256(NODE, sibling, own);
  };
  const found = index < size ? rootOver(index, size) : undefined;
  return found !== undefined && left.length === 0 && isSame(found, root);
}

/** Whether `proof` shows that the earlier tree is the beginning of the later one. */
export function isBeginning(
  sha256: Sha256,
  proof: readonly Uint8Array[],
  { earlier, later }: { readonly earlier: TreeRoot; readonly later: TreeRoot },
): boolean {
  if (earlier.size > later.size) return false;
  if (earlier.size === 0) return proof.length === 0 && isSame(earlier.root, sha256());
  const left = [...proof];
  /** The roots over the first `of` and over all `leaves`; `known` as long as the first are the whole earlier tree. */
  const roots = (of: number, leaves: number, known: boolean): readonly [Uint8Array, Uint8Array] | undefined => {
    if (of === leaves) {
      const root = known ? earlier.root : left.pop();
      return root && [root, root];
    }
    const half = leadingPower(leaves);
    const sibling = left.pop();
    const own = of <= half ? roots(of, half, known) : roots(of - half, leaves - half, false);
    if (!sibling || !own) return undefined;
    const [before, after] = own;
    return of <= half
      ? [before, sha256(NODE, after, sibling)]
      : [sha256(NODE, sibling, before), sha256(NODE, sibling, after)];
  };
  const found = roots(earlier.size, later.size, true);
  return found !== undefined && left.length === 0 && isSame(found[0], earlier.root) && isSame(found[1], later.root);
}

/** The largest power of two below `size`, for sizes from 2. */
function leadingPower(size: number): number {
  let power = 1;
  while (2 * power < size) power *= 2;
  return power;
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i]);
