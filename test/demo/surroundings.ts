import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ledgerPlace } from '@florin/event-store';

/** Where the exchange and the bank are. Each URL ends in `/`. */
export interface Surroundings {
  readonly exchangeUrl: string;
  readonly bankUrl: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

const EXCHANGE_URL = 'http://127.0.0.1:8081/';
const BANK_URL = 'http://127.0.0.1:8083/';

/**
 * FLORIN_URL and FLORIN_BANK_URL; else what the exchange that runs on the data folder has written into `run.json`; else
 * the ports of the shipped configuration.
 */
export function findSurroundings(environment: Environment): Surroundings {
  const run = readRunFile(environment);
  const exchangeUrl = withSlash(environment.FLORIN_URL || run.exchange || EXCHANGE_URL);
  const runningBank = exchangeUrl === run.exchange ? run.bank : undefined;
  return { exchangeUrl, bankUrl: withSlash(environment.FLORIN_BANK_URL || runningBank || BANK_URL) };
}

/** How to do what only an admin may; or why the demo cannot. */
export type AdminAccess = { readonly url: string; readonly credential: string } | { readonly missing: string };

/** The admin port of the exchange, if it runs on the data folder of this machine and its credential may be read. */
export function findAdmin(environment: Environment, exchangeUrl: string): AdminAccess {
  const { exchange, admin, adminCredential } = readRunFile(environment);
  if (exchange !== exchangeUrl || !admin || !adminCredential) {
    return { missing: `${exchangeUrl} is remote: no data folder of it is here, so the demo cannot revoke anything` };
  }
  try {
    return { url: admin, credential: readFileSync(adminCredential, 'utf8').trim() };
  } catch {
    return { missing: `the credential of the admin port, in ${adminCredential}, cannot be read by this user` };
  }
}

interface RunFile {
  readonly exchange?: string;
  readonly admin?: string;
  readonly adminCredential?: string;
  readonly bank?: string;
}

function readRunFile(environment: Environment): RunFile {
  try {
    const { pid, ...run } = JSON.parse(readFileSync(join(resolve(ledgerPlace(environment).data), 'run.json'), 'utf8'));
    process.kill(pid, 0); // a process that was killed leaves its file behind
    return run;
  } catch {
    return {};
  }
}

const withSlash = (url: string): string => (url.endsWith('/') ? url : `${url}/`);
