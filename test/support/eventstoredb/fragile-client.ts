import { once } from 'node:events';
import { EventStoreDBClient, type JSONEventType, jsonEvent } from '@eventstore/db-client';

/**
 * A program that dies of the client library, run as a child process by the tests:
 * `bigint`: an event with a BigInt in its data (facts, Appending);
 * `two-clients`: two clients in one process, the connection of one of them breaking while the other's append is under
 * way. The library keeps all unanswered appends of a process in one table and clears it when any batch stream breaks;
 * the answer to the other client's append then finds no entry and throws inside an event handler.
 */
const [mode, connectionString = '', other = ''] = process.argv.slice(2);
const client = EventStoreDBClient.connectionString(connectionString);
const event = (data: Record<string, unknown>) =>
  jsonEvent<JSONEventType<string, Record<string, unknown>>>({ type: 'Tested', data });
const report = (name: string) => (error: Error) => console.log(`${name}: ${error.constructor.name}`);

if (mode === 'bigint') {
  await client.appendToStream('fragile', event({ n: 1n })).catch(report('caught'));
} else {
  const second = EventStoreDBClient.connectionString(other);
  await Promise.all([client.appendToStream('one', event({})), second.appendToStream('other', event({}))]);
  console.log('ready');
  await once(process.stdin, 'data');
  await Promise.all([
    client.appendToStream('one', event({})).catch(report('one')),
    second.appendToStream('other', event({})).catch(report('other')),
  ]);
  setTimeout(() => process.exit(0), 10_000);
}
