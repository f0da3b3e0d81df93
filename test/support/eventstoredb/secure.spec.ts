import {
  AccessDeniedError,
  EventStoreDBClient,
  jsonEvent,
  NO_STREAM,
  START,
  streamNameFilter,
} from '@eventstore/db-client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { StandIn } from './stand-in.js';
import { collect, contents, event, failureOf, freshStream } from './test-server.js';

/** The rows on TLS and access of "When things break" in design/eventstoredb-facts.md. */
describe('TLS and access', () => {
  let standIn: StandIn;
  const clients: EventStoreDBClient[] = [];
  beforeAll(async () => {
    standIn = await StandIn.start({ tls: true });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.dispose();
  });
  afterAll(() => standIn.close());

  function clientOf(connectionString: string): EventStoreDBClient {
    const client = EventStoreDBClient.connectionString(connectionString);
    clients.push(client);
    return client;
  }
  const as = (user: string | undefined) => clientOf(standIn.connectionStringWith({ user }));

  test('TLS with `tlsCAFile` and user:password works, `$all` included, by IP and by name', async () => {
    const stream = freshStream();
    await as('admin:changeit').appendToStream(stream, event({ n: 1 }), { expectedRevision: NO_STREAM });
    const byName = clientOf(standIn.connectionString.replace('127.0.0.1', 'localhost'));
    expect(await contents(byName.readStream(stream))).toEqual([[0n, { n: 1 }]]);
    expect((await collect(byName.readAll())).length).toBeGreaterThan(0);
  });

  test('a certificate that cannot be verified: gRPC 14 with the reason', async () => {
    const trusting = clientOf(`esdb://127.0.0.1:${standIn.node.port}?tls=true`);
    const failure = await failureOf(trusting.appendToStream('s', event()));
    expect(failure).toMatchObject({ code: 14 });
    expect(failure.message).toContain('self-signed certificate');
  });

  test('TLS off against a TLS server: gRPC 14', async () => {
    const plain = clientOf(`esdb://127.0.0.1:${standIn.node.port}?tls=false`);
    expect(await failureOf(plain.appendToStream('s', event()))).toMatchObject({ code: 14 });
  });

  test('`tlsVerifyCert=false` prints a warning and has no effect', async () => {
    const [warn, warnings] = [console.warn, [] as unknown[]];
    console.warn = (...text: unknown[]) => warnings.push(...text);
    const client = clientOf(`esdb://127.0.0.1:${standIn.node.port}?tls=true&tlsVerifyCert=false`);
    console.warn = warn;
    expect(warnings.join()).toContain('tlsVerifyCert');
    expect(await failureOf(client.appendToStream('s', event()))).toMatchObject({ code: 14 });
  });

  test('a missing CA file is thrown by `connectionString()`', () => {
    const missing = `esdb://127.0.0.1:${standIn.node.port}?tls=true&tlsCAFile=/nowhere/ca.pem`;
    expect(() => EventStoreDBClient.connectionString(missing)).toThrow('certificate file');
  });

  test.each(['admin:wrong', 'nobody:changeit', 'constructor:changeit'])('wrong password %s: gRPC 16', async (user) => {
    const appended = await failureOf(as(user).appendToStream('s', event()));
    expect(appended).toMatchObject({ constructor: AccessDeniedError, code: 16 });
    const read = await failureOf(collect(as(user).readStream('s')));
    expect(read).toMatchObject({ constructor: AccessDeniedError, code: 16 });
  });

  test('no credentials: appends and stream reads succeed, `$all` is refused with gRPC 7', async () => {
    const [stranger, stream] = [as(undefined), freshStream()];
    expect(await stranger.appendToStream(stream, event({ n: 1 }))).toMatchObject({ success: true });
    expect(await contents(stranger.readStream(stream))).toEqual([[0n, { n: 1 }]]);
    const refused = await failureOf(collect(stranger.readAll()));
    expect(refused).toMatchObject({ constructor: AccessDeniedError, code: 7 });
    const filter = streamNameFilter({ prefixes: [stream] });
    const subscribed = await failureOf(collect(stranger.subscribeToAll({ fromPosition: START, filter })));
    expect(subscribed).toMatchObject({ constructor: AccessDeniedError, code: 7 });
    expect(await failureOf(stranger.appendToStream('$system', event()))).toBeInstanceOf(AccessDeniedError);
  });

  test("a stream's own access list holds, for reading, writing, deleting and its settings", async () => {
    const [admin, stranger, ops, stream] = [as('admin:changeit'), as(undefined), as('ops:changeit'), freshStream()];
    await admin.appendToStream(stream, event());
    const [admins, both] = [['$admins'], ['$admins', '$ops']];
    const rest = { deleteRoles: admins, metaReadRoles: admins, metaWriteRoles: admins };
    await admin.setStreamMetadata(stream, { acl: { readRoles: both, writeRoles: admins, ...rest } });
    expect(await contents(ops.readStream(stream))).toHaveLength(1);
    for (const client of [ops, stranger]) {
      expect(await failureOf(client.appendToStream(stream, event()))).toBeInstanceOf(AccessDeniedError);
      expect(await failureOf(client.deleteStream(stream))).toBeInstanceOf(AccessDeniedError);
      expect(await failureOf(client.setStreamMetadata(stream, {}))).toBeInstanceOf(AccessDeniedError);
    }
    expect(await failureOf(collect(stranger.readStream(stream)))).toMatchObject({ code: 7 });
    await admin.deleteStream(stream);
  });

  test('the default access list in `$settings` shuts strangers out', async () => {
    const [admin, stranger, stream] = [as('admin:changeit'), as(undefined), freshStream()];
    await admin.appendToStream(stream, event());
    const everything = { $r: '$admins', $w: '$admins', $d: '$admins', $mr: '$admins', $mw: '$admins' };
    const rules = jsonEvent({ type: 'update-default-acl', data: { $userStreamAcl: everything } });
    await admin.appendToStream('$settings', rules);
    expect(await failureOf(stranger.appendToStream(stream, event()))).toBeInstanceOf(AccessDeniedError);
    expect(await failureOf(collect(stranger.readStream(stream)))).toMatchObject({ code: 7 });
    expect(await contents(admin.readStream(stream))).toHaveLength(1);
  });

  test('a stand-in may be started with strangers shut out', async () => {
    const closed = await StandIn.start({ tls: true, access: 'closed' });
    const admin = EventStoreDBClient.connectionString(closed.connectionString);
    const stranger = EventStoreDBClient.connectionString(closed.connectionStringWith({ user: undefined }));
    expect(await failureOf(stranger.appendToStream('s', event()))).toBeInstanceOf(AccessDeniedError);
    expect(await failureOf(collect(stranger.readStream('s')))).toBeInstanceOf(AccessDeniedError);
    expect(await admin.appendToStream('s', event())).toMatchObject({ success: true });
    await stranger.dispose();
    await admin.dispose();
    await closed.close();
  });
});
