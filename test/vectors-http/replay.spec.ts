import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectRefusal, type Reply, send } from '../e2e/support/http.js';
import { now } from '../e2e/support/offers.js';
import { type RunningExchange, startExchange } from '../support/exchange.js';
import { FILES, type Recorded, readRecorded } from './recorded.js';

// What clients of the reference sent, sent to us byte by byte. Their reserves and denominations do not exist here, so
// the answers differ; but each request is understood, and refused for the first thing that is not here.
let exchange: RunningExchange;
const all = FILES.flatMap(readRecorded);

beforeAll(async () => {
  exchange = await startExchange({ onTestServer: true });
});
afterAll(async () => {
  expect(exchange.log()).not.toMatch(/"level":(50|60)/);
  expect(await exchange.stop()).toBe(0);
  exchange.remove();
});

/** Nothing will happen here that a long poll could wait for. */
const replay = ({ method, path, sent }: Recorded): Promise<Reply> =>
  send(`${exchange.baseUrl}${path.slice(1).replace(/timeout_ms=\d+/, 'timeout_ms=1')}`, {
    method,
    ...(sent === undefined ? {} : { json: sent }),
  });

type Expected = readonly [status: number, code: number];

const UNKNOWN_DENOMINATION: Expected = [404, 1005];

/** By endpoint, what is refused first. */
const REFUSED: Readonly<Record<string, (recorded: Recorded) => Expected>> = {
  'GET /reserves/$': () => [404, 1027],
  'POST /reserves/$/withdraw': () => UNKNOWN_DENOMINATION,
  'POST /reserves/$/batch-withdraw': ({ name }) =>
    name === 'batch-withdraw-duplicate-planchet' ? [400, 26] : UNKNOWN_DENOMINATION,
  'POST /csr-withdraw': () => UNKNOWN_DENOMINATION,
  'POST /reserves/$/close': ({ sent }) => {
    const { request_timestamp } = sent as { request_timestamp: { t_s: number } };
    return Math.abs(request_timestamp.t_s - now()) > 900 ? [400, 1020] : [404, 1027];
  },
  'GET /kyc-check/#/$/individual': () => [404, 1939],
  'GET /nosuch': () => [404, 21],
  'POST /nosuch': () => [404, 21],
  'GET /agpl': () => [404, 21],
};

/** Pages that are there without anything having happened: same status, same kind of text. */
const PAGES = [
  'GET /keys',
  'GET /wire',
  'GET /config',
  'GET /terms',
  'GET /privacy',
  'GET /seed',
  'GET /',
  'GET /robots.txt',
];

/** What else was recorded, and where it belongs. */
const ELSEWHERE: readonly (readonly [RegExp, string])[] = [
  [
    / \/(purses|contracts|coins)\/| \/reserves\/\$\/(purse|open)$| \/refreshes\//,
    'coins and purses have tests of their own',
  ],
  [/ \/reserves\/\$\/(status|history)$/, 'POST in 2023; the history is a GET since'],
  [/ \/reserves-attest\/| \/kyc-wallet$/, 'attributes of persons are kept by nobody here'],
  [/ \/(batch-deposit|deposits|transfers|recoup-withdraw)\b/, 'merchants are served later'],
  [/ \/(management|aml|kyc-proof)\//, "the admin decides over a port of the exchange's own"],
];

describe.each(FILES)('%s', (file) => {
  const recorded = readRecorded(file);

  test('every request is replayed, or it is said why not', () => {
    const forgotten = recorded.filter(({ endpoint }) => {
      const known = endpoint in REFUSED || PAGES.includes(endpoint);
      return known === ELSEWHERE.some(([pattern]) => pattern.test(endpoint));
    });
    expect(forgotten.map(({ seq, endpoint }) => `${seq} ${endpoint}`)).toEqual([]);
  });

  test('requests to endpoints of ours are understood, and refused for what is not here', async () => {
    const ours = recorded.filter(({ endpoint }) => endpoint in REFUSED);
    for (const one of ours) {
      const [status, code] = (REFUSED[one.endpoint] as (recorded: Recorded) => Expected)(one);
      const body = expectRefusal(await replay(one), status, code);
      const { code: theirCode, detail } = (one.body ?? {}) as { code?: number; detail?: string };
      if (theirCode === code && detail !== undefined) expect(body.detail).toBe(detail);
    }
  });

  test('pages are there, with the same status and kind', async () => {
    for (const one of recorded.filter(({ endpoint }) => PAGES.includes(endpoint))) {
      const reply = await replay(one);
      expect([one.endpoint, reply.status]).toEqual([one.endpoint, one.status]);
      const kind = one.headers['content-type'] ?? 'application/octet-stream';
      expect(reply.headers['content-type']).toContain(kind);
      for (const header of ['access-control-allow-origin', 'access-control-expose-headers']) {
        expect(reply.headers[header]).toBe(one.headers[header]);
      }
      if (one.endpoint === 'GET /robots.txt') expect(reply.text).toBe(one.body);
    }
  });
});

test('enough was recorded, and every rule above is used', () => {
  const endpoints = new Set(all.map(({ endpoint }) => endpoint));
  for (const endpoint of [...Object.keys(REFUSED), ...PAGES]) expect([...endpoints]).toContain(endpoint);
  for (const [pattern] of ELSEWHERE) expect([...endpoints].some((endpoint) => pattern.test(endpoint))).toBe(true);
  expect(all.filter(({ endpoint }) => endpoint in REFUSED || PAGES.includes(endpoint)).length).toBeGreaterThanOrEqual(
    80,
  );
});
