/**
 * `npm run simulate -- --store esdb://...`: what the people of a seed did is committed on a server, unit by unit, by
 * the code that the nodes run, read back by another connection, and audited. Time is virtual where they live and real
 * where the server is, so their races and crashes happen in a process of their own, on a store of its own.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SourceItem } from '@florin/auditor';
import { type EsdbStore, openEsdbStore, START } from '@florin/event-store';
import { auditOf, itemsOf, type Simulation, simulate } from '../../audit/simulated-audit.js';
import { unitsOf } from '../../audit/tools.js';

export interface OnStore {
  readonly events: number;
  readonly units: number;
  /** As the server says it. */
  readonly version: string;
  readonly instance: string;
  /** What the auditor found; nothing is as it should be. */
  readonly findings: readonly string[];
}

/** @throws StoreMisconfigured, StoreUnavailable, DamagedStore; Error if the simulation broke off */
export async function runOnStore(simulation: Simulation, connectionString: string): Promise<OnStore> {
  const folder = mkdtempSync(join(tmpdir(), 'florin-simulated-'));
  const instance = `s${randomBytes(8).toString('hex')}`;
  const store = await open(connectionString, instance, false);
  try {
    const file = join(folder, 'events.jsonl');
    await simulate(simulation, file);
    const there = (await itemsOf(file)).map((item): SourceItem => {
      return 'stream' in item ? { ...item, stream: item.stream.replace(/^[^.]*/, instance) } : item;
    });
    for (const unit of unitsOf(there)) await store.importUnit(unit);
    const reader = await open(connectionString, instance, true);
    const back: SourceItem[] = [];
    let units = 0;
    for await (const { events } of reader.readAll(START)) {
      const unitFirst = events[0]?.index ?? 0;
      for (const { data, ...event } of events) back.push({ ...event, unitFirst, data, text: JSON.stringify(data) });
      units += 1;
    }
    await reader.close();
    const replay = await auditOf(back, `${file}.bank`);
    const findings = replay.findings.sorted().map(({ code, detail }) => `${code}: ${detail}`);
    if (back.length !== there.length) findings.push(`${there.length} events went there, ${back.length} came back`);
    return { events: back.length, units, version: store.server.version, instance, findings };
  } finally {
    await store.close();
    rmSync(folder, { recursive: true });
  }
}

const open = (connectionString: string, instance: string, readOnly: boolean): Promise<EsdbStore> =>
  openEsdbStore(connectionString, {
    instance,
    readOnly,
    now: () => Date.now() * 1_000,
    onDamage: ({ message }) => console.error(message),
  });
