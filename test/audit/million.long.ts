import { Replay } from '@florin/auditor';
import { expect, test } from 'vitest';
import { Endless } from './endless.js';

const EVENTS = 1_000_000;
/** What settled customers leave, some hundred megabytes, does not lie in memory. */
const HEAP_MAX_MIB = 400;
const BUFFERS_MAX_MIB = 250;

test('a million events of an honest history give no finding, and take little memory', async () => {
  const replay = new Replay({ signatures: false });
  const started = performance.now();
  let making = 0;
  let mark = performance.now();
  for await (const stretch of new Endless().stretches(EVENTS)) {
    making += performance.now() - mark;
    await replay.take(stretch);
    mark = performance.now();
  }
  await replay.settle(replay.lastAt);
  const seconds = (performance.now() - started - making) / 1000;
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  const mib = (bytes: number): number => Math.round(bytes / 2 ** 20);
  const speed = `${replay.log.next} events, ${Math.round(replay.log.next / seconds)}/s`;
  console.log(`${speed}, heap ${mib(heapUsed)} MiB, buffers ${mib(arrayBuffers)} MiB`);
  expect(replay.findings.kept).toEqual([]);
  expect(replay.log.next).toBeGreaterThanOrEqual(EVENTS);
  expect(mib(heapUsed)).toBeLessThan(HEAP_MAX_MIB);
  expect(mib(arrayBuffers)).toBeLessThan(BUFFERS_MAX_MIB);
});
