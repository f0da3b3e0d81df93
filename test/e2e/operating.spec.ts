import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TEST_SERVER } from '../support/configured-store.js';
import { compared, undescribed } from '../support/described.js';
import { type RunningExchange, smallKeys, startExchange } from '../support/exchange.js';
import { newPlanchets, withdraw } from './support/coins.js';
import { expectOk, expectRefusal, type Json, type Reply, send, sendBytes } from './support/http.js';
import { readOffers } from './support/offers.js';
import { create, newCoins, newPurse, termsOf } from './support/purses.js';
import { balanceOf, fundedReserve } from './support/reserves.js';

// What machines ask that run an exchange, and what it does when one client asks too much.
const BURST = 40;
const BODY_BYTES = 65_536;
let exchange: RunningExchange;

beforeAll(async () => {
  exchange = await startExchange({
    onTestServer: true,
    configure: (settings) => {
      smallKeys(settings);
      settings.limits = {
        bodyBytes: BODY_BYTES,
        requestsPerSecond: 1,
        burst: BURST,
        trustedProxies: ['127.0.0.1'],
      };
    },
  });
});
afterAll(async () => {
  expect(await exchange.stop()).toBe(0);
  exchange.remove();
});

const get = (path: string, headers = {}): Promise<Reply> => send(`${exchange.baseUrl}${path}`, { headers });
const from = (address: string) => ({ 'X-Forwarded-For': address });

