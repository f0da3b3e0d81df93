/**
 * A process that holds a lease as long as it can, and says so. Ends by itself when its input does.
 * Arguments: connection string, instance, job, expiry in milliseconds.
 */
import { openLedger } from './tools.js';

const [connectionString = '', instance = '', job = '', expiryMs = ''] = process.argv.slice(2);
const { store } = await openLedger(connectionString, { instance });
const end = new AbortController();
process.stdin.on('end', () => end.abort()).resume();
await store.leases(Number(expiryMs)).whileHeld(job, end.signal, async (held) => {
  console.log('held');
  await new Promise((resolve) => held.addEventListener('abort', resolve));
  console.log('over');
});
await store.close();
