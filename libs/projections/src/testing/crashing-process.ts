/**
 * Test support: a process that shows a ledger to fragile views, and dies or says `caught up`. Argument: path of the
 * views.
 */
import fc from 'fast-check';
import { Views } from '../runner.js';
import { CURRENCY } from './history.js';
import { ledgerOf } from './ledgers.js';
import { anySteps } from './steps.js';

const [path = '', seed = '0'] = process.argv.slice(2);
const steps = fc.sample(anySteps(200), { numRuns: 1, seed: Number(seed) })[0] ?? [];
const { store } = await ledgerOf(steps);
const views = await Views.start(store, {
  path,
  currency: CURRENCY,
  waitMs: 60_000,
  onFault: (error) => {
    throw error;
  },
  program: new URL('./fragile-worker.js', import.meta.url),
});
await views.caughtUpWith(await store.lastPosition());
await views.close();
process.stdout.write('caught up\n');
