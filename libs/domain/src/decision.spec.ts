import { expect, test } from 'vitest';
import { assert, InvariantError, unreachable } from './assert.js';
import { accept, refuse, repeat } from './decision.js';

test('there are three answers', () => {
  expect([accept(1), repeat(2), refuse(3)]).toStrictEqual([
    { kind: 'accept', value: 1 },
    { kind: 'repeat', earlier: 2 },
    { kind: 'refuse', refusal: 3 },
  ]);
});

test('a broken promise is an InvariantError that says which', () => {
  expect(() => assert(true, 'all is well')).not.toThrow();
  expect(() => assert(false, 'money is missing')).toThrow(new InvariantError('money is missing'));
  expect(() => assert(false, 'x')).toThrow(expect.objectContaining({ name: 'InvariantError' }));
});

test('what cannot be is named by its type', () => {
  expect(() => unreachable({ type: 'CoinsVanished' } as never)).toThrow(
    new InvariantError('unexpected "CoinsVanished"'),
  );
  expect(() => unreachable(undefined as never)).toThrow(new InvariantError('unexpected undefined'));
});
