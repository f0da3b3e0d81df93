import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ledgerPlace } from './place.js';

const folder = mkdtempSync(join(tmpdir(), 'florin-place-'));
afterAll(() => rmSync(folder, { recursive: true }));

function settings(text: string): string {
  const file = join(folder, 'settings.yaml');
  writeFileSync(file, text);
  return file;
}

test('nobody says anything: the folder that `npm start` uses', () => {
  expect(ledgerPlace({})).toEqual({ data: 'data' });
  expect(ledgerPlace({ FLORIN_DATA: '', FLORIN_STORE: '', FLORIN_CONFIG: '' })).toEqual({ data: 'data' });
});

test('the settings say it, and the environment wins over them', () => {
  const FLORIN_CONFIG = settings('instance: town\ndata: /var/lib/town\nstore: esdb://one:2113\n');
  expect(ledgerPlace({ FLORIN_CONFIG })).toEqual({ data: '/var/lib/town', store: 'esdb://one:2113', instance: 'town' });
  expect(ledgerPlace({ FLORIN_CONFIG, FLORIN_DATA: 'here', FLORIN_STORE: 'esdb+discover://two' })).toEqual({
    data: 'here',
    store: 'esdb+discover://two',
    instance: 'town',
  });
  expect(ledgerPlace({ FLORIN_CONFIG, FLORIN_STORE: 'embedded' })).toEqual({ data: '/var/lib/town', instance: 'town' });
});

test('settings that say nothing of it, or what cannot be, leave it at the folder of `npm start`', () => {
  expect(ledgerPlace({ FLORIN_CONFIG: settings('currency: EUR\nstore: embedded\n') })).toEqual({ data: 'data' });
  expect(ledgerPlace({ FLORIN_CONFIG: settings('data: 7\nstore: [1]\n') })).toEqual({ data: 'data' });
});

test('settings that cannot be read are named, and nothing of them is shown', () => {
  const FLORIN_CONFIG = join(folder, 'none.yaml');
  expect(() => ledgerPlace({ FLORIN_CONFIG })).toThrow(/^.*none\.yaml cannot be read: ENOENT/);
  const wrong = { FLORIN_CONFIG: settings('password: [secret-of-the-bank\nx: }') };
  expect(() => ledgerPlace(wrong)).toThrow(/settings\.yaml cannot be read/);
  expect(() => ledgerPlace(wrong)).not.toThrow(/secret-of-the-bank/);
  expect(() => ledgerPlace({ FLORIN_CONFIG: settings('') })).toThrow(/settings\.yaml holds no settings/);
});
