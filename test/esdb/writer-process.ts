/**
 * A process that commits one unit on the given streams and says so, to be killed meanwhile by a test.
 * Arguments: connection string, instance, names of streams.
 */
import { openLedger, unitOn } from './tools.js';

const [connectionString = '', instance = '', ...names] = process.argv.slice(2);
/** It is killed before any of these times is over: it neither asks again nor fills its own slot. */
const NEVER = { callTimeoutMs: 600_000, leaseMs: 600_000, commitTimeoutMs: 600_000 };
const { store, stream } = await openLedger(connectionString, { instance, ...NEVER });
console.log('committing');
await store.commit(unitOn(names.map(stream), 'the killed process'));
console.log('committed');
