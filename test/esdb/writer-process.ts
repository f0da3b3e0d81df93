/**
 * A process that commits one unit on the given streams and says so, to be killed meanwhile by a test.
 * Arguments: connection string, instance, names of streams.
 */
import { openLedger, unitOn } from './tools.js';

const [connectionString = '', instance = '', ...names] = process.argv.slice(2);
const { store, stream } = await openLedger(connectionString, { instance, callTimeoutMs: 60_000 });
console.log('committing');
await store.commit(unitOn(names.map(stream), 'the killed process'));
console.log('committed');
