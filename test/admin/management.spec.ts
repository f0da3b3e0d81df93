/** The /management API: what the master key signed holds, once, and nothing else does. */
import { join } from 'node:path';
import { encodeBase32, parseAmount } from '@florin/encoding';
import { type ManagementRequest, MasterKey, type MasterOrder, managementRequests } from '@florin/signing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectRefusal, type Reply, send } from '../e2e/support/http.js';
import { newKey, randomText } from '../e2e/support/oracle.js';
import { eventually } from '../e2e/support/reserves.js';
import { type RunningExchange, type Settings, startExchange } from '../support/exchange.js';

let exchange: RunningExchange;
let master: MasterKey;
let payto: string;

const YEAR = 31_536_000;
/** Behind every period of the configuration. */
const LATER = 2_200_000_000;
const now = (): number => Math.floor(Date.now() / 1000);
const eur = (text: string) => parseAmount(`KUDOS:${text}`);

beforeAll(async () => {
  exchange = await startExchange({
    onTestServer: true,
    configure: (settings) => {
      settings.denominations = settings.denominations.filter(({ cipher }: Settings) => cipher === 'CS');
    },
  });
  master = await MasterKey.open(join(exchange.data, 'keys/master.json'));
  payto = ((await keys()).accounts as { payto_uri: string }[])[0]?.payto_uri ?? '';
});

afterAll(async () => {
  expect(await exchange.stop()).toBe(0);
  exchange.remove();
});

const keys = async (): Promise<Record<string, unknown>> => (await send(`${exchange.baseUrl}keys`)).json;

function requestOf(order: MasterOrder, signatures = master.sign(order)): ManagementRequest {
  const [request] = managementRequests([{ order, signatures }]);
  return request as ManagementRequest;
}

const post = ({ path, body }: ManagementRequest, change: object = {}): Promise<Reply> =>
  send(`${exchange.baseUrl}${path}`, { json: { ...body, ...change } });

/** Accepted, and accepted again without another event. */
async function expectAccepted(order: MasterOrder): Promise<void> {
  const request = requestOf(order);
  expect((await post(request)).status).toBe(204);
  const published = (await send(`${exchange.baseUrl}keys`)).text;
  const again = await post(request);
  expect([again.status, again.text]).toEqual([204, '']);
  expect((await send(`${exchange.baseUrl}keys`)).text).toBe(published);
}

describe('wire accounts', () => {
  test('are disabled and enabled by the newest signature', async () => {
    const disabledAt = now();
    await expectAccepted({ kind: 'wire-account-end', paytoUri: payto, end: disabledAt });
    expect((await keys()).accounts).toEqual([]);
    const old = requestOf({ kind: 'wire-account', paytoUri: payto, start: disabledAt });
    expectRefusal(await post(old), 409, 1806);
    await expectAccepted({ kind: 'wire-account', paytoUri: payto, start: disabledAt + 1 });
    expect((await keys()).accounts).toHaveLength(1);
    const late = requestOf({ kind: 'wire-account-end', paytoUri: payto, end: disabledAt });
    expectRefusal(await post(late), 409, 1806);
  });

  test('need each signature, and an account of the configuration', async () => {
    const request = requestOf({ kind: 'wire-account', paytoUri: payto, start: now() + 9 });
    const other = randomText(64);
    expectRefusal(await post(request, { master_sig_add: other }), 403, 1809);
    expectRefusal(await post(request, { master_sig_wire: other }), 403, 1808);
    expectRefusal(await post(request, { master_sig_wire_old: other }), 403, 1808);
    expectRefusal(await post(request, { validity_start: { t_s: 'never' } }), 400, 22);
    expectRefusal(await post(request, { payto_uri: 'payto://nowhere' }), 400, 22);
    expectRefusal(await post(request, { conversion_url: 'https://x.example/' }), 400, 22);
    expectRefusal(await post(request, { credit_restrictions: [{ type: 'deny' }] }), 400, 22);
    const stranger = 'payto://x-taler-bank/localhost/stranger?receiver-name=S';
    expectRefusal(await post(requestOf({ kind: 'wire-account', paytoUri: stranger, start: 1 })), 404, 1811);
    const end = requestOf({ kind: 'wire-account-end', paytoUri: stranger, end: 1 });
    expectRefusal(await post(end), 404, 1811);
    expectRefusal(await post(end, { master_sig_del: other }), 403, 1810);
  });
});

