import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { START } from '@florin/event-store';
import { expect, onTestFinished, test } from 'vitest';
import { defaultUsers } from '../support/eventstoredb/access.js';
import { StandIn } from '../support/eventstoredb/stand-in.js';
import { all, openLedger, SHORT, unitOn } from './tools.js';

/** A server with an account that may read everything and write nothing. */
async function serverWithAuditor(): Promise<StandIn> {
  const users = { ...defaultUsers, auditor: { password: 'secret', groups: [] } };
  const standIn = await StandIn.start({ tls: true, users });
  onTestFinished(() => standIn.close());
  const readers = ['$admins', 'auditor'];
  const list = { $r: readers, $w: '$admins', $d: '$admins', $mr: readers, $mw: '$admins' };
  const admin = EventStoreDBClient.connectionString(standIn.connectionString);
  const data = { $userStreamAcl: list, $systemStreamAcl: list };
  await admin.appendToStream('$settings', jsonEvent({ type: 'update-default-acl', data }));
  await admin.dispose();
  return standIn;
}

test('who may only read sees what is committed, writes nothing, and leaves what is undecided to others', async () => {
  const standIn = await serverWithAuditor();
  const node = await openLedger(standIn.connectionString);
  const { instance } = node;
  const streams = ['coin-A', 'reserve-A'].map(node.stream);
  await node.store.commit(unitOn(streams, 'node'));
  await node.store.close();
  const crashing = await openLedger(standIn.connectionString, { ...SHORT, commitTimeoutMs: 1_500, instance });
  standIn.faults.add({ kind: 'drop', stream: node.stream('reserve-B'), times: Number.POSITIVE_INFINITY });
  const [coin, reserve] = ['coin-B', 'reserve-B'].map(node.stream) as [string, string];
  await expect(crashing.store.commit(unitOn([coin, reserve], 'crashed'))).rejects.toThrow('not settled');
  await crashing.store.close();
  standIn.faults.clear();

  const before = standIn.log.length;
  const connection = standIn.connectionStringWith({ user: 'auditor:secret' });
  const auditor = await openLedger(connection, { instance, readOnly: true, leaseMs: 0 });
  onTestFinished(() => auditor.store.close());
  const events = (await all(auditor.store.readAll(START))).flatMap((unit) => unit.events);
  expect(events.map(({ stream }) => stream)).toEqual(streams);
  await expect(auditor.store.commit(unitOn([coin], 'auditor'))).rejects.toThrow('read only');
  const undecided = auditor.store.readStream(coin);
  expect(standIn.log.length).toBe(before);

  const other = await openLedger(standIn.connectionString, { instance });
  onTestFinished(() => other.store.close());
  expect(await undecided).toMatchObject({ events: [], complete: true });
  expect(auditor.damage).toEqual([]);
});
