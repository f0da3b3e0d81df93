import { afterAll, beforeAll, expect, test } from 'vitest';
import { runOnStore } from '../simulation/wallets/on-store.js';
import { type TestServer, testServer } from '../support/eventstoredb/test-server.js';

let server: TestServer;
beforeAll(async () => {
  server = await testServer();
});
afterAll(() => server?.close());

test('what the people of a simulation did is the same on a server, and the auditor finds nothing in it', async () => {
  const { findings, events, units } = await runOnStore({ seed: 7, wallets: 6, steps: 30 }, server.connectionString);
  expect(findings).toEqual([]);
  expect(events).toBeGreaterThan(100);
  expect(units).toBeLessThan(events);
});
