import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openEsdbStore } from '@florin/event-store';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newPlanchets, withdraw } from '../e2e/support/coins.js';
import { expectOk, send } from '../e2e/support/http.js';
import { readOffers } from '../e2e/support/offers.js';
import { fundedReserve } from '../e2e/support/reserves.js';
import { freshInstance } from '../esdb/tools.js';
import { unitsOfLedger } from '../support/configured-store.js';
import { type TestServer, testServer } from '../support/eventstoredb/test-server.js';
import { type RunningExchange, startExchange } from '../support/exchange.js';
import { configure } from './story.js';
import { auditor, run } from './tools.js';

// A ledger that was begun on the embedded store, and goes on a server.
let server: TestServer;
let exchange: RunningExchange;
let checkpoint: string;

beforeAll(async () => {
  server = await testServer();
  exchange = await startExchange({
    configure: (settings) => {
      configure(settings);
      settings.instance = freshInstance();
    },
  });
  const reserve = await fundedReserve(exchange, '5');
  const offers = await readOffers(exchange.baseUrl);
  expectOk(await withdraw(exchange.baseUrl, reserve, newPlanchets(offers, '1', '2')));
  checkpoint = join(exchange.data, 'checkpoint');
  writeFileSync(checkpoint, (await send(`${exchange.baseUrl}log/checkpoint`)).text);
  expect(await exchange.stop()).toBe(0);
});
afterAll(async () => {
  exchange?.remove();
  await server?.close();
});

/** Another folder of this name. */
function folder(name: string): string {
  const path = join(exchange.data, name);
  mkdirSync(path);
  return path;
}

test('a ledger that was moved to EventStoreDB says the same there', async () => {
  const { connectionString } = server;
  const { instance, data } = exchange;
  const units = await unitsOfLedger(data);
  const store = await openEsdbStore(connectionString, {
    instance,
    now: () => Date.now() * 1_000,
    onDamage: (error) => {
      throw error;
    },
  });
  for (const unit of units) await store.importUnit(unit);
  await store.close();
  const before = JSON.parse((await auditor('--data', data, '--memory', folder('before'), '--json', '-')).out);
  const there = ['--instance', instance, '--memory', folder('there'), '--json', '-', '--quiet'];
  const ended = await auditor('--from', connectionString, '--checkpoint', checkpoint, ...there);
  expect(ended).toMatchObject({ code: 0 });
  const report = JSON.parse(ended.out);
  const events = units.flatMap((unit) => unit.events).length;
  expect(report.log).toMatchObject({ events, head: { size: events } });
  expect(report.sums).toEqual(before.sums);

  // As beside an exchange that is started with FLORIN_STORE, from its data folder.
  const node = folder('node');
  const beside = ['--data', node, ...there];
  const same = await run(beside, { FLORIN_STORE: connectionString });
  expect(JSON.parse(same.out).sums).toEqual(report.sums);
  writeFileSync(join(node, 'eventstoredb-head.json'), '{}');
  const lost = await run(beside, { FLORIN_STORE: '' });
  expect(lost).toMatchObject({ code: 2, err: expect.stringContaining('is on EventStoreDB') });

  // Nothing named: what an exchange uses that is started with these settings.
  const FLORIN_CONFIG = join(node, 'settings.yaml');
  const environment = { FLORIN_CONFIG, FLORIN_STORE: '', FLORIN_DATA: '' };
  const unnamed = ['--memory', folder('configured'), '--json', '-', '--quiet'];
  writeFileSync(FLORIN_CONFIG, JSON.stringify({ data, instance }));
  expect(JSON.parse((await run(unnamed, environment)).out).log.events).toBe(report.log.events);
  writeFileSync(FLORIN_CONFIG, JSON.stringify({ data: node, store: connectionString, instance }));
  expect(JSON.parse((await run(unnamed, environment)).out).sums).toEqual(report.sums);
  writeFileSync(FLORIN_CONFIG, 'nothing');
  expect(await run(unnamed, environment)).toMatchObject({ code: 2, err: expect.stringContaining('holds no settings') });
  rmSync(node, { recursive: true });
});
