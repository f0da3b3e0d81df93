import { parentPort } from 'node:worker_threads';
import { unpackJobs, verify } from './verify.js';

/*
 * The program of a verifier thread: packed jobs come in, one byte for each goes out, 1 where the signature is good.
 */

export interface VerifyOrder {
  readonly id: number;
  readonly jobs: Uint8Array;
}

export interface Verdict {
  readonly id: number;
  readonly good: Uint8Array;
}

parentPort?.on('message', ({ id, jobs }: VerifyOrder) => {
  const good = Uint8Array.from(unpackJobs(jobs), (job) => (verify(job) ? 1 : 0));
  parentPort?.postMessage({ id, good } satisfies Verdict);
});
