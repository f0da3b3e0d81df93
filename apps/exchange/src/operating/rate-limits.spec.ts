import { expect, test } from 'vitest';
import { clientOf, RateLimiter } from './rate-limits.js';

test('a burst is let through, then as many as the rate gives', () => {
  const limiter = new RateLimiter({ requestsPerSecond: 2, burst: 3 });
  const at = (nowMs: number): number => limiter.take('192.0.2.1', nowMs);
  expect([at(0), at(0), at(0)]).toEqual([0, 0, 0]);
  expect(at(0)).toBe(1);
  expect([at(500), at(500)]).toEqual([0, 1]);
  expect([at(60_000), at(60_000), at(60_000), at(60_000)]).toEqual([0, 0, 0, 1]);
});

test('who is refused has to wait no longer for having asked', () => {
  const limiter = new RateLimiter({ requestsPerSecond: 0.1, burst: 1 });
  expect(limiter.take('192.0.2.1', 0)).toBe(0);
  for (let tried = 0; tried < 100; tried += 1) expect(limiter.take('192.0.2.1', 1000)).toBe(9);
  expect(limiter.take('192.0.2.1', 10_000)).toBe(0);
});

test('each address has a bucket of its own, and those not seen for long are forgotten', () => {
  const limiter = new RateLimiter({ requestsPerSecond: 1, burst: 1 }, 2);
  expect(limiter.take('192.0.2.1', 0)).toBe(0);
  expect(limiter.take('192.0.2.2', 0)).toBe(0);
  expect(limiter.take('192.0.2.1', 0)).toBe(1);
  expect(limiter.take('192.0.2.3', 0)).toBe(0);
  expect(limiter.take('192.0.2.1', 0)).toBe(1);
  expect(limiter.take('192.0.2.2', 0)).toBe(0);
});

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:0DB8:1:2::1', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['192.0.2.1:4711', '192.0.2.1'],
  ['[2001:db8:1:2::1]:4711', '2001:db8:1:2'],
  ['[2001:db8:1:2::1]', '2001:db8:1:2'],
  ['not an address', 'unknown'],
  ['', 'unknown'],
])('%s is a client of %s', (address, client) => {
  expect(clientOf(address)).toBe(client);
});
