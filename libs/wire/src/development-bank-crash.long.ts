import { test } from 'vitest';
import { killAtWork } from './bank-process.support.js';

test('killed at work 200 times, the bank keeps what it acknowledged, once, and its books balance', async () => {
  await killAtWork(200);
});
