import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  consistencyProof,
  EMPTY_ROOT,
  Frontier,
  inclusionProof,
  leafHash,
  type NodeSource,
  nodeHash,
  rangeHash,
  verifyConsistency,
  verifyInclusion,
} from './tree.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The leaves and roots that Certificate Transparency's implementations test with. */
const CT_LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const CT_ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

const leaves = Array.from({ length: 40 }, (_, i) => leafHash(Buffer.from(`leaf ${i}`)));

/** RFC 6962, 2.1, word for word. */
function mth(d: readonly Uint8Array[]): Uint8Array {
  if (d.length === 0) return EMPTY_ROOT;
  if (d.length === 1) return d[0] as Uint8Array;
  const k = split(d.length);
  return nodeHash(mth(d.slice(0, k)), mth(d.slice(k)));
}

/** RFC 6962, 2.1.1. */
function path(m: number, d: readonly Uint8Array[]): Uint8Array[] {
  if (d.length <= 1) return [];
  const k = split(d.length);
  return m < k ? [...path(m, d.slice(0, k)), mth(d.slice(k))] : [...path(m - k, d.slice(k)), mth(d.slice(0, k))];
}

/** RFC 6962, 2.1.2. */
function subproof(m: number, d: readonly Uint8Array[], complete: boolean): Uint8Array[] {
  if (m === d.length) return complete ? [] : [mth(d)];
  const k = split(d.length);
  return m <= k
    ? [...subproof(m, d.slice(0, k), complete), mth(d.slice(k))]
    : [...subproof(m - k, d.slice(k), false), mth(d.slice(0, k))];
}

function split(n: number): number {
  return 2 ** Math.floor(Math.log2(n - 1));
}

const nodes = new Map<string, Uint8Array>();
const source: NodeSource = (height, number) => {
  const place = `${height}/${number}`;
  const node = nodes.get(place) ?? mth(leaves.slice(number * 2 ** height, (number + 1) * 2 ** height));
  nodes.set(place, node);
  return node;
};

function grown(size: number): Frontier {
  const frontier = Frontier.empty();
  for (const leaf of leaves.slice(0, size)) frontier.append(leaf);
  return frontier;
}

describe('the tree', () => {
  test('has the roots that Certificate Transparency publishes', () => {
    const frontier = Frontier.empty();
    expect(hex(frontier.root())).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    for (const [i, input] of CT_LEAVES.entries()) {
      frontier.append(leafHash(Buffer.from(input, 'hex')));
      expect(hex(frontier.root())).toBe(CT_ROOTS[i]);
    }
  });

  test('grows to the root that the definition gives, and is found again from its nodes', () => {
    for (let size = 0; size <= leaves.length; size++) {
      const root = hex(mth(leaves.slice(0, size)));
      expect(hex(grown(size).root())).toBe(root);
      expect(hex(Frontier.of(size, source).root())).toBe(root);
      expect(hex(rangeHash(0, size, source))).toBe(root);
    }
    const resumed = Frontier.of(21, source);
    for (const leaf of leaves.slice(21)) resumed.append(leaf);
    expect(hex(resumed.root())).toBe(hex(mth(leaves)));
  });

  test('tells of every perfect subtree once, when its last leaf comes', () => {
    const told = new Map<string, string>();
    const frontier = Frontier.empty();
    for (const leaf of leaves.slice(0, 32)) {
      frontier.append(leaf, (height, number, hash) => {
        expect(told.has(`${height}/${number}`)).toBe(false);
        expect((number + 1) * 2 ** height).toBe(frontier.size + 1);
        told.set(`${height}/${number}`, hex(hash));
      });
    }
    expect(told.size).toBe(31);
    for (const [place, hash] of told) {
      const [height, number] = place.split('/').map(Number) as [number, number];
      expect(hash).toBe(hex(source(height, number)));
    }
  });

  test('a clone grows apart from its original', () => {
    const original = grown(5);
    const before = hex(original.root());
    original.clone().append(leaves[5] as Uint8Array);
    expect(hex(original.root())).toBe(before);
    expect(original.size).toBe(5);
  });

  test('sizes beyond 32 bits are handled: proofs over 2^40 equal leaves', () => {
    const levels = [leafHash(Buffer.from('same'))];
    for (let height = 1; height <= 41; height++) {
      levels.push(nodeHash(levels[height - 1] as Uint8Array, levels[height - 1] as Uint8Array));
    }
    const equal: NodeSource = (height) => levels[height] as Uint8Array;
    const [from, to] = [2 ** 33 + 5, 2 ** 40 + 3];
    const [fromRoot, toRoot] = [rangeHash(0, from, equal), rangeHash(0, to, equal)];
    expect(verifyConsistency(consistencyProof(from, to, equal), { from, fromRoot, to, toRoot })).toBe(true);
    const at = { leaf: levels[0] as Uint8Array, index: 2 ** 40 + 1, size: to, root: toRoot };
    expect(verifyInclusion(inclusionProof(at.index, to, equal), at)).toBe(true);
  });
});

