/**
 * The Merkle tree of RFC 6962 over the committed events: SHA-256, leaves in global order.
 *
 * Nothing here knows where hashes are stored: proofs ask a `NodeSource` for perfect subtrees. Sizes and indexes are
 * numbers up to 2^53, so they are halved by division and never shifted (shifts see 32 bits only).
 */
import { hash } from 'node:crypto';

/** The hash of a perfect subtree: 2^height leaves, from leaf `number * 2^height` on. Height 0 is a leaf. */
export type NodeSource = (height: number, number: number) => Uint8Array;

export const HASH_BYTES = 32;
export const EMPTY_ROOT: Uint8Array = sha256(new Uint8Array(0));

/** Hash of a leaf: SHA-256(0x00 || input). */
export function leafHash(input: Uint8Array): Uint8Array {
  const prefixed = Buffer.allocUnsafe(input.length + 1);
  prefixed[0] = 0;
  prefixed.set(input, 1);
  return sha256(prefixed);
}

/** Hash of an inner node: SHA-256(0x01 || left || right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  const joined = Buffer.allocUnsafe(1 + 2 * HASH_BYTES);
  joined[0] = 1;
  joined.set(left, 1);
  joined.set(right, 1 + HASH_BYTES);
  return sha256(joined);
}

/** What is needed of a tree to let it grow: the roots of its perfect subtrees, the largest first. */
export class Frontier {
  private constructor(
    private count: number,
    private readonly peaks: Uint8Array[],
  ) {}

  static empty(): Frontier {
    return new Frontier(0, []);
  }

  /** The frontier of the first `size` leaves of a tree whose nodes can be looked up. */
  static of(size: number, source: NodeSource): Frontier {
    return new Frontier(
      size,
      perfectSubtrees(0, size).map(({ height, number }) => source(height, number)),
    );
  }

  /** What `save` returned. */
  static restore({ size, peaks }: { readonly size: number; readonly peaks: readonly Uint8Array[] }): Frontier {
    return new Frontier(size, [...peaks]);
  }

  get size(): number {
    return this.count;
  }

  save(): { size: number; peaks: Uint8Array[] } {
    return { size: this.count, peaks: [...this.peaks] };
  }

  clone(): Frontier {
    return new Frontier(this.count, [...this.peaks]);
  }

  /**
   * Adds one leaf.
   * @param completed told of every perfect subtree above the leaf that this leaf completes, smallest first
   */
  append(leaf: Uint8Array, completed?: (height: number, number: number, hash: Uint8Array) => void): void {
    let node = leaf;
    let number = this.count;
    for (let height = 1; number % 2 === 1; height += 1) {
      node = nodeHash(this.peaks.pop() as Uint8Array, node);
      number = (number - 1) / 2;
      completed?.(height, number, node);
    }
    this.peaks.push(node);
    this.count += 1;
  }

  /** The roots of the perfect subtrees, the largest first: what `of` makes the frontier of again. */
  roots(): readonly Uint8Array[] {
    return [...this.peaks];
  }

  root(): Uint8Array {
    let root: Uint8Array | undefined;
    for (const peak of [...this.peaks].reverse()) root = root ? nodeHash(peak, root) : peak;
    return root ?? EMPTY_ROOT;
  }
}

/**
 * The root over the leaves `from` to `to - 1` of a tree; `from` must be a multiple of the size's leading power of
 * two.
 */
export function rangeHash(from: number, to: number, source: NodeSource): Uint8Array {
  let root: Uint8Array | undefined;
  for (const { height, number } of perfectSubtrees(from, to).reverse()) {
    const node = source(height, number);
    root = root ? nodeHash(node, root) : node;
  }
  return root ?? EMPTY_ROOT;
}

/** The audit path of leaf `index` in the tree of the first `size` leaves, from the leaf upward (RFC 6962, 2.1.1). */
export function inclusionProof(index: number, size: number, source: NodeSource): Uint8Array[] {
  checkIndex(index, size);
  const path: Uint8Array[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const middle = from + leadingPower(to - from);
    if (index < middle) {
      path.push(rangeHash(middle, to, source));
      to = middle;
    } else {
      path.push(rangeHash(from, middle, source));
      from = middle;
    }
  }
  return path.reverse();
}

