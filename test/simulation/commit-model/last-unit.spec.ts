import { type Position, START } from '@florin/event-store';
import { type AllOptions, LastUnit, type Surroundings } from '@florin/event-store/commit-protocol';
import { expect, test } from 'vitest';
import { rawOf, SimulatedServer } from './server.js';

/** What this one asks a server for that holds a unit and much that is not ours. */
function bench(strangers: number) {
  const server = new SimulatedServer();
  const asked: AllOptions[] = [];
  const client = {
    readAllBackward: async (options: AllOptions) => {
      asked.push(options);
      const { before, max } = options;
      const earlier = server.log.filter(({ position }) => before === 'end' || position < before);
      return earlier.slice(-max).reverse().map(rawOf);
    },
  };
  let written = 0;
  const write = (stream: string): void => {
    const end = BigInt(server.eventsOf(stream).length - 1);
    const metadata = JSON.stringify({ version: 1, number: Number(end + 1n), at: 1 });
    server.append(stream, end, [{ id: `${written++}`, type: 'Paid', data: '{}', metadata }]);
  };
  const renew = (times: number): void => {
    for (let i = 0; i < times; i++) write('lease.test.work');
  };
  write('test.reserve-R');
  const unit = server.log.at(-1)?.position as Position;
  renew(strangers);
  const last = new LastUnit({ client } as unknown as Surroundings, 'test.');
  return { last, unit, asked, write, renew, end: () => server.log.at(-1)?.position as Position };
}

const nobody = () => ({ seen: START, last: START });

test('what was looked at is not looked at again, however long nobody commits', async () => {
  const { last, unit, asked, renew } = bench(1_000);
  expect(await last.position(nobody)).toBe(unit);
  for (let i = 0; i < 50; i++) {
    asked.length = 0;
    renew(60);
    expect(await last.position(nobody)).toBe(unit);
    expect(asked).toHaveLength(1);
  }
});

test('a unit behind it is found at once, and what others have seen counts', async () => {
  const { last, unit, asked, write, renew, end } = bench(100);
  expect(await last.position(nobody)).toBe(unit);
  write('test.reserve-R');
  const next = end();
  renew(10);
  expect(await last.position(nobody)).toBe(next);
  write('test.reserve-R');
  const third = end();
  renew(2_000);
  const others = { seen: end(), last: third };
  asked.length = 0;
  expect(await last.position(() => others)).toBe(third);
  expect(asked).toHaveLength(1);
});
