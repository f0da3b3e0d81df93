/**
 * Test support: the thread of the views with one view more, at which the thread, or the whole process, dies in the
 * middle of a batch. What is to happen stands in a file named by FLORIN_TEST_FRAGILE, and happens once:
 *
 *     {"event": 17, "dies": "thread"}
 */
import { readFileSync, rmSync } from 'node:fs';
import { CATALOGUE, type Category } from '@florin/domain';
import { serveViews } from '../serve.js';
import { defineView } from '../view.js';
import { VIEWS } from '../views.js';

export interface Plan {
  /** Index of the event at which it happens. */
  readonly event: number;
  readonly dies: 'thread' | 'process';
  /** Every time, not once. */
  readonly always?: boolean;
}

const planFile = process.env.FLORIN_TEST_FRAGILE ?? '';

function plan(): Plan | undefined {
  try {
    return JSON.parse(readFileSync(planFile, 'utf8')) as Plan;
  } catch {
    return undefined;
  }
}

const fragile = defineView({
  name: 'fragile',
  version: 1,
  reads: Object.keys(CATALOGUE) as Category[],
  schema: 'CREATE TABLE fragile (id INTEGER PRIMARY KEY) STRICT, WITHOUT ROWID;',
  open: () => ({
    apply({ index }) {
      const planned = plan();
      if (planned?.event !== index) return;
      if (!planned.always) rmSync(planFile);
      if (planned.dies === 'process') process.kill(process.pid, 'SIGKILL');
      process.exit(1);
    },
    queries: {},
  }),
});

serveViews([...VIEWS, fragile]);
