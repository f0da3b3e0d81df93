import { expect, test } from 'vitest';
import { endure } from './endurance.js';

const MIB = 1024 * 1024;

test('a hundred thousand units leave nothing behind in the memory of a node', async () => {
  const { heap, units } = await endure(30);
  expect(units).toBeGreaterThan(100_000);
  console.log(`${units} units; heap in MiB: ${heap.map((bytes) => (bytes / MIB).toFixed(1)).join(' ')}`);
  // What is remembered is bounded: after the first rounds it has reached its bounds.
  const [early, late] = [heap[heap.length >> 1] ?? 0, heap.at(-1) ?? 0];
  expect((late - early) / MIB).toBeLessThan(16);
});
