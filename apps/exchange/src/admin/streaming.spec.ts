import { expect, test } from 'vitest';
import { beating } from './streaming.js';

async function* two(): AsyncGenerator<string> {
  yield 'a\n';
  yield 'b\n';
}

test('lines come as they are', async () => {
  const lines: string[] = [];
  for await (const line of beating(two(), 60_000)) lines.push(line);
  expect(lines).toEqual(['a\n', 'b\n']);
});

test('while nothing comes there is an empty line now and then, and what comes later is not lost', async () => {
  let come = (): void => undefined;
  const later = new Promise<void>((resolve) => {
    come = resolve;
  });
  async function* slow(): AsyncGenerator<string> {
    await later;
    yield* two();
  }
  const lines = beating(slow(), 1);
  for (let beats = 0; beats < 3; beats += 1) expect(await lines.next()).toEqual({ done: false, value: '\n' });
  come();
  const rest: string[] = [];
  for await (const line of lines) if (line !== '\n') rest.push(line);
  expect(rest).toEqual(['a\n', 'b\n']);
});

test('a fault in the lines reaches the reader', async () => {
  async function* failing(): AsyncGenerator<string> {
    yield 'a\n';
    throw new Error('the disk is gone');
  }
  const lines = beating(failing(), 60_000);
  await lines.next();
  await expect(lines.next()).rejects.toThrow('the disk is gone');
});

test('whoever stops reading ends the lines', async () => {
  let isEnded = false;
  async function* open(): AsyncGenerator<string> {
    try {
      for (;;) yield 'a\n';
    } finally {
      isEnded = true;
    }
  }
  for await (const _ of beating(open(), 60_000)) break;
  expect(isEnded).toBe(true);
});
