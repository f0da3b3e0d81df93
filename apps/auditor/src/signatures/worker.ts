/** Worker thread: checks batches of signatures. */
import { parentPort } from 'node:worker_threads';
import { Checker } from './check.js';
import type { Batch, BatchResult, Fault } from './jobs.js';

let checker: Checker | undefined;

parentPort?.on('message', ({ id, currency, denominations, jobs }: Batch) => {
  checker ??= new Checker(currency);
  for (const denomination of denominations) checker.learn(denomination);
  const before = checker.signatures;
  const faults: [number, Fault][] = [];
  for (const [place, job] of jobs.entries()) for (const fault of checker.check(job)) faults.push([place, fault]);
  parentPort?.postMessage({ id, faults, signatures: checker.signatures - before } satisfies BatchResult);
});
