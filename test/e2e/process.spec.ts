import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { isFitForProduction } from '../support/configured-store.js';
import { type ExchangeOptions, type RunningExchange, smallKeys, startExchange } from '../support/exchange.js';
import { newPlanchets, type Planchet, withdraw } from './support/coins.js';
import { expectOk, expectRefusal, type Reply, send } from './support/http.js';
import { readOffers } from './support/offers.js';
import { balanceOf, fundedReserve } from './support/reserves.js';

// The exchange as a process: how it starts, what it leaves on the disk for whom, how it ends.
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A data folder that anybody could look into, as somebody's `mkdir` makes it. */
function openFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'florin-test-'));
  chmodSync(folder, 0o755);
  folders.push(folder);
  return folder;
}

async function refusedStart(options: ExchangeOptions): Promise<string> {
  try {
    await (await startExchange(options)).stop();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it started');
}

const inEuros: ExchangeOptions['configure'] = (settings) => {
  smallKeys(settings);
  Object.assign(settings, JSON.parse(JSON.stringify(settings).replaceAll('KUDOS', 'EUR')));
};

/** Undefined if it is gone by now: a running exchange writes files anew beside the old ones. */
function mode(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && (found.mode & 0o777).toString(8);
}

describe('the start', () => {
  test('is refused over a wrong setting, with name, value and what is allowed, before anything is made', async () => {
    const data = openFolder();
    const configure: ExchangeOptions['configure'] = (settings) => {
      settings.roundUnit = 'EUR:1';
    };
    const refusal = await refusedStart({ data, configure });
    expect(refusal).toMatch(
      /^the exchange ended with 78:\s+florin: roundUnit is "EUR:1"; allowed: an amount, as KUDOS:1.50$/m,
    );
    expect(readdirSync(data)).toEqual(['config.yaml']);
    expect(await refusedStart({ data, env: { FLORIN_PORT: '70000' } })).toContain('FLORIN_PORT is "70000"; allowed: ');
    expect(await refusedStart({ data, env: { FLORIN_CONFIG: join(data, 'none.yaml') } })).toContain(
      'none.yaml cannot be read',
    );
  });

  test('is refused on a port that is taken', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    for (const name of ['FLORIN_PORT', 'FLORIN_BANK_PORT']) {
      const refusal = await refusedStart({ data: openFolder(), env: { [name]: String(port) } });
      expect(refusal).toMatch(/ended with 70/);
      expect(refusal).toContain(`127.0.0.1:${port}`);
    }
    await new Promise((resolve) => server.close(resolve));
  });
});

// Where the ledger is in the data folder, too: on the embedded store.
describe('what lies on the disk', () => {
  test("is its owner's alone and one process's at a time; the run file says where; keys keep a ledger", async () => {
    const data = openFolder();
    const exchange = await startExchange({ data });
    await fundedReserve(exchange, '5');
    const run = JSON.parse(readFileSync(join(data, 'run.json'), 'utf8')) as Record<string, unknown>;
    expect(run).toEqual({
      pid: exchange.process.pid,
      exchange: exchange.baseUrl,
      admin: exchange.adminUrl,
      bank: exchange.bankUrl,
      adminCredential: join(data, 'admin-credential'),
      metricsCredential: join(data, 'metrics-credential'),
      auditorCredential: join(data, 'auditor-credential'),
      ports: { ...exchange.ports, admin: Number(new URL(exchange.adminUrl).port) },
    });
    for (const name of ['admin', 'metrics', 'auditor']) {
      expect(readFileSync(join(data, `${name}-credential`), 'utf8')).toMatch(/^[0-9A-Z]{52}\n$/);
    }
    const files = readdirSync(data, { recursive: true, withFileTypes: true })
      .filter(({ name }) => name !== 'config.yaml')
      .map((entry) => ({ path: join(entry.parentPath, entry.name), isFolder: entry.isDirectory() }));
    expect(files.map(({ path }) => path)).toEqual(
      expect.arrayContaining([join(data, 'events.db'), join(data, 'run.json')]),
    );
    for (const { path, isFolder } of files) {
      const found = mode(path);
      if (found !== undefined) expect([path, found]).toEqual([path, isFolder ? '700' : '600']);
    }

    expect(await refusedStart({ data })).toMatch(/ended with 70/);
    expectOk(await send(`${exchange.baseUrl}keys`));
    exchange.process.kill('SIGINT');
    expect(await exchange.stop()).toBe(0);
    expect(existsSync(join(data, 'run.json'))).toBe(false);

    // First the development bank notices it, then the ledger.
    for (const noticed of [/currency: .* kept in KUDOS/, /currency is EUR; allowed: KUDOS, in which the ledger/]) {
      const refusal = await refusedStart({ data, configure: inEuros });
      expect(refusal).toMatch(/ended with 78:/);
      expect(refusal).toMatch(noticed);
      rmSync(join(data, 'bank'), { recursive: true });
    }

    for (const file of ['events.db', 'heads']) rmSync(join(data, file), { force: true });
    expect(await refusedStart({ data })).toMatch(/ended with 78:.*the key folder .* belongs to the ledger/s);
  });
});

