import { expect, test } from 'vitest';
import { Silence } from './silence.js';

test('a connection without an answer is given up, and the next one after no more time than the first', () => {
  let nowMs = 1_000;
  const silence = new Silence({ now: () => nowMs }, 5_000);
  const givenUpMs: number[] = [];
  for (; nowMs < 1_000_000; nowMs += 100) if (silence.isTooLong()) givenUpMs.push(nowMs);
  expect(givenUpMs).toEqual(Array.from({ length: 199 }, (_, i) => 6_000 + 5_000 * i));
});

test('an answer ends it', () => {
  let nowMs = 0;
  const silence = new Silence({ now: () => nowMs }, 5_000);
  nowMs = 4_999;
  silence.broken();
  nowMs = 9_998;
  expect(silence.isTooLong()).toBe(false);
  nowMs = 9_999;
  expect(silence.isTooLong()).toBe(true);
});