/** Proves that the tree of `from` leaves is a prefix of the tree of `to` leaves (RFC 6962, 2.1.2). */
export function consistencyProof(from: number, to: number, source: NodeSource): Uint8Array[] {
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || from > to) {
    throw new RangeError(`no consistency proof from ${from} to ${to} leaves`);
  }
  if (from === 0 || from === to) return [];
  const path: Uint8Array[] = [];
  let [start, end] = [0, to];
  while (from !== end) {
    const middle = start + leadingPower(end - start);
    if (from <= middle) {
      path.push(rangeHash(middle, end, source));
      end = middle;
    } else {
      path.push(rangeHash(start, middle, source));
      start = middle;
    }
  }
  // The verifier knows the old root: it is left out where it is itself a node of the new tree.
  if (start > 0) path.push(rangeHash(start, end, source));
  return path.reverse();
}

/** Whether `proof` shows that `leaf` has this index in the tree with this root (RFC 9162, 2.1.3.2). */
export function verifyInclusion(
  proof: readonly Uint8Array[],
  { leaf, index, size, root }: { leaf: Uint8Array; index: number; size: number; root: Uint8Array },
): boolean {
  if (!isCount(index) || !isCount(size) || index >= size || !proof.every(isHash)) return false;
  let [place, last] = [index, size - 1];
  let node = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      node = nodeHash(sibling, node);
      while (place % 2 === 0 && place !== 0) [place, last] = [half(place), half(last)];
    } else {
      node = nodeHash(node, sibling);
    }
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && same(node, root);
}

/** Whether `proof` shows that the tree of `from` leaves is a prefix of the tree of `to` leaves (RFC 9162, 2.1.4.2). */
export function verifyConsistency(
  proof: readonly Uint8Array[],
  { from, fromRoot, to, toRoot }: { from: number; fromRoot: Uint8Array; to: number; toRoot: Uint8Array },
): boolean {
  if (!isCount(from) || !isCount(to) || from > to || !proof.every(isHash)) return false;
  if (from === 0) return proof.length === 0 && same(fromRoot, EMPTY_ROOT) && (to > 0 || same(toRoot, EMPTY_ROOT));
  if (from === to) return proof.length === 0 && same(fromRoot, toRoot);
  let [place, last] = [from - 1, to - 1];
  while (place % 2 === 1) [place, last] = [half(place), half(last)];
  const path = place === 0 ? [fromRoot, ...proof] : [...proof];
  const seed = path.shift();
  if (!seed) return false;
  let [oldRoot, newRoot] = [seed, seed];
  for (const sibling of path) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      oldRoot = nodeHash(sibling, oldRoot);
      newRoot = nodeHash(sibling, newRoot);
      while (place % 2 === 0 && place !== 0) [place, last] = [half(place), half(last)];
    } else {
      newRoot = nodeHash(newRoot, sibling);
    }
    [place, last] = [half(place), half(last)];
  }
  return last === 0 && same(oldRoot, fromRoot) && same(newRoot, toRoot);
}

/** The perfect subtrees that make up the leaves `from` to `to - 1`, from left to right. */
function perfectSubtrees(from: number, to: number): { height: number; number: number }[] {
  const subtrees: { height: number; number: number }[] = [];
  let start = from;
  while (start < to) {
    let [height, width] = [0, 1];
    while (start % (2 * width) === 0 && start + 2 * width <= to) [height, width] = [height + 1, 2 * width];
    subtrees.push({ height, number: start / width });
    start += width;
  }
  return subtrees;
}

/** The largest power of two below `size`, for sizes from 2. */
function leadingPower(size: number): number {
  let power = 1;
  while (2 * power < size) power *= 2;
  return power;
}

function checkIndex(index: number, size: number): void {
  if (!isCount(index) || !isCount(size) || index >= size) {
    throw new RangeError(`a tree of ${size} leaves has no leaf ${index}`);
  }
}

function sha256(input: Uint8Array): Uint8Array {
  return hash('sha256', input, 'buffer');
}

const half = (value: number): number => Math.floor(value / 2);
const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
const isHash = (value: Uint8Array): boolean => value.length === HASH_BYTES;
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