describe('fees', () => {
  const wire = (over: object = {}): MasterOrder => ({
    kind: 'wire-fees',
    method: 'x-taler-bank',
    start: LATER,
    end: LATER + YEAR,
    wireFee: eur('0.01'),
    closingFee: eur('0.02'),
    ...over,
  });
  const global = (over: object = {}): MasterOrder => ({
    kind: 'global-fees',
    start: LATER,
    end: LATER + YEAR,
    historyFee: eur('0'),
    accountFee: eur('1'),
    purseFee: eur('0.1'),
    purseTimeoutUs: 3_600e6,
    historyExpirationUs: YEAR * 1e6,
    purseAccountLimit: 3,
    ...over,
  });

  test('of a wire method are set for a time that has none', async () => {
    await expectAccepted(wire());
    const { 'x-taler-bank': fees } = (await keys()).wire_fees as Record<string, { closing_fee: string }[]>;
    expect(fees?.at(-1)?.closing_fee).toBe('KUDOS:0.02');
    expectRefusal(await post(requestOf(wire({ closingFee: eur('0.03') }))), 409, 1813);
    expectRefusal(await post(requestOf(wire({ start: LATER + 1 }))), 409, 1813);
    expectRefusal(await post(requestOf(wire()), { wire_fee: 'KUDOS:0.02' }), 403, 1812);
    expectRefusal(await post(requestOf(wire({ wireFee: parseAmount('EUR:1') }))), 400, 26);
    expectRefusal(await post(requestOf(wire({ end: LATER }))), 400, 26);
    expectRefusal(await post(requestOf(wire()), { wire_method: 'a\u0000b' }), 400, 22);
  });

  test('of all kinds are set for a time that has none', async () => {
    await expectAccepted(global());
    expect((await keys()).global_fees).toHaveLength(2);
    expectRefusal(await post(requestOf(global({ purseAccountLimit: 4 }))), 409, 1816);
    expectRefusal(await post(requestOf(global()), { purse_fee: 'KUDOS:0' }), 403, 1817);
    expectRefusal(await post(requestOf(global()), { purse_timeout: { d_us: 'forever' } }), 400, 22);
    expectRefusal(await post(requestOf(global()), { purse_account_limit: -1 }), 400, 22);
  });
});

describe('keys', () => {
  test('that nobody waits for are unknown', async () => {
    const none = { denom_sigs: [], signkey_sigs: [] };
    const path = 'management/keys';
    expect((await send(`${exchange.baseUrl}${path}`)).json).toMatchObject({
      future_denoms: [],
      future_signkeys: [],
      master_pub: encodeBase32(master.pub),
    });
    expect((await post({ path, body: none })).status).toBe(204);
    const signature = randomText(64);
    const denomination = { h_denom_pub: randomText(64), master_sig: signature };
    expectRefusal(await post({ path, body: { ...none, denom_sigs: [denomination] } }), 404, 1005);
    const signkey = { exchange_pub: randomText(32), master_sig: signature };
    expectRefusal(await post({ path, body: { ...none, signkey_sigs: [signkey] } }), 404, 1807);
    expectRefusal(await post({ path, body: { denom_sigs: [] } }), 400, 22);
    expectRefusal(await post({ path, body: { ...none, denom_sigs: [{}] } }), 400, 22);
    expectRefusal(await post({ path, body: { ...none, denom_sigs: 5 } }), 400, 22);
  });

  test('that sign replies are revoked, and replaced at once', async () => {
    const [{ key = '' } = {}] = (await keys()).signkeys as { key: string }[];
    const order = { kind: 'signing-key-revocation', exchangePub: key } as const;
    expectRefusal(await post(requestOf(order), { master_sig: randomText(64) }), 403, 1805);
    expectRefusal(await post(requestOf({ ...order, exchangePub: newKey().pub })), 404, 1807);
    expectRefusal(await send(`${exchange.baseUrl}management/signkeys/x/revoke`, { json: {} }), 400, 22);
    expect((await post(requestOf(order))).status).toBe(204);
    const replaced = await eventually(async () => {
      const { signkeys, exchange_pub } = await keys();
      return (signkeys as { key: string }[] | undefined)?.length === 1 && exchange_pub !== key
        ? exchange_pub
        : undefined;
    });
    expect(replaced).not.toBe(key);
    expect((await post(requestOf(order))).status).toBe(204);
  });

  test('that sign heads are those of the signers', async () => {
    const order = { kind: 'log-key', logPub: newKey().pub, start: 1 } as const;
    expectRefusal(await post(requestOf(order)), 404, 1807);
    expectRefusal(await post(requestOf(order), { master_sig: randomText(64) }), 403, 1815);
  });
});

test('officers are as the newest signature says', async () => {
  const officer = { kind: 'officer', officerPub: newKey().pub, name: 'Olga', readOnly: false } as const;
  await expectAccepted({ ...officer, active: true, changedAt: 100 });
  await expectAccepted({ ...officer, active: false, changedAt: 101 });
  expectRefusal(await post(requestOf({ ...officer, active: true, changedAt: 100 })), 409, 1831);
  const request = requestOf({ ...officer, active: true, changedAt: 102 });
  expectRefusal(await post(request, { officer_name: 'Oleg' }), 403, 1830);
  expectRefusal(await post(request, { is_active: 'yes' }), 400, 22);
});

test('extensions are published as they were signed', async () => {
  const manifest = '{"age_restriction":{"config":{"age_groups":"8:10:12"},"critical":false,"version":"1"}}';
  await expectAccepted({ kind: 'extensions', manifest });
  const { extensions } = await keys();
  expect(JSON.stringify(extensions)).toBe(manifest);
  const request = requestOf({ kind: 'extensions', manifest });
  expect((await post(request, { extensions: {} })).status).toBe(403);
  expectRefusal(await post(request, { extensions: { a: 1.5 } }), 400, 22);
  expectRefusal(await post(request, { extensions: [] }), 400, 22);
});
