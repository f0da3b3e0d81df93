import { expect, onTestFinished, test } from 'vitest';
import { Expiry } from './expiry.js';
import { type Layout, PackedMaps } from './packed.js';

const EXPIRING: Layout<{ readonly expiresAt: number }> = {
  bytes: 8,
  write: (view, offset, { expiresAt }) => view.setFloat64(offset, expiresAt),
  read: (view, offset) => ({ expiresAt: view.getFloat64(offset) }),
};

function someMap() {
  const maps = new PackedMaps();
  onTestFinished(() => maps.close());
  return maps.make('expiring', EXPIRING);
}

test('what has expired is forgotten, in whatever order it came, and nothing else', () => {
  const map = someMap();
  const expiry = new Expiry(map);
  const add = (expiresAt: number): void => {
    map.set(`until ${expiresAt}`, { expiresAt });
    expiry.note(expiresAt);
  };
  const left = (now: number): number[] => {
    expiry.prune(now);
    return [...map.entries()].map(([, { expiresAt }]) => expiresAt).sort((a, b) => a - b);
  };
  for (const expiresAt of [30, 10, 20]) add(expiresAt);
  expect(left(10)).toEqual([10, 20, 30]);
  expect(left(11)).toEqual([20, 30]);
  add(15);
  add(40);
  expect(left(15)).toEqual([15, 20, 30, 40]);
  expect(left(16)).toEqual([20, 30, 40]);
  expect(left(31)).toEqual([40]);
  expect(left(100)).toEqual([]);
  add(50);
  expect(left(100)).toEqual([]);
});

test('of a map that was filled before, everything is looked at once', () => {
  const map = someMap();
  for (const expiresAt of [1, 2, 3]) map.set(`until ${expiresAt}`, { expiresAt });
  const expiry = new Expiry(map);
  expiry.note(9);
  expiry.prune(3);
  expect(map.size).toBe(1);
});