describe('production', () => {
  const production: ExchangeOptions['configure'] = (settings) => {
    smallKeys(settings);
    delete settings.developmentBank;
    for (const denomination of settings.denominations) delete denomination.bits;
    Object.assign(settings, {
      mode: 'production',
      baseUrl: 'https://exchange.example.com/',
      masterPub: '4Y7ANEYXW7M5ZHGJ91WX2W9F8HTJFFP9YJXY5VS288N2Z2NA43PG',
      wireAccounts: [
        {
          name: 'main',
          payto: 'payto://iban/DE75512108001245126199?receiver-name=Exchange',
          gateway: 'https://127.0.0.1:9/gateway/',
          username: 'exchange',
          password: 'not to be seen anywhere',
        },
      ],
    });
  };

  test('starts without keys that nobody signed, and says so', async () => {
    const data = openFolder();
    const exchange = await startExchange({ onTestServer: isFitForProduction, data, configure: production });
    const local = `http://127.0.0.1:${exchange.ports.exchange}/`;
    expect(exchange.baseUrl).toBe('https://exchange.example.com/');
    expectOk(await send(`${local}config`));
    const reply = await send(`${local}keys`);
    expectRefusal(reply, 503, 1007);
    expect(reply.headers['retry-after']).toMatch(/^\d+$/);
    expect(exchange.log()).not.toContain('not to be seen anywhere');
    expect(await exchange.stop()).toBe(0);
    expect(readdirSync(join(data, 'keys'))).not.toContain('master.json');
  });

  test('is refused with what only development may have', async () => {
    const withBank: ExchangeOptions['configure'] = (settings) => {
      production?.(settings);
      settings.developmentBank = { port: 0, account: 'exchange' };
    };
    expect(await refusedStart({ data: openFolder(), configure: withBank })).toMatch(
      /ended with 78:\s+florin: developmentBank is/,
    );
    const data = openFolder();
    mkdirSync(join(data, 'keys'), { mode: 0o700 });
    writeFileSync(join(data, 'keys/master.json'), '{}', { mode: 0o600 });
    expect(await refusedStart({ data, configure: production })).toMatch(/master.json was made for development/);
  });
});

describe('the end', () => {
  test('by SIGTERM under load: 0, and what was acknowledged stays', async () => {
    let exchange: RunningExchange = await startExchange({ onTestServer: true });
    folders.push(exchange.data);
    const { baseUrl } = exchange;
    const offers = await readOffers(baseUrl);
    const reserve = await fundedReserve(exchange, '100');
    const acknowledged = new Map<Planchet, Reply>();
    let ended = false;
    const client = async (): Promise<void> => {
      while (!ended) {
        const [planchet] = newPlanchets(offers, '0.1') as [Planchet];
        const reply = await withdraw(baseUrl, reserve, [planchet]).catch(() => undefined);
        if (reply?.status === 200) acknowledged.set(planchet, reply);
        else if (reply && reply.status !== 503) throw new Error(`${reply.status}: ${reply.text}`);
      }
    };
    const clients = [1, 2, 3, 4].map(client);
    while (acknowledged.size < 20) await new Promise((resolve) => setTimeout(resolve, 20));
    const { adminCredential } = exchange;
    const code = await exchange.stop();
    ended = true;
    await Promise.all(clients);
    expect(code).toBe(0);

    exchange = await startExchange({ data: exchange.data, ports: exchange.ports });
    expect(exchange.adminCredential).not.toBe(adminCredential);
    for (const [planchet, reply] of acknowledged) {
      expect((await withdraw(baseUrl, reserve, [planchet])).text).toBe(reply.text);
    }
    const spent = 10_000_000_000n - (await balanceOf(baseUrl, reserve));
    expect(spent).toBeGreaterThanOrEqual(BigInt(acknowledged.size) * 11_000_000n);
    expect(await exchange.stop()).toBe(0);
  });
});
