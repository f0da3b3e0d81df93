import { parentPort } from 'node:worker_threads';
import { pack } from './pack.js';
import { rebuild, unpackJobs, unpackRebuildJobs, verify } from './verify.js';

/*
 * The program of a verifier thread: packed jobs come in. For each goes out one byte, 1 where the signature is good; or
 * the hash of an envelope, empty where there is none.
 */

export interface VerifyOrder {
  readonly id: number;
  readonly work: 'verify' | 'rebuild';
  readonly jobs: Uint8Array;
}

export interface Verdict {
  readonly id: number;
  readonly answer: Uint8Array;
}

const NOTHING = new Uint8Array(0);

const WORK: Readonly<Record<VerifyOrder['work'], (jobs: Uint8Array) => Uint8Array>> = {
  verify: (jobs) => Uint8Array.from(unpackJobs(jobs), (job) => (verify(job) ? 1 : 0)),
  rebuild: (jobs) => pack(unpackRebuildJobs(jobs).map((job) => rebuild(job) ?? NOTHING)),
};

parentPort?.on('message', ({ id, work, jobs }: VerifyOrder) => {
  parentPort?.postMessage({ id, answer: WORK[work](jobs) } satisfies Verdict);
});
