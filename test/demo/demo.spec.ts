import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseAmount } from '@florin/encoding';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningExchange, startExchange } from '../support/exchange.js';

/* `npm run demo` as a program: it ends well against the exchange as it ships, and only then. */

const PROGRAM = fileURLToPath(new URL('./main.js', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function runDemo(environment: Readonly<Record<string, string>>, ...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: { ...process.env, FLORIN_DATA: '/nowhere', FLORIN_URL: '', FLORIN_BANK_URL: '', ...environment },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })));
}

let exchange: RunningExchange;
const proxies: Server[] = [];
beforeAll(async () => {
  exchange = await startExchange({ onTestServer: true });
});
afterAll(async () => {
  for (const proxy of proxies) proxy.close();
  await exchange?.stop();
  exchange?.remove();
});

/** The exchange, seen through somebody who changes its answers. @returns its URL */
async function throughLiar(lie: (path: string, body: string) => string): Promise<string> {
  const proxy = createServer((request, response) => {
    const pass = async (): Promise<void> => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { method = 'GET', url: path = '/', headers } = request;
      const body = method === 'POST' ? { body: Buffer.concat(chunks) } : {};
      const proofs = Object.entries(headers).filter(([name]) => name.startsWith('taler-')) as [string, string][];
      const reply = await fetch(new URL(path, exchange.baseUrl), { method, headers: proofs, ...body });
      response.writeHead(reply.status, { 'Content-Type': 'application/json' });
      response.end(reply.status === 204 ? undefined : lie(path, await reply.text()));
    };
    pass().catch(() => response.destroy());
  });
  proxies.push(proxy);
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/`;
}

test('tells the whole story, which is what stands in the log, and ends with 0', async () => {
  const before = countsOf(await eventsOf(exchange));
  const { code, stdout, stderr } = await runDemo({ FLORIN_DATA: exchange.data });
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/All is well: \d+ checks and \d+ signatures/);
  expect(stdout).not.toContain('SKIPPED');
  const told = [...stdout.matchAll(/in the log of the exchange: ([A-Za-z, \n]+?)\n(?= {3}→|\n)/g)].flatMap(
    ([, names = '']) => names.split(',').map((name) => name.trim()),
  );
  const written = async (): Promise<Map<string, number>> => {
    const counts = countsOf(await eventsOf(exchange));
    for (const [name, count] of before) counts.set(name, (counts.get(name) ?? 0) - count);
    return new Map([...counts].filter(([, count]) => count > 0));
  };
  // On a server the head comes within a second.
  await expect.poll(written, { timeout: 60_000 }).toEqual(countsOf(told.filter(isTold)));
  for (const name of ['PurseMergedIntoReserve', 'CoinRefundedFromPurse', 'CoinsRecouped', 'ReserveClosed']) {
    expect(told).toContain(name);
  }
});

test('accounts for every unit, for machines too; an exchange elsewhere is not asked to revoke anything', async () => {
  const { baseUrl, bankUrl } = exchange;
  const { code, stdout } = await runDemo(
    { FLORIN_URL: baseUrl, FLORIN_BANK_URL: bankUrl },
    '--json',
    '--amount',
    'KUDOS:9',
  );
  const { ok, books, sharedBooks, skipped, coins, signaturesVerified, steps } = JSON.parse(stdout);
  expect([code, ok]).toEqual([0, true]);
  const units = (text: string): bigint => parseAmount(text, 'KUDOS').units;
  const sumOf = (from: Record<string, string>, ...names: string[]) =>
    names.reduce((sum, name) => sum + units(from[name] ?? ''), 0n);
  expect(sumOf(books, 'coins', 'withdrawFees', 'closingFee', 'wired', 'dust')).toBe(units(books.funded));
  expect(sumOf(sharedBooks, 'reserves', 'coins', 'fees')).toBe(units(sharedBooks.funded));
  expect(signaturesVerified).toBeGreaterThan(2 * coins);
  expect(steps).toHaveLength(21);
  expect(skipped).toEqual([
    { title: expect.stringContaining('revoked'), reason: expect.stringContaining('is remote') },
  ]);
  expect(stdout).not.toContain(exchange.adminCredential);
});

test.each<[string, (path: string, body: string) => string, RegExp]>([
  ['more is promised than arrives', wireAmount('KUDOS:29'), /ReserveClosed|does not hold: what arrived/],
  [
    'a balance is wrong',
    (path, body) => (isReserve(path) ? body.replace('KUDOS:30', 'KUDOS:31') : body),
    /does not hold/,
  ],
  [
    'a key is another',
    (path, body) => (path === '/keys' ? body.replace('"value":"KUDOS:5"', '"value":"KUDOS:6"') : body),
    /keys\.denom/,
  ],
  [
    'a signature is another',
    (_path, body) => body.replace(/("blinded_rsa_signature":")(.)/, otherCharacter),
    /ev_sigs|does not unblind/,
  ],
  ['a history is another', (_path, body) => body.replace('"type":"CREDIT"', '"type":"GIFT"'), /no entry is known/],
  [
    'a merge pays less',
    (_path, body) => body.replace('"merge_amount":"KUDOS:3"', '"merge_amount":"KUDOS:2"'),
    /agreed/,
  ],
  [
    'a contract is another',
    (_path, body) => body.replace(/("econtract":".)(.)/, otherCharacter),
    /contract\.econtract_sig/,
  ],
  [
    'a purse is full that is not',
    (_path, body) => body.replace('"deposit_timestamp"', '"paid"'),
    /purse\.exchange_sig/,
  ],
  [
    'a coin is charged more',
    (_path, body) => body.replace('"type":"PURSE-REFUND","amount":"KUDOS:', '$&9'),
    /exchange_sig/,
  ],
])('fails with 1 when %s', async (_name, lie, reason) => {
  const FLORIN_URL = await throughLiar(lie);
  const { code, stderr } = await runDemo({ FLORIN_URL, FLORIN_BANK_URL: exchange.bankUrl });
  expect(stderr).toMatch(reason);
  expect(code).toBe(1);
});

test('says what to do when there is no exchange', async () => {
  const { code, stderr } = await runDemo({ FLORIN_URL: 'http://127.0.0.1:1/' });
  expect(stderr).toContain('Start it with: npm start');
  expect(code).toBe(1);
});

test('explains itself', async () => {
  expect(await runDemo({}, '--help')).toMatchObject({ code: 0, stdout: expect.stringContaining('npm run demo') });
  expect(await runDemo({}, '--halp')).toMatchObject({ code: 2, stderr: expect.stringContaining('--halp') });
});

/** Types of all events that the signed head covers, from the feed for auditors: every store has it. */
async function eventsOf({ baseUrl, auditorCredential }: RunningExchange): Promise<string[]> {
  const reply = await fetch(`${baseUrl}log/events`, { headers: { Authorization: `Bearer ${auditorCredential}` } });
  const lines = (await reply.text()).trim().split('\n');
  return lines.map((line): string => JSON.parse(line).t ?? '').filter(isTold);
}

/** What happens to money and coins. Limits of the law count beside it, keys are offered whenever they are due. */
const isTold = (type: string): boolean =>
  /^(Credit|Reserve|Purse|Coin|Nonce|Transfer|Requested|DenominationRevoked)/.test(type);

function countsOf(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/** For `replace`: the second group is one character of base32, and becomes another one. */
const otherCharacter = (_: string, before: string, character: string): string =>
  `${before}${character === 'Z' ? 'Y' : 'Z'}`;

const isReserve = (path: string): boolean => /^\/reserves\/[0-9A-Z]{52}(\?|$)/.test(path);

function wireAmount(amount: string) {
  return (path: string, body: string) => (path.endsWith('/close') ? JSON.stringify({ wire_amount: amount }) : body);
}
