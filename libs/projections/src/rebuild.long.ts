import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { MemoryStore } from '@florin/event-store';
import { expect, test } from 'vitest';
import type { Progress } from './maintenance.js';
import { Views } from './runner.js';
import { CURRENCY, History } from './testing/history.js';
import { contentOf, inFolder } from './testing/ledgers.js';
import { VIEWS } from './views.js';

const RESERVES = 25_000;

/** Reserves that are funded, withdrawn from three times, and now and then closed, with the weight of RSA-2048. */
async function busyLedger(history: History): Promise<void> {
  await history.begin();
  for (let reserve = 0; reserve < RESERVES; reserve += 1) {
    await history.step({ do: 'fund', reserve, units: 2_000_000_000n });
    for (let earlier = reserve; earlier > reserve - 3 && earlier >= 0; earlier -= 1) {
      await history.step({ do: 'withdraw', reserve: earlier, denominations: [0, 0] });
    }
    if (reserve % 10 === 9) await history.step({ do: 'close', reserve: reserve - 5, elsewhere: false });
    history.now += 3_600;
  }
}

const digestOf = (path: string): string => createHash('sha256').update(contentOf(path)).digest('hex');

test('a long history is rebuilt to the same bytes, one view after the other and all together', () =>
  inFolder(async (folder) => {
    let now = (): number => 0;
    const store = new MemoryStore(() => now());
    const history = new History(store, { envelopeBytes: 256 });
    now = () => history.now * 1_000_000;
    await busyLedger(history);

    const path = join(folder, 'views.db');
    const onFault = (error: Error): void => expect.fail(error.message);
    const views = await Views.start(store, { path, currency: CURRENCY, onFault, waitMs: 600_000 });
    await views.caughtUpWith(await store.lastPosition());
    const digest = digestOf(path);
    for (const target of [...VIEWS.map(({ name }) => name), 'all' as const]) {
      let last: Progress | undefined;
      await views.rebuild(target, {
        onProgress: (progress) => {
          last = progress;
        },
      });
      expect(digestOf(path)).toBe(digest);
      console.log(`rebuild ${target}: ${last?.events} events, ${last?.perSecond} events/s`);
    }
    const { differences } = await views.verify();
    expect(differences).toEqual([]);
    await views.close();
  }));
