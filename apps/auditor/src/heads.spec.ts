import { checkpointText, consistencyProof, Frontier, signedNote } from '@florin/event-store';
import { expect, test } from 'vitest';
import { type ConsistencyProof, compareHeads, type RememberedHead } from './heads.js';

const head = (size: number, root: string, logPub = 'KEY'): RememberedHead => {
  return { origin: 'florin/test', size, root, logPub, note: '' };
};

test('heads of one size and of other roots are two histories', () => {
  const [ours, theirs] = [[head(5, 'a'), head(9, 'b')], [head(5, 'x')]];
  expect(compareHeads(ours, theirs, [])).toMatchObject({ kind: 'split' });
  expect(compareHeads(ours, [head(5, 'a')], [])).toMatchObject({ kind: 'same' });
});

test('a head signed by somebody else is no proof against the log', () => {
  const ours = [head(5, 'a')];
  expect(() => compareHeads(ours, [head(5, 'x', 'OTHER')], [])).toThrow(/signed by OTHER, not by the log key KEY/);
  expect(() => compareHeads(ours, [head(5, 'a'), head(9, 'x', 'OTHER')], [])).toThrow('proves nothing');
});

/** A log of so many events, the first of which is this one: its head at a size, and the proof from one to another. */
function logOf(first: number) {
  const leaf = (place: number) => new Uint8Array(32).fill(place === 0 ? first : place + 1);
  const nodes = new Map<string, Uint8Array>();
  const rootAt = (size: number): Uint8Array => {
    const frontier = Frontier.empty();
    for (let place = 0; place < size; place += 1) {
      nodes.set(`0 ${place}`, leaf(place));
      frontier.append(leaf(place), (height, number, hash) => nodes.set(`${height} ${number}`, hash));
    }
    return frontier.root();
  };
  const headAt = (size: number): RememberedHead => {
    const root = rootAt(size);
    const text = checkpointText({ origin: 'florin/test', size, root });
    const signer = { name: 'florin/test', logPub: new Uint8Array(32), signature: new Uint8Array(64) };
    return { ...head(size, base64(root)), note: signedNote(text, signer) };
  };
  const proofOf = (from: number, to: number): ConsistencyProof => {
    const fromRoot = base64(rootAt(from));
    rootAt(to);
    const proof = consistencyProof(from, to, (height, number) => nodes.get(`${height} ${number}`) as Uint8Array);
    return { origin: 'florin/test', from, to, proof: proof.map(base64), fromRoot };
  };
  return { headAt, proofOf };
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

test.each([
  [6, 11],
  [8, 11],
  [5, 8],
])('the first %i events are the beginning of %i, or of other ones; a bad proof shows neither', (from, to) => {
  const [honest, other] = [logOf(1), logOf(99)];
  const proof = honest.proofOf(from, to);
  const compared = (given: ConsistencyProof, early = honest) =>
    compareHeads([early.headAt(from)], [honest.headAt(to)], [given]).kind;
  expect(compared(proof)).toBe('same');
  expect(compared(proof, other)).toBe('split');
  const wrong = base64(new Uint8Array(32).fill(7));
  const bad = [
    ...proof.proof.map((_, place) => proof.proof.map((hash, at) => (at === place ? wrong : hash))),
    proof.proof.slice(1),
    proof.proof.slice(0, -1),
    [...proof.proof, wrong],
    ['', ...proof.proof.slice(1)],
  ];
  for (const hashes of bad) {
    for (const early of [honest, other]) expect(compared({ ...proof, proof: hashes }, early)).toBe('open');
  }
  const { fromRoot: _, ...withoutRoot } = proof;
  expect(compared(withoutRoot, other)).toBe('open');
});
