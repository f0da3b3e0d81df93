import { readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { EventStoreDBClient } from '@eventstore/db-client';
import { encodeBase32 } from '@florin/encoding';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newPlanchets, withdraw } from '../e2e/support/coins.js';
import { expectOk, patiently, type Reply, send } from '../e2e/support/http.js';
import { type Offers, readOffers } from '../e2e/support/offers.js';
import { eventually, fundedReserve } from '../e2e/support/reserves.js';
import { StandIn, type StandInOptions } from '../support/eventstoredb/stand-in.js';
import { type Settings, smallKeys, startExchange } from '../support/exchange.js';
import { Load } from './load.js';
import { type Node, Site } from './site.js';

let standIn: StandIn;
let site: Site;
const node = (index: number): Node => site.nodes[index] as Node;

async function begin(options: StandInOptions, ...names: string[]): Promise<void> {
  standIn = await StandIn.start(options);
  site = await Site.start(standIn.connectionString, ...names);
}

afterEach(async () => {
  await site?.close();
  await standIn?.close();
});

/** How the process ended. */
const endOf = ({ process }: Node): Promise<number | null> =>
  new Promise((resolve) => process.once('close', (code) => resolve(code)));

describe('a cluster of three with TLS, under two nodes', () => {
  test('whose leader is killed puts requests off, loses and doubles nothing, and is served again', async () => {
    await begin({ nodes: 3, tls: true, access: 'closed', electionMs: 2_000 }, 'a', 'b');
    const load = await Load.while(site, async (running) => {
      await running.more(20);
      const { leader } = standIn;
      await leader?.kill();
      await running.more(20);
      expect(standIn.leader).not.toBe(leader);
      await leader?.start();
      await standIn.leader?.kill();
      await running.more(20);
    });
    load.expectPutOffOnly();
    for (const { log } of site.nodes) expect(log()).not.toMatch(/"level":60/);
  });
});

describe('a node', () => {
  let offers: Offers;
  beforeEach(async () => {
    await begin({}, 'a');
    offers = await readOffers(node(0).baseUrl);
  });

  /** Asks for a signature that needs nothing from the store. */
  const askForR = (): Promise<Reply> =>
    send(`${node(0).baseUrl}csr-withdraw`, {
      json: {
        nonce: encodeBase32(new Uint8Array(32).fill(7)),
        denom_pub_hash: offers.of('1', { cipher: 'CS' }).hash,
      },
    });

  test('that cannot confirm its view of the keys stops signing, and goes on when it can', async () => {
    expectOk(await patiently(askForR));
    standIn.node.suspend();
    const refused = await eventually(async () => {
      const reply = await askForR();
      return reply.status === 200 ? undefined : reply;
    });
    expect(refused.json.code).toBe(1007);
    standIn.node.resume();
    await eventually(async () => ((await askForR()).status === 200 ? true : undefined));
    const reserve = await fundedReserve(node(0), '1');
    const planchets = newPlanchets(offers, '0.1');
    expectOk(await patiently(() => withdraw(node(0).baseUrl, reserve, planchets)));
  });

  test('that lacks an offered key is not ready until it has it', async () => {
    const keys = site.copyOfKeys();
    const denominations = join(keys, 'denominations');
    const [name = ''] = readdirSync(denominations);
    renameSync(join(denominations, name), join(keys, `${name}.away`));
    let isReady = false;
    const logged: string[] = [];
    const onLog = (text: string): number => logged.push(text);
    const starting = site.startNode('b', { keys, onLog }).then((started) => {
      isReady = true;
      return started;
    });
    const isTold = async () =>
      logged.join('').includes('offered keys are not in the key folder') || isReady || undefined;
    await Promise.race([starting, eventually(isTold)]);
    expect(logged.join('')).toContain(name.replace('.json', ''));
    expect(isReady).toBe(false);
    renameSync(join(keys, `${name}.away`), join(denominations, name));
    const started = await starting;
    expectOk(await patiently(() => send(`${started.baseUrl}keys`)));
  });

  test('does not share its data folder with another process', async () => {
    const { data } = node(0);
    const second = startExchange({ data, configure: (settings) => site.configure(settings, site.keys), env: site.env });
    await expect(second).rejects.toThrow(/ended with 70[\s\S]*is in use by process/);
    expect((await fundedReserve(node(0), '1')).pub).toBeTruthy();
  });

  test('stops in order although the store does not answer', async () => {
    const reserve = await fundedReserve(node(0), '1');
    standIn.node.suspend();
    const asked = withdraw(node(0).baseUrl, reserve, newPlanchets(offers, '0.1'));
    expect(await node(0).stop()).toBe(0);
    const answer = await asked.catch(() => undefined);
    expect([503, undefined]).toContain(answer?.status);
    standIn.node.resume();
  });

  test('stops rather than serve a ledger whose stream was deleted, and does not start on it again', async () => {
    const reserve = await fundedReserve(node(0), '1');
    const client = EventStoreDBClient.connectionString(standIn.connectionString);
    const ended = endOf(node(0));
    await client.deleteStream(`${site.instance}.reserve-${reserve.pub}`);
    await client.dispose();
    expect(await ended).toBe(70);
    expect(node(0).log()).toContain('the ledger is damaged');
    await expect(site.startNode('a')).rejects.toThrow(/ended with 70/);
  });
});

describe('the start', () => {
  const refusalOf = async (store: string): Promise<string> => {
    const configure = (settings: Settings): void => {
      smallKeys(settings);
      settings.storePatience = '0 seconds';
    };
    const started = startExchange({ configure, env: { FLORIN_STORE: store } });
    return started.then(
      async (exchange) => {
        await exchange.kill();
        exchange.remove();
        return 'it started';
      },
      (error: Error) => error.message,
    );
  };

  test('tells what has to be changed (78) from what may pass (70), and shows no password', async () => {
    standIn = await StandIn.start({ tls: true });
    const open = await refusalOf(standIn.connectionString);
    expect(open).toMatch(/ended with 78:[\s\S]*store: .*without a password/);
    const wrong = await refusalOf(standIn.connectionStringWith({ user: 'admin:not-the-password' }));
    expect(wrong).toMatch(/ended with 78:[\s\S]*does not know the user/);
    expect(wrong).not.toContain('not-the-password');
    const gone = await StandIn.start();
    const store = gone.connectionStringWith({ user: 'admin:changeit' });
    await gone.close();
    const away = await refusalOf(store);
    expect(away).toMatch(/ended with 70:/);
    expect(away).not.toContain('changeit');
  });

  test('waits for a server that is away, and says so', async () => {
    standIn = await StandIn.start();
    await standIn.node.kill();
    let logged = '';
    let isBack: Promise<void> | undefined;
    const onLog = (text: string): void => {
      logged += text;
      if (logged.includes('the start waits for the event store')) isBack ??= standIn.node.start();
    };
    const exchange = await startExchange({ onLog, env: { FLORIN_STORE: standIn.connectionString } });
    await isBack;
    expectOk(await patiently(() => send(`${exchange.baseUrl}keys`)));
    expect(await exchange.stop()).toBe(0);
    exchange.remove();
  });
});