/** Metrics by name and labels, as `florin_commits_total{outcome="committed"}`. */
async function metrics(): Promise<Map<string, number>> {
  const headers = { Authorization: `Bearer ${exchange.metricsCredential}` };
  const reply = await send(`${exchange.adminUrl}metrics`, { headers });
  expect(reply.status).toBe(200);
  expect(reply.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
  const samples = reply.text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    samples.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

test('an exchange that serves says so', async () => {
  expect(expectOk(await get('healthz'))).toEqual({ alive: true });
  expect(expectOk(await get('readyz'))).toEqual({ ready: true });
});

test('metrics count requests, commits and what is owed, and name no customer', async () => {
  const offers = await readOffers(exchange.baseUrl);
  const reserve = await fundedReserve(exchange, '5');
  const planchets = newPlanchets(offers, '1', '1');
  expectOk(await withdraw(exchange.baseUrl, reserve, planchets));
  const [coin] = await newCoins(exchange, offers, '1');
  if (!coin) throw new Error('no coin');
  const purse = newPurse();
  expectOk(await create(exchange.baseUrl, purse, termsOf('0.99'), [coin]));
  await get('no/such/path');
  // The node that took a command knows of it when it is asked: then the read models do, too.
  const left = (await balanceOf(exchange.baseUrl, reserve)) + (await balanceOf(exchange.baseUrl, coin.reserve));
  const found = await metrics();
  const count = (name: string): number | undefined => found.get(name);
  const route = 'method="POST",route="/reserves/:reserve_pub/batch-withdraw"';
  expect(count(`florin_http_requests_total{${route},status="200"}`)).toBe(2);
  expect(count(`florin_http_request_duration_seconds_count{${route}}`)).toBe(2);
  expect(count('florin_http_requests_total{method="GET",route="none",status="404"}')).toBe(1);
  expect(count('florin_commits_total{outcome="committed"}')).toBeGreaterThanOrEqual(5);
  // On EventStoreDB nothing is grouped here: each append is the server's.
  expect(count('florin_commit_group_units_sum')).toBeGreaterThanOrEqual(TEST_SERVER === undefined ? 5 : 0);
  expect(count('florin_views_lag_events')).toBeGreaterThanOrEqual(0);
  expect(count('florin_signers{state="ready"}')).toBeGreaterThan(0);
  expect(count('florin_signer_jobs')).toBe(0);
  expect(count('florin_ready')).toBe(1);
  expect(count('florin_clock_suspect')).toBe(0);
  expect(count('florin_bank_problems_total{account="exchange-account-1"}')).toBe(0);
  expect(count('florin_coins_outstanding{currency="KUDOS"}')).toBe(2);
  expect(BigInt(Math.round((count('florin_reserves_held{currency="KUDOS"}') ?? 0) * 1e8))).toBe(left);
  expect(count('florin_purses_held{currency="KUDOS"}')).toBe(0.99);
  for (const { pub } of [reserve, coin.key, purse.purse]) expect([...found.keys()].join('\n')).not.toContain(pub);
});

test('the page for operators names every metric, and no other', async () => {
  const page = readFileSync(new URL('../../../docs/deployment.md', import.meta.url), 'utf8');
  const named = new Set([...page.matchAll(/\bflorin_[a-z_]+/g)].map(([name]) => name));
  const { text } = await send(`${exchange.adminUrl}metrics`, {
    headers: { Authorization: `Bearer ${exchange.metricsCredential}` },
  });
  const served = [...text.matchAll(/^# HELP (florin_\w+)/gm)].map(([, name]) => name);
  expect([...named].sort()).toEqual(served.sort());
});

test('metrics have a credential of their own', async () => {
  for (const credential of [exchange.adminCredential, exchange.auditorCredential, '']) {
    const reply = await send(`${exchange.adminUrl}metrics`, { headers: { Authorization: `Bearer ${credential}` } });
    expect({ status: reply.status, code: reply.json.code }).toEqual({ status: 401, code: 40 });
  }
  const status = await send(`${exchange.adminUrl}status`, {
    headers: { Authorization: `Bearer ${exchange.metricsCredential}` },
  });
  expect(status.status).toBe(401);
  expectRefusal(await get('metrics'), 404, 21);
});

test('the interface describes itself, and every path in it is one', async () => {
  const { openapi, paths, servers } = expectOk(await get('openapi.json'));
  expect({ openapi, servers }).toEqual({ openapi: '3.1.0', servers: [{ url: exchange.baseUrl.replace(/\/$/, '') }] });
  for (const [path, verbs] of Object.entries(paths as Record<string, Json>)) {
    for (const verb of Object.keys(verbs)) {
      const url = `${exchange.baseUrl}${path.slice(1).replaceAll(/\{\w+\}/g, '0')}`;
      const reply = await send(url, { method: verb.toUpperCase(), headers: from(`198.51.100.${path.length}`) });
      expect({ path, verb, code: reply.json.code }).not.toMatchObject({ code: 21 });
      expect([405, 1001, 1002]).not.toContain(reply.json.code === 20 ? reply.status : reply.json.code);
    }
  }
});

test('every answer is compared with what the interface says of it, member by member', async () => {
  const { paths } = expectOk(await get('openapi.json')) as { paths: Record<string, Json> };
  expectOk(await get('config'));
  expect([...compared]).toEqual(expect.arrayContaining(['GET /config 200', 'GET /keys 200', 'GET /readyz 200']));
  expect(compared).toContain('POST /reserves/{reserve_pub}/batch-withdraw 200');
  const config = await get('config');
  const answer = { url: `${exchange.baseUrl}config`, method: 'GET', status: 200, type: 'application/json' };
  const faultsOfConfig = (changed: object) =>
    undescribed({ ...answer, text: JSON.stringify({ ...config.json, ...changed }) });
  expect(await faultsOfConfig({})).toEqual([]);
  expect(await faultsOfConfig({ more: 1 })).toEqual(['GET /config 200.more is not described']);
  expect(await faultsOfConfig({ version: undefined })).toEqual(['GET /config 200.version is missing']);
  expect(await faultsOfConfig({ recoup: [{ h_denom_pub: 'x' }] })).toHaveLength(1);
  expect(await undescribed({ ...answer, status: 201, text: '{}' })).toEqual(['GET /config 201 is not described']);
  expect(Object.keys(paths)).toContain('/config');
});

test('a body that is larger than configured is refused', async () => {
  const json = { padding: 'x'.repeat(BODY_BYTES) };
  expectRefusal(await send(`${exchange.baseUrl}csr-withdraw`, { json }), 413, 32);
  expectRefusal(await send(`${exchange.baseUrl}csr-withdraw`, { json: { padding: 'x'.repeat(1000) } }), 400, 22);
});

test('of bodies that are not whole the largest gives way when they become too many bytes', async () => {
  const { hostname, port } = new URL(exchange.baseUrl);
  const [sent, rest] = ['x'.repeat(BODY_BYTES - 2_000), 'x'.repeat(2_000)];
  const fields = `X-Forwarded-For: 203.0.113.9\r\nConnection: close\r\nContent-Length: ${BODY_BYTES}`;
  const beginning = `POST /csr-withdraw HTTP/1.1\r\nHost: x\r\n${fields}\r\n\r\n${sent}`;
  const connections = Array.from({ length: 9 }, () => {
    const socket = connect(Number(port), hostname, () => socket.write(beginning));
    const answer = text(socket);
    return { socket, answer, first: answer.then(() => socket) };
  });
  const refused = await Promise.race(connections.map(({ first }) => first));
  for (const { socket } of connections) if (socket !== refused) socket.write(rest);
  const answers = (await Promise.all(connections.map(({ answer }) => answer))).sort();
  expect(answers.map((answer) => answer.slice(9, 12))).toEqual([...Array(8).fill('400'), '503']);
  expect(answers.at(-1)).toMatch(/retry-after: 1\r\n.*"code":70,.*repeat the same request/is);
  expect((await metrics()).get('florin_http_requests_under_way')).toBe(0);
});

test('what is no HTTP is counted as well', async () => {
  const counted = async (): Promise<number[]> => {
    const found = await metrics();
    return ['400', '404', '405', '431'].map(
      (status) => found.get(`florin_http_requests_total{method="other",route="none",status="${status}"}`) ?? 0,
    );
  };
  const before = await counted();
  await sendBytes(exchange.baseUrl, 'hello\r\n\r\n');
  await sendBytes(exchange.baseUrl, 'BREW /nosuch HTTP/1.1\r\nHost: x\r\n\r\n');
  await sendBytes(exchange.baseUrl, 'BREW /config HTTP/1.1\r\nHost: x\r\n\r\n');
  await sendBytes(exchange.baseUrl, `GET /keys HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`);
  expect(await counted()).toEqual(before.map((count) => count + 1));
});

test('who asks too often is refused by address, as a trusted proxy names it', async () => {
  const greedy = from('203.0.113.7');
  // Twice what a bucket holds, at once: it fills while they are answered, but not that fast.
  const ask = (headers: (asked: number) => object): Promise<Reply[]> =>
    Promise.all(Array.from({ length: 2 * BURST }, (_, asked) => get('config', headers(asked))));
  const refused = (await ask(() => greedy)).filter(({ status }) => status !== 200);
  expect(refused.length).toBeGreaterThan(0);
  for (const reply of refused) {
    expectRefusal(reply, 429, 44);
    expect(reply.headers['retry-after']).toMatch(/^[1-9][0-9]*$/);
  }
  expectOk(await get('config', from('203.0.113.8')));
  expectOk(await get('healthz', greedy));
  const beforehand = await send(`${exchange.baseUrl}config`, { method: 'OPTIONS', headers: greedy });
  expect(beforehand.status).toBe(204);
  // What a client claims itself stands before what the proxy adds, and counts for nothing.
  const claims = await ask((asked) => from(`198.51.100.${asked}, 203.0.113.7`));
  expect(claims.some(({ status }) => status === 429)).toBe(true);
  expect((await metrics()).get('florin_http_requests_limited_total')).toBeGreaterThanOrEqual(refused.length);
});
