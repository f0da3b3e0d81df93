import { expect, test } from 'vitest';
import { Gate } from './gate.js';

const never = new Promise<never>(() => {});

test('so many calls go on at a time, the others in their order', async () => {
  const gate = new Gate(2, 60_000);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const calls = [0, 1, 2, 3].map((i) =>
    gate.run(async () => {
      begun.push(i);
      await new Promise<void>((resolve) => ends.push(resolve));
      return i;
    }),
  );
  expect(begun).toEqual([0, 1]);
  ends[1]?.();
  expect(await calls[1]).toBe(1);
  expect(begun).toEqual([0, 1, 2]);
  ends[0]?.();
  ends[2]?.();
  await Promise.all([calls[0], calls[2]]);
  ends[3]?.();
  expect(await calls[3]).toBe(3);
});

test('whoever waits for too long is told so, and is not begun later', async () => {
  const gate = new Gate(1, 1);
  let end = (): void => {};
  const first = gate.run(
    () =>
      new Promise<void>((resolve) => {
        end = resolve;
      }),
  );
  let isBegun = false;
  const late = gate.run(async () => {
    isBegun = true;
  });
  await expect(late).rejects.toMatchObject({ name: 'StoreUnavailable' });
  end();
  await first;
  expect(await gate.run(async () => 'next')).toBe('next');
  expect(isBegun).toBe(false);
});

test('a call that hangs holds up nothing but its own place', async () => {
  const gate = new Gate(2, 60_000);
  void gate.run(() => never);
  for (const i of [1, 2, 3]) expect(await gate.run(async () => i)).toBe(i);
});
