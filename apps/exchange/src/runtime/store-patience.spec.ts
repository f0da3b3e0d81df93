import { DamagedStore, StoreUnavailable } from '@florin/event-store';
import { expect, test } from 'vitest';
import { StorePatience } from './store-patience.js';

const told: unknown[] = [];
const log = { warn: (what: unknown) => void told.push(what) };

test('a store that is away is asked again, and what is waited for is said', async () => {
  const answers = [new StoreUnavailable('no connection'), new StoreUnavailable('no leader'), undefined];
  const asked = new StorePatience(log, 3_600).until(async () => {
    const answer = answers.shift();
    if (answer) throw answer;
    return 'there';
  });
  expect(await asked).toBe('there');
  expect(told).toMatchObject([{ reason: 'no connection' }, { reason: 'no leader' }]);
});

test('anything else is thrown at once, and so is its absence when the time is over', async () => {
  const refused = (limitS: number, error: Error) => {
    let asked = 0;
    const work = async (): Promise<never> => {
      asked += 1;
      throw error;
    };
    return new StorePatience(log, limitS).until(work).catch((thrown: unknown) => ({ thrown, asked }));
  };
  const damage = new DamagedStore('a stream was deleted');
  expect(await refused(3_600, damage)).toEqual({ thrown: damage, asked: 1 });
  const away = new StoreUnavailable('no connection');
  expect(await refused(0, away)).toEqual({ thrown: away, asked: 1 });
});
