import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { newPlanchets, withdraw } from '../e2e/support/coins.js';
import { readOffers } from '../e2e/support/offers.js';
import { fundedReserve, newAccount } from '../e2e/support/reserves.js';
import { type RunningExchange, startExchange } from '../support/exchange.js';
import { configure } from './story.js';
import { auditor } from './tools.js';

// Damage to the files of the embedded store, by no insider: each counts once, and the audit goes on behind it.
let exchange: RunningExchange;

interface Report {
  readonly log: { readonly events: number; readonly head?: { readonly size: number } };
  readonly findings: {
    readonly list: readonly { readonly code: string; readonly event?: { readonly index: number } }[];
  };
}

beforeAll(async () => {
  exchange = await startExchange({ configure });
  const offers = await readOffers(exchange.baseUrl);
  for (let count = 0; count < 4; count += 1) {
    const reserve = await fundedReserve(exchange, '5', newAccount());
    await withdraw(exchange.baseUrl, reserve, newPlanchets(offers, '1', '2'));
  }
  expect(await exchange.stop()).toBe(0);
});
afterAll(() => exchange.remove());

/** A copy of the data folder, without what an auditor does not get. */
function copied(): string {
  const folder = mkdtempSync(join(tmpdir(), 'florin-damaged-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const file of ['events.db', 'heads']) cpSync(join(exchange.data, file), join(folder, file));
  return folder;
}

function edit(folder: string, sql: string): void {
  const db = new Database(join(folder, 'events.db'));
  expect(db.prepare(sql).run().changes).toBe(1);
  db.close();
}

async function audited(folder: string): Promise<{ code: number | null; report: Report; error: string }> {
  const { code, out, err } = await auditor(
    '--data',
    folder,
    '--memory',
    join(folder, 'memory'),
    '--json',
    '-',
    '--quiet',
  );
  return { code, error: err, report: (out === '' ? {} : JSON.parse(out)) as Report };
}

const FUNDED = "(SELECT min(idx) FROM events WHERE type = 'ReserveFunded')";

describe('the database', () => {
  test.each([
    ['event-damaged', 'a changed amount', `UPDATE events SET data = replace(data, ':5"', ':6"') WHERE idx = ${FUNDED}`],
    ['event-damaged', 'data that is no JSON', `UPDATE events SET data = 'rotten' WHERE idx = ${FUNDED}`],
    ['event-damaged', 'another type', `UPDATE events SET type = 'Noted' WHERE idx = ${FUNDED}`],
    ['event-damaged', 'another time', `UPDATE events SET written_at_us = 1 WHERE idx = ${FUNDED}`],
    ['event-damaged', 'a changed leaf', `UPDATE events SET leaf = zeroblob(32) WHERE idx = ${FUNDED}`],
    ['event-missing', 'an event is gone', `DELETE FROM events WHERE idx = ${FUNDED}`],
  ])('%s: %s, once', async (code, _, sql) => {
    const folder = copied();
    edit(folder, sql);
    const { code: exit, report } = await audited(folder);
    const codes = report.findings.list.map((finding) => finding.code);
    // Where the leaf itself was changed, the tree does not fit its head either.
    expect(codes).toEqual(sql.includes('leaf') ? [code, 'head-mismatch'] : [code]);
    expect(report.findings.list[0]?.event?.index).toBeGreaterThan(0);
    expect(report.log.events).toBeGreaterThan(20);
    expect(exit).toBe(1);
  });

  test('pages that are overwritten: what is left is read', async () => {
    const folder = copied();
    const path = join(folder, 'events.db');
    const bytes = readFileSync(path);
    // A page of events in the middle, not the schema.
    const at = bytes.indexOf('CoinsWithdrawn');
    bytes.fill(0, Math.floor(at / 4096) * 4096, Math.floor(at / 4096 + 1) * 4096);
    writeFileSync(path, bytes);
    const { code, report } = await audited(folder);
    expect(code).toBe(1);
    expect(report.log.events).toBeGreaterThan(20);
    for (const { code: found } of report.findings.list) expect(['event-damaged', 'event-missing']).toContain(found);
  });

  test('a database that is none cannot be audited', async () => {
    const folder = copied();
    writeFileSync(join(folder, 'events.db'), 'nothing');
    expect(await audited(folder)).toMatchObject({ code: 2, error: expect.stringContaining('events.db') });
  });
});

test('a head that was overwritten cannot be audited', async () => {
  const folder = copied();
  writeFileSync(join(folder, 'heads'), Buffer.alloc(1024));
  expect(await audited(folder)).toMatchObject({ code: 2, error: expect.stringContaining('heads') });
});
