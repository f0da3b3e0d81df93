import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectRefusal, type Reply, send } from '../e2e/support/http.js';
import { randomText } from '../e2e/support/oracle.js';
import { type RunningExchange, type Settings, smallKeys, startExchange } from '../support/exchange.js';
import { FILES, type Recorded, readRecorded } from './recorded.js';

// Purses and recoups as clients of the reference sent them, to an exchange of their currency and base URL: so their
// signatures are good here, too, and they are refused for nothing but what is not here, or is over.
const BASE_URL = 'http://localhost:8081/';
let exchange: RunningExchange;

beforeAll(async () => {
  exchange = await startExchange({
    onTestServer: true,
    configure: (settings) => {
      smallKeys(settings);
      Object.assign(settings, inEuro(settings), { currency: 'EUR', baseUrl: BASE_URL });
    },
  });
});
afterAll(async () => {
  expect(exchange.log()).not.toMatch(/"level":(50|60)/);
  expect(await exchange.stop()).toBe(0);
  exchange.remove();
});

const inEuro = (settings: Settings): Settings =>
  JSON.parse(JSON.stringify(settings).replaceAll('"KUDOS:', '"EUR:')) as Settings;

/** By endpoint, what is refused first. */
const REFUSED: Readonly<Record<string, readonly [status: number, code: number]>> = {
  'POST /purses/$/create': [400, 1853],
  'POST /reserves/$/purse': [400, 1775],
  'POST /purses/$/deposit': [404, 1025],
  'POST /purses/$/merge': [404, 1025],
  'GET /purses/$/deposit': [404, 1025],
  'GET /purses/$/merge': [404, 1025],
  'DELETE /purses/$': [404, 1025],
  'GET /contracts/$': [404, 1950],
  'POST /coins/$/recoup': [404, 1005],
};
const recorded = FILES.flatMap(readRecorded).filter(({ base, endpoint }) => base === BASE_URL && endpoint in REFUSED);
const of = (endpoint: string): Recorded[] => recorded.filter((one) => one.endpoint === endpoint);

const replay = ({ method, path, sent, sentHeaders }: Recorded, change: { json?: object; headers?: object } = {}) =>
  send(`http://127.0.0.1:${exchange.ports.exchange}${path.replace(/timeout_ms=\d+/, 'timeout_ms=1')}`, {
    method,
    headers: { ...sentHeaders, ...change.headers },
    ...(sent === undefined ? {} : { json: { ...(sent as object), ...change.json } }),
  });

async function expectAll(one: Recorded, reply: Promise<Reply>): Promise<void> {
  const [status, code] = REFUSED[one.endpoint] as readonly [number, number];
  expectRefusal(await reply, status, code);
}

test.each(Object.keys(REFUSED))('%s is understood, and refused for what is not here', async (endpoint) => {
  const requests = of(endpoint);
  expect(requests.length).toBeGreaterThanOrEqual(2);
  for (const one of requests) await expectAll(one, replay(one));
});

test('signatures are looked at before: any other is refused for itself', async () => {
  const signature = randomText(64);
  for (const one of of('POST /reserves/$/purse')) {
    expectRefusal(await replay(one, { json: { merge_sig: signature } }), 403, 1777);
  }
  for (const one of of('DELETE /purses/$')) {
    expectRefusal(await replay(one, { headers: { 'Taler-Purse-Signature': signature } }), 403, 1680);
  }
});
