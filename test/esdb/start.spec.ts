import { checkServer, START, StoreMisconfigured, StoreUnavailable } from '@florin/event-store';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { StandIn } from '../support/eventstoredb/stand-in.js';
import { until } from '../support/eventstoredb/test-server.js';
import { all, Following, freshInstance, openLedger, unitOn } from './tools.js';

/** However busy the machine is, unless it is about a server that does not answer. */
const check = (connectionString: string, callTimeoutMs = 20_000) =>
  checkServer({ connectionString, instance: freshInstance(), callTimeoutMs });

describe('the checks at the start', () => {
  let plain: StandIn;
  let open: StandIn;
  let closed: StandIn;
  beforeAll(async () => {
    plain = await StandIn.start();
    open = await StandIn.start({ tls: true });
    closed = await StandIn.start({ tls: true, access: 'closed' });
  });
  afterAll(async () => {
    for (const standIn of [plain, open, closed]) await standIn.close();
  });

  async function refusal(connectionString: string): Promise<string> {
    const refused = await check(connectionString).then(
      () => new Error('it was taken'),
      (error: Error) => error,
    );
    expect(refused).toBeInstanceOf(StoreMisconfigured);
    return refused.message;
  }

  test('take a server without TLS, and say what it is', async () => {
    expect(await check(plain.connectionString)).toEqual({ version: expect.stringMatching(/^22\.10/), isSecure: false });
  });

  test('take a server with TLS that shuts strangers out', async () => {
    expect(await check(closed.connectionString)).toMatchObject({ isSecure: true });
    const { store, stream } = await openLedger(closed.connectionString);
    const { position } = await store.commit(unitOn([stream('coin-A'), stream('reserve-R')], 'us'));
    expect((await all(store.readAll(START))).map((unit) => unit.position)).toEqual([position]);
    await store.close();
  });

  test('take a later version, which says when a subscription has caught up', async () => {
    const later = await StandIn.start({ version: '23.10' });
    expect(await check(later.connectionString)).toMatchObject({ version: expect.stringMatching(/^23\.10/) });
    const { store, stream } = await openLedger(later.connectionString);
    const following = new Following(store, START);
    for (const name of ['A', 'B', 'C'])
      await store.commit(unitOn([stream(`coin-${name}`), stream(`reserve-${name}`)], name));
    await until(() => following.units.length >= 3);
    await following.stop();
    expect(following.units).toEqual(await all(store.readAll(START)));
    await store.close();
    await later.close();
  });

  test('refuse a server on which strangers can write, and leave nothing there', async () => {
    const events = open.log.length;
    expect(await refusal(open.connectionString)).toContain('without a password');
    expect(open.log.length).toBe(events);
    const cluster = await StandIn.start({ tls: true, nodes: 3 });
    for (const node of [0, 1, 2]) expect(await refusal(cluster.connectionStringWith({ node }))).toContain('password');
    await cluster.close();
  });

  test('refuse a connection string without name and password for a server with TLS', async () => {
    expect(await refusal(closed.connectionStringWith({ user: undefined }))).toMatch(/name and password|may not read/);
  });

  test('refuse a wrong password, and a user who may not read everything', async () => {
    expect(await refusal(closed.connectionStringWith({ user: 'admin:wrong' }))).toContain('does not know the user');
    expect(await refusal(closed.connectionStringWith({ user: 'ops:changeit' }))).toContain('may not read');
  });

  test('refuse TLS that does not fit: no trust, none spoken, none asked for', async () => {
    const [untrusted, none] = [closed.node.port, plain.node.port];
    expect(await refusal(`esdb://admin:changeit@127.0.0.1:${untrusted}?tls=true`)).toContain('TLS does not work');
    expect(await refusal(`esdb://admin:changeit@127.0.0.1:${none}?tls=true`)).toContain('TLS does not work');
    expect(await refusal(`esdb://127.0.0.1:${untrusted}?tls=false`)).toContain('speaks TLS');
    expect(await refusal(`esdb://127.0.0.1:${untrusted},127.0.0.1:${untrusted}?tls=false`)).toContain('speaks TLS');
  });

  test('refuse what is no connection string, and a certificate that is not there', async () => {
    expect(await refusal('http://127.0.0.1:2113')).toContain('connection string');
    expect(await refusal(`esdb://127.0.0.1:${plain.node.port}?tls=true&tlsCAFile=/nowhere.pem`)).toContain('not found');
  });

  test('tell an outage from a mistake', async () => {
    const gone = await StandIn.start();
    const { connectionString } = gone;
    await gone.close();
    await expect(check(connectionString)).rejects.toBeInstanceOf(StoreUnavailable);
    const mute = await StandIn.start();
    mute.node.suspend();
    await expect(check(mute.connectionString, 1_000)).rejects.toBeInstanceOf(StoreUnavailable);
    mute.node.resume();
    await mute.close();
  });
});
