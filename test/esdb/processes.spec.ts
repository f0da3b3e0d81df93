import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { START } from '@florin/event-store';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StandIn } from '../support/eventstoredb/stand-in.js';
import { until } from '../support/eventstoredb/test-server.js';
import { all, freshInstance, type Ledger, openLedger, unitOn, writersOf } from './tools.js';

const WRITER = new URL('./writer-process.js', import.meta.url);

let standIn: StandIn;
let instance: string;
const survivors: Ledger[] = [];
const stream = (name: string): string => `${instance}.${name}`;

beforeEach(async () => {
  standIn = await StandIn.start();
  instance = freshInstance();
});
afterEach(async () => {
  for (const { store } of survivors.splice(0)) await store.close();
  await standIn.close();
});

/** Another process than the writer's, which is open only after the kill: it would fill a slow writer's slot. */
async function survivor(): Promise<Ledger> {
  const ledger = await openLedger(standIn.connectionString, { instance, leaseMs: 400 });
  survivors.push(ledger);
  return ledger;
}

function start(...args: string[]): ChildProcess {
  const command = [fileURLToPath(WRITER), standIn.connectionString, instance, ...args];
  return spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] });
}

describe('a writer that is killed', () => {
  const names = ['coin-A', 'coin-B', 'reserve-R'];

  // Before and after each of its appends; of these six moments only the last one is behind the commit point.
  for (const [place, name] of names.entries()) {
    for (const moment of ['before', 'after'] as const) {
      const isCommitted = moment === 'after' && place === names.length - 1;

      const killAtThisMoment = async (): Promise<void> => {
        const kind = moment === 'before' ? ('drop' as const) : ('delay' as const);
        standIn.faults.add({ kind, ms: 600_000, stream: stream(name) });
        const child = start(...names);
        await until(() => standIn.faults.planned.length === 0);
        // The members are written at once; the kill comes after what has to lie there.
        const others = names.slice(0, -1).filter((other) => moment === 'after' || other !== name);
        await until(() => others.every((other) => standIn.log.stream(stream(other)).length > 0));
        if (moment === 'after') await until(() => standIn.log.stream(stream(name)).length > 0);
        child.kill('SIGKILL');
        await once(child, 'close');
      };

      test(`${moment} its append to ${name} leaves a unit that any reader settles`, async () => {
        await killAtThisMoment();
        const { store } = await survivor();
        const expected = isCommitted ? ['the killed process'] : [];
        for (const one of names) expect(await writersOf(store, stream(one))).toEqual(expected);
        expect(await all(store.readAll(START))).toHaveLength(expected.length);
        const next = store.commit(unitOn(names.map(stream), 'the next one'));
        if (isCommitted) await expect(next).rejects.toMatchObject({ name: 'RevisionConflict' });
        else expect((await next).events.map(({ number }) => number)).toEqual([0, 0, 0]);
      });

      test(`${moment} its append to ${name} leaves a unit that the sweeper settles, though nobody reads`, async () => {
        await killAtThisMoment();
        await survivor();
        await until(() => standIn.log.stream(stream('reserve-R')).length > 0);
        const types = standIn.log.stream(stream('reserve-R')).map(({ type }) => type);
        expect(types).toEqual([isCommitted ? 'Noted' : 'void-marker']);
      });
    }
  }
});
