import { expect, test } from 'vitest';
import { compareHeads, type RememberedHead } from './heads.js';

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
