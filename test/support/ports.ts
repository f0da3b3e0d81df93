/**
 * Ports for servers that come back on the same one after a kill. The kernel gives its free ports (from 32768 on as
 * delivered, from 16000 on in some sandboxes) to whoever asks next, also to the connections of other tests, while such
 * a server is away.
 */
import { createServer } from 'node:net';

/** Behind 10080, to which `fetch` connects no more than to the other ports on the list of the Fetch Standard. */
const FIRST = 10_100;
/** To each worker of the test run its own. */
const PER_WORKER = 1_180;
const WORKERS = 5;

let next = Math.floor(Math.random() * PER_WORKER);

/** A port on which nothing listens, and which no other test is given. @returns its number */
export async function lastingPort(): Promise<number> {
  const worker = Number(process.env.VITEST_POOL_ID ?? 0) % WORKERS;
  for (let tried = 0; tried < PER_WORKER; tried += 1) {
    next = (next + 1) % PER_WORKER;
    const port = FIRST + worker * PER_WORKER + next;
    if (await isFree(port)) return port;
  }
  throw new Error(`no port is free from ${FIRST} on`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
