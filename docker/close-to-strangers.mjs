// node docker/close-to-strangers.mjs CONNECTION_STRING: sets the default access list of an EventStoreDB server so that
// only administrators read and write streams; by default whoever reaches it can. Repeats until the server has taken it.
import { setTimeout as sleep } from 'node:timers/promises';
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';

const [connectionString = ''] = process.argv.slice(2);
const admins = { $r: '$admins', $w: '$admins', $d: '$admins', $mr: '$admins', $mw: '$admins' };
const data = { $userStreamAcl: admins, $systemStreamAcl: admins };
const TRIES = 60;

for (let attempt = 1; ; attempt += 1) {
  const client = EventStoreDBClient.connectionString(connectionString);
  try {
    await client.appendToStream('$settings', jsonEvent({ type: 'update-default-acl', data }));
    console.log('strangers are shut out');
    process.exit(0);
  } catch (error) {
    console.error(`not yet: ${error.message}`);
    if (attempt === TRIES) process.exit(1);
    await sleep(2_000);
  }
}
