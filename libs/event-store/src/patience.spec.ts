import { MessageChannel } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { patiently } from './patience.js';

test('who stood still for longer than he waits hears what came meanwhile before he gives up', async () => {
  const { port1, port2 } = new MessageChannel();
  let isGivenUp = false;
  const takeBack = patiently(40, () => {
    isGivenUp = true;
  });
  const answer = new Promise((resolve) => port2.once('message', resolve));
  port1.postMessage('an answer');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  expect(await answer).toBe('an answer');
  expect(isGivenUp).toBe(false);
  takeBack();
  port2.close();
});

test('who hears nothing gives up, once', async () => {
  let times = 0;
  await new Promise<void>((resolve) => {
    patiently(16, () => {
      times += 1;
      resolve();
    });
  });
  await new Promise<void>((resolve) => {
    patiently(16, resolve);
  });
  expect(times).toBe(1);
});