describe('proofs', () => {
  test('of inclusion are those of the RFC, and convince', () => {
    for (let size = 1; size <= leaves.length; size++) {
      const root = mth(leaves.slice(0, size));
      for (let index = 0; index < size; index++) {
        const proof = inclusionProof(index, size, source);
        expect(proof.map(hex)).toEqual(path(index, leaves.slice(0, size)).map(hex));
        expect(verifyInclusion(proof, { leaf: leaves[index] as Uint8Array, index, size, root })).toBe(true);
      }
    }
  });

  test('of consistency are those of the RFC, and convince', () => {
    for (let to = 0; to <= leaves.length; to++) {
      const toRoot = mth(leaves.slice(0, to));
      for (let from = 0; from <= to; from++) {
        const proof = consistencyProof(from, to, source);
        const expected = from === 0 ? [] : subproof(from, leaves.slice(0, to), true);
        expect(proof.map(hex)).toEqual(expected.map(hex));
        expect(verifyConsistency(proof, { from, fromRoot: mth(leaves.slice(0, from)), to, toRoot })).toBe(true);
      }
    }
  });

  test('of inclusion do not convince of another leaf, index, size or root, nor when changed', () => {
    const size = fc.integer({ min: 1, max: leaves.length });
    fc.assert(
      fc.property(size, fc.nat(), fc.nat(), fc.nat(), (n, indexSeed, otherSeed, bit) => {
        const [index, other] = [indexSeed % n, otherSeed % n];
        const proof = inclusionProof(index, n, source);
        const good = { leaf: leaves[index] as Uint8Array, index, size: n, root: mth(leaves.slice(0, n)) };
        expect(verifyInclusion(proof, { ...good, root: flipped(good.root, bit) })).toBe(false);
        expect(verifyInclusion(proof, { ...good, leaf: flipped(good.leaf, bit) })).toBe(false);
        expect(verifyInclusion([...proof, good.leaf], good)).toBe(false);
        expect(verifyInclusion(proof, { ...good, index: n })).toBe(false);
        expect(verifyInclusion(proof, { ...good, index: -1 })).toBe(false);
        if (other !== index) expect(verifyInclusion(proof, { ...good, index: other })).toBe(false);
        const place = bit % Math.max(proof.length, 1);
        const sibling = proof[place];
        if (!sibling) return;
        expect(verifyInclusion(proof.slice(1), good)).toBe(false);
        expect(verifyInclusion(proof.with(place, flipped(sibling, bit)), good)).toBe(false);
        expect(verifyInclusion(proof.with(place, sibling.subarray(1)), good)).toBe(false);
      }),
    );
  });

  test('of consistency do not convince of another past, nor when changed', () => {
    const size = fc.integer({ min: 1, max: leaves.length });
    fc.assert(
      fc.property(size, fc.nat(), fc.nat(), (to, fromSeed, bit) => {
        const from = 1 + (fromSeed % to);
        const proof = consistencyProof(from, to, source);
        const good = { from, fromRoot: mth(leaves.slice(0, from)), to, toRoot: mth(leaves.slice(0, to)) };
        expect(verifyConsistency(proof, { ...good, fromRoot: flipped(good.fromRoot, bit) })).toBe(false);
        expect(verifyConsistency(proof, { ...good, toRoot: flipped(good.toRoot, bit) })).toBe(false);
        expect(verifyConsistency([...proof, good.toRoot], good)).toBe(false);
        expect(verifyConsistency(proof, { ...good, from: to + 1 })).toBe(false);
        const place = bit % Math.max(proof.length, 1);
        const node = proof[place];
        if (!node) return;
        expect(verifyConsistency(proof.slice(1), good)).toBe(false);
        expect(verifyConsistency(proof.with(place, flipped(node, bit)), good)).toBe(false);
      }),
    );
    const empty = { from: 0, fromRoot: EMPTY_ROOT, to: 0, toRoot: EMPTY_ROOT };
    expect(verifyConsistency([], { ...empty, fromRoot: leaves[0] as Uint8Array })).toBe(false);
    expect(verifyConsistency([], { ...empty, toRoot: leaves[0] as Uint8Array })).toBe(false);
  });

  test('that make no sense are refused', () => {
    for (const [index, size] of [
      [0, 0],
      [3, 3],
      [-1, 3],
      [0.5, 3],
    ] as const) {
      expect(() => inclusionProof(index, size, source)).toThrow(RangeError);
    }
    expect(() => consistencyProof(4, 3, source)).toThrow(RangeError);
    expect(() => consistencyProof(-1, 3, source)).toThrow(RangeError);
  });
});

function flipped(hash: Uint8Array, bit: number): Uint8Array {
  const place = bit % (8 * hash.length);
  const byte = place >> 3;
  return Uint8Array.from(hash, (value, i) => (i === byte ? value ^ (1 << (place & 7)) : value));
}
