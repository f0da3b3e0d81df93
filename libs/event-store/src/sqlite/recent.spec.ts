import { expect, it } from 'vitest';
import type { CommittedUnit, Position, RecordedEvent } from '../port.js';
import { RecentUnits } from './recent.js';

/** A unit of `count` events, the first of them at `index`. */
function unit(index: number, count = 1): CommittedUnit {
  const position = BigInt(index + count - 1) as Position;
  const events = Array.from({ length: count }, (_, i): RecordedEvent => {
    const written = { type: 'Something', version: 1, data: {}, writtenAtUs: 0 };
    return { ...written, stream: 'reserve-R', number: index + i, index: index + i, position };
  });
  return { position, events };
}

const at = (position: number): Position => BigInt(position) as Position;

it('hands out what came after a position, if it holds all of it', () => {
  const recent = new RecentUnits();
  expect(recent.after(at(-1))).toBeUndefined();
  const units = [unit(3, 2), unit(5), unit(6, 3)];
  for (const one of units) recent.add(one);
  expect(recent.after(at(2))).toEqual(units);
  expect(recent.after(at(4))).toEqual(units.slice(1));
  expect(recent.after(at(5))).toEqual(units.slice(2));
  expect(recent.after(at(8))).toBeUndefined();
});

it('hands out nothing after a position that it does not know, or in the middle of a unit', () => {
  const recent = new RecentUnits();
  for (const one of [unit(3, 2), unit(5)]) recent.add(one);
  for (const position of [-1, 0, 1, 3, 6, 100]) expect(recent.after(at(position))).toBeUndefined();
});

it('begins anew after a gap', () => {
  const recent = new RecentUnits();
  recent.add(unit(0));
  recent.add(unit(2));
  expect(recent.after(at(-1))).toBeUndefined();
  expect(recent.after(at(0))).toBeUndefined();
  expect(recent.after(at(1))).toEqual([unit(2)]);
});

it('forgets the oldest', () => {
  const recent = new RecentUnits();
  for (let index = 0; index < 10_000; index += 4) recent.add(unit(index, 4));
  expect(recent.after(at(-1))).toBeUndefined();
  expect(recent.after(at(9_899))).toEqual(Array.from({ length: 25 }, (_, i) => unit(9_900 + 4 * i, 4)));
});
