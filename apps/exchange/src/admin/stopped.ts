/** `main.js --check`: what can be wrong with an exchange that does not run, as JSON on standard output. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkServer, openSqliteReader, StoreMisconfigured } from '@florin/event-store';
import { KeyFolder, KeyFolderRefused } from '@florin/signing';
import type { ReadSettings } from '../config/config.js';
import { ConfigError } from '../config/reader.js';
import { SystemClock } from '../runtime/clock.js';
import { goneBack } from '../transparency/kept-head.js';
import {
  bad,
  bankChecks,
  type Check,
  clockChecks,
  configurationChecks,
  diskChecks,
  good,
  look,
  permissionChecks,
} from './checks.js';

/** Reads the settings by `read`, and looks at what they name. Nothing is changed. */
export async function checkStopped(read: () => ReadSettings): Promise<{ running: false; checks: Check[] }> {
  let settings: ReadSettings;
  try {
    settings = read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { running: false, checks: [bad('configuration', error.message, 'change the setting that is named')] };
  }
  const { data } = settings;
  const checks = configurationChecks(settings, Math.floor(Date.now() / 1000));
  if (!existsSync(data)) {
    checks.push(look('data', `${data} does not exist yet`, 'start the exchange: it makes the folder'));
    return { running: false, checks };
  }
  checks.push(...permissionChecks(settings), ...(await keyFolderChecks(settings)), ...(await ledgerChecks(settings)));
  checks.push(...diskChecks(settings));
  if (!settings.developmentBank) checks.push(...(await bankChecks({ ...settings, baseUrl: settings.baseUrl ?? '' })));
  return { running: false, checks };
}

async function keyFolderChecks({ keys, mode }: ReadSettings): Promise<Check[]> {
  if (!existsSync(keys)) return [look('keys', `${keys} does not exist yet`, 'start the exchange: it makes the keys')];
  try {
    const folder = await KeyFolder.open(keys, { development: mode === 'development' });
    const names = await folder.keyNames();
    return [good('keys', `${names.length} private keys, of the ledger ${(await folder.ledgerOf()) ?? '(none yet)'}`)];
  } catch (error) {
    if (error instanceof KeyFolderRefused) return [bad('keys', error.message, 'see the message')];
    throw error;
  }
}

async function ledgerChecks({ store, instance, data, keys, mode }: ReadSettings): Promise<Check[]> {
  if (store !== 'embedded') return [await serverCheck(store, instance)];
  if (!existsSync(join(data, 'events.db'))) return [look('ledger', 'there is none yet', 'start the exchange')];
  try {
    const reader = await openSqliteReader({ folder: data });
    try {
      await reader.scrub();
      const backwards = await goneBack(KeyFolder.at(keys, { development: mode === 'development' }), reader);
      if (backwards !== undefined) return [bad('ledger', backwards, 'the exchange does not start like this')];
      const { size } = reader.head();
      const clock = new SystemClock();
      if (size > 0) {
        for await (const { events } of reader.readAll(await reader.positionBefore(size - 1))) {
          clock.observeEvent(events.at(-1)?.writtenAtUs ?? 0);
        }
      }
      const whole = good('ledger', `${size} events, each as its head says`);
      return [whole, ...clockChecks(clock.suspicion(), clock.now())];
    } finally {
      await reader.close();
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return [bad('ledger', reason, 'restore a backup: a damaged ledger is not repaired')];
  }
}

/** What the exchange asks of a server before it keeps a ledger there; the ledger itself is checked when it runs. */
async function serverCheck(connectionString: string, instance: string): Promise<Check> {
  try {
    const { version, isSecure } = await checkServer({ connectionString, instance, callTimeoutMs: SERVER_PATIENCE_MS });
    const found = `EventStoreDB ${version} is fit to keep it; the exchange checks it when it runs`;
    if (isSecure) return good('ledger', found);
    return look('ledger', found, 'without TLS it knows no users: let nothing but the nodes reach it');
  } catch (error) {
    const todo = error instanceof StoreMisconfigured ? 'docs/eventstoredb.md, "Configure"' : 'start the server';
    return bad('ledger', `store: ${(error as Error).message}`, todo);
  }
}

const SERVER_PATIENCE_MS = 5_000;
