import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MemoryStore } from '@florin/event-store';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { Views, ViewsStopped } from './runner.js';
import type { Plan } from './testing/fragile-worker.js';
import { CURRENCY } from './testing/history.js';
import { builtFile, contentOf, eventsOf, inFolder, ledgerOf } from './testing/ledgers.js';
import { anySteps } from './testing/steps.js';
import { ViewsThread, ViewsThreadLost } from './thread.js';

const SEED = 21;
const STEPS = fc.sample(anySteps(200), { numRuns: 1, seed: SEED })[0] ?? [];
const QUARTER = Math.floor(STEPS.length / 4);
const FRAGILE = new URL('./testing/fragile-worker.js', import.meta.url);
const PROCESS = fileURLToPath(new URL('./testing/crashing-process.js', import.meta.url));

afterEach(() => {
  delete process.env.FLORIN_TEST_FRAGILE;
});

/** Where the plan stands; threads inherit the name when they are started. */
function planFileIn(folder: string): string {
  const file = join(folder, 'plan.json');
  process.env.FLORIN_TEST_FRAGILE = file;
  return file;
}

const planTo = (file: string, plan: Plan): void => writeFileSync(file, JSON.stringify(plan));

async function expectBuiltFrom(store: MemoryStore, folder: string): Promise<void> {
  const expected = join(folder, 'expected.db');
  (await builtFile(expected, store)).close();
  expect(contentOf(join(folder, 'views.db'))).toBe(contentOf(expected));
}

test('a thread that dies in the middle of a batch is started again, and each event counts once', () =>
  inFolder(async (folder) => {
    const plan = planFileIn(folder);
    const { history, store } = await ledgerOf(STEPS.slice(0, QUARTER));
    const notices: string[] = [];
    const views = await Views.start(store, {
      path: join(folder, 'views.db'),
      currency: CURRENCY,
      waitMs: 60_000,
      onFault: (error) => expect.fail(error.message),
      onNotice: (message) => notices.push(message),
      program: FRAGILE,
    });
    await views.caughtUpWith(await store.lastPosition());
    for (const part of [1, 2, 3]) {
      const steps = STEPS.slice(part * QUARTER, (part + 1) * QUARTER);
      const { events } = await views.lag();
      planTo(plan, { event: events + 5, dies: 'thread' });
      const asked: Promise<unknown>[] = [];
      for (const step of steps) {
        await history.step(step);
        asked.push(views.ask('transfers', 'byStatus', 'requested', { limit: 9 }));
      }
      await views.caughtUpWith(history.ledger.lastCommitted);
      await Promise.all(asked);
      expect(existsSync(plan)).toBe(false);
    }
    expect(notices).toHaveLength(3);
    await views.close();
    await expectBuiltFrom(store, folder);
  }));

test('a thread that dies at the same event every time stops the views', () =>
  inFolder(async (folder) => {
    const plan = planFileIn(folder);
    const { store } = await ledgerOf(STEPS);
    planTo(plan, { event: 50, dies: 'thread', always: true });
    const faults: Error[] = [];
    const views = await Views.start(store, {
      path: join(folder, 'views.db'),
      currency: CURRENCY,
      waitMs: 60_000,
      onFault: (error) => faults.push(error),
      program: FRAGILE,
    });
    await expect(views.caughtUpWith(await store.lastPosition())).rejects.toThrow(ViewsStopped);
    await expect(views.ask('transfers', 'byStatus', 'requested', { limit: 9 })).rejects.toThrow(ViewsStopped);
    expect(faults).toHaveLength(1);
    await views.close();
  }));

test('a rebuild whose thread dies fails, and the present views go on', () =>
  inFolder(async (folder) => {
    const plan = planFileIn(folder);
    const { history, store } = await ledgerOf(STEPS);
    const path = join(folder, 'views.db');
    const views = await Views.start(store, {
      path,
      currency: CURRENCY,
      waitMs: 60_000,
      onFault: (error) => expect.fail(error.message),
      program: FRAGILE,
    });
    await views.caughtUpWith(await store.lastPosition());
    planTo(plan, { event: 20, dies: 'thread' });
    await expect(views.rebuild('all')).rejects.toThrow(/thread/);
    await history.step({ do: 'fund', reserve: 0, units: 3n });
    await views.caughtUpWith(history.ledger.lastCommitted);
    await views.rebuild('all');
    await views.close();
    await expectBuiltFrom(store, folder);
  }));

test('a replacement that is asked for again, for the answer was lost, changes nothing', () =>
  inFolder(async (folder) => {
    const { store } = await ledgerOf(STEPS);
    const [path, by] = [join(folder, 'views.db'), join(folder, 'views.db.next')];
    (await builtFile(by, store)).close();
    const content = contentOf(by);
    const thread = new ViewsThread({ program: new URL('./worker.js', import.meta.url), deathsMax: 0 });
    const empty = await thread.open({ path, currency: CURRENCY, mode: 'live' });
    expect(empty.every(({ at }) => at.events === 0)).toBe(true);
    const replaced = await thread.request('replace', { by });
    expect(existsSync(by)).toBe(false);
    expect(await thread.request('replace', { by })).toEqual(replaced);
    await thread.close();
    expect(contentOf(path)).toBe(content);
    await expect(thread.request('empty', undefined)).rejects.toThrow(ViewsThreadLost);
  }));

test('a process that is killed in the middle of a batch goes on where it was, wherever that is', () =>
  inFolder(async (folder) => {
    const plan = planFileIn(folder);
    const { store } = await ledgerOf(STEPS);
    const count = (await eventsOf(store)).length;
    const path = join(folder, 'views.db');
    for (let part = 1; part <= 8; part += 1) {
      planTo(plan, { event: Math.floor((count * part) / 9), dies: 'process' });
      expect(await run(path)).toBe('SIGKILL');
      expect(existsSync(plan)).toBe(false);
    }
    expect(await run(path)).toBe(0);
    await expectBuiltFrom(store, folder);
  }));

/**
 * Runs a process that shows the same ledger to the views at `path`. @returns its exit code, or the signal that ended
 * it
 */
function run(path: string): Promise<number | string | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [PROCESS, path, `${SEED}`], { stdio: ['ignore', 'ignore', 'inherit'] });
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(signal ?? code));
  });
}
