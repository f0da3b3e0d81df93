/** What `admin doctor` says of the server while the exchange does not run. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { runAdminWith } from '../admin/support/cli.js';
import { StandIn } from '../support/eventstoredb/stand-in.js';

const FLORIN_CONFIG = fileURLToPath(new URL('../../../apps/exchange/config/development.yaml', import.meta.url));
const data = mkdtempSync(join(tmpdir(), 'florin-doctor-'));
writeFileSync(join(data, 'run.json'), '{}'); // of no exchange that runs
afterAll(() => rmSync(data, { recursive: true, force: true }));

/** What is found of the ledger on a server. */
async function ledgerOn(FLORIN_STORE: string): Promise<Record<string, string>> {
  const { json } = await runAdminWith({ FLORIN_CONFIG, FLORIN_STORE }, data, 'doctor', '--json');
  const found = (json.checks as Record<string, string>[]).find(({ name }) => name === 'ledger');
  if (!found) throw new Error('the ledger was not looked at');
  return found;
}

test('a server is looked at as at a start: fit, open to strangers, away', async () => {
  const plain = await StandIn.start();
  expect(await ledgerOn(plain.connectionString)).toMatchObject({
    state: 'look',
    found: expect.stringMatching(/^EventStoreDB 22\.10\.[0-9.]+ is fit/),
  });
  const { connectionString } = plain;
  await plain.close();
  const away = await ledgerOn(connectionString);
  expect(away).toMatchObject({ state: 'bad', todo: 'start the server' });
  const open = await StandIn.start({ tls: true });
  expect(await ledgerOn(open.connectionString)).toMatchObject({
    state: 'bad',
    found: expect.stringContaining('without a password'),
    todo: expect.stringContaining('docs/eventstoredb.md'),
  });
  await open.close();
});
