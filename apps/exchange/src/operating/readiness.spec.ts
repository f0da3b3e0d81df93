import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EventCodec, Streams } from '@florin/domain';
import { Ledger, MemoryStore } from '@florin/event-store';
import { Views } from '@florin/projections';
import { KeyFolder, Signers } from '@florin/signing';
import { pino } from 'pino';
import { afterAll, expect, test } from 'vitest';
import { readConfig } from '../config/config.js';
import { SystemClock } from '../runtime/clock.js';
import { KeyRing } from '../runtime/key-ring.js';
import { NOTHING_PUBLISHED } from '../transparency/published-log.js';
import { Readiness } from './readiness.js';

const DEVELOPMENT = fileURLToPath(new URL('../../config/development.yaml', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'florin-readiness-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('a node says everything that it lacks, in words without secrets', async () => {
  const store = new MemoryStore(() => 0);
  const views = await Views.start(store, {
    path: join(folder, 'views.db'),
    currency: 'KUDOS',
    onFault: () => undefined,
  });
  const signers = await Signers.start({
    folder: await KeyFolder.open(join(folder, 'keys'), { development: true }),
    processes: 1,
  });
  const clock = new SystemClock();
  const ledger = new Ledger(store);
  const keys = new KeyRing(ledger, new Streams('florin', new EventCodec('KUDOS')), clock, pino({ level: 'silent' }));
  const on = (data: string): Readiness => {
    const config = { ...readConfig(DEVELOPMENT, {}), baseUrl: 'https://exchange.example/', data };
    return new Readiness(store, views, keys, signers, clock, NOTHING_PUBLISHED, config);
  };
  const readiness = on(folder);
  const reasons = async (asked = readiness) => (await asked.lacks()).map(({ reason }) => reason);

  expect(await reasons()).toEqual(['nothing is offered yet', 'no wire account is offered']);
  await keys.confirm();
  expect(await reasons()).toEqual(['nothing is offered yet', 'no wire account is offered']);

  // The files of Linux about itself lie on something that has no room at all.
  if (existsSync('/proc/self')) expect(await reasons(on('/proc'))).toContain('the disk of the data folder is full');

  clock.observeEvent(clock.nowUs() + 3_600e6);
  await views.close();
  await signers.close();
  await store.close();
  expect(await reasons()).toEqual([
    'the event store does not answer: StoreUnavailable',
    'the read models do not follow: ViewsStopped',
    'nothing is offered yet',
    'no signer runs',
    'no wire account is offered',
    expect.stringMatching(/^the clock lies 3[56][0-9]{2} seconds before the last event$/),
  ]);
  expect((await readiness.lacks()).every(({ code }) => code > 0)).toBe(true);
});
