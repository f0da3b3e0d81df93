import { getEventListeners } from 'node:events';
import { gzipSync } from 'node:zlib';
import { parseAmount } from '@florin/encoding';
import { describe, expect, test } from 'vitest';
import { ALICE, call, credit, gatewayOf, keyBytes, keyNumber, runningBank, serverThat } from './bank.support.js';
import { WireGateway } from './gateway-client.js';
import {
  BankInconsistency,
  GatewayError,
  GatewayMisconfigured,
  GatewayRefusal,
  GatewayUnavailable,
  MalformedReply,
} from './gateway-errors.js';

const ROW = {
  type: 'RESERVE',
  row_id: 5,
  date: { t_s: 1_700_000_000 },
  amount: 'EUR:10.5',
  debit_account: 'payto://iban/DE75512108001245126199?receiver-name=Alice',
  reserve_pub: keyNumber(1),
};
const ACCOUNT = 'payto://x-taler-bank/localhost/exchange?receiver-name=Exchange';

const without = (member: string) => Object.fromEntries(Object.entries(ROW).filter(([name]) => name !== member));
const history = (...rows: unknown[]) => JSON.stringify({ credit_account: ACCOUNT, incoming_transactions: rows });

/** A gateway whose bank answers everything with this. */
async function answering(
  body: string | Buffer,
  status = 200,
  headers: Record<string, string> = {},
): Promise<WireGateway> {
  const baseUrl = await serverThat((_request, response) => response.writeHead(status, headers).end(body));
  return new WireGateway({ baseUrl, currency: 'EUR' });
}

describe('against the development bank', () => {
  test('config says who it is', async () => {
    const config = await gatewayOf(await runningBank()).config();
    expect(config).toEqual({ version: '3:0:3', currency: 'EUR', implementation: 'urn:florin:development-bank' });
  });

  test('credits come with everything that a ledger needs', async () => {
    const bank = await runningBank({ now: () => 1_700_000_000 });
    await credit(bank, 1, 'EUR:10.00000001');
    const kyc = { amount: 'EUR:0.01', account_pub: keyNumber(2), debit_account: ALICE };
    expect((await call(`${bank.gatewayUrl}admin/add-kycauth`, kyc)).status).toBe(200);
    const { creditAccount, rows } = await gatewayOf(bank).historyIncoming({ limit: 10 });
    const common = { date: 1_700_000_000, debitAccount: ALICE, creditFee: undefined };
    expect(creditAccount).toBe(bank.exchangePayto);
    expect(rows).toEqual([
      { type: 'reserve', rowId: 1n, amount: parseAmount('EUR:10.00000001'), reservePub: keyBytes(1), ...common },
      { type: 'kyc-auth', rowId: 2n, amount: parseAmount('EUR:0.01'), accountPub: keyBytes(2), ...common },
    ]);
  });

  test('histories go on after a row, and backwards from the end', async () => {
    const bank = await runningBank();
    for (let i = 1; i <= 5; i++) await credit(bank, i);
    const gateway = gatewayOf(bank);
    const ids = async (start: bigint | undefined, limit: number) =>
      (await gateway.historyIncoming({ ...(start === undefined ? {} : { start }), limit })).rows.map(
        (row) => row.rowId,
      );
    expect(await ids(0n, 2)).toEqual([1n, 2n]);
    expect(await ids(2n, 2)).toEqual([3n, 4n]);
    expect(await ids(5n, 2)).toEqual([]);
    expect(await ids(undefined, -2)).toEqual([5n, 4n]);
    expect(await ids(3n, -9)).toEqual([2n, 1n]);
  });

  test('transfers are listed with their status', async () => {
    const bank = await runningBank({ now: () => 1_700_000_000 });
    const gateway = gatewayOf(bank);
    await call(`${bank.url}accounts/bob/development/fail-transfers`, { status: 'permanent_failure', count: 1 });
    for (const [number, name] of [
      [1, 'alice'],
      [2, 'bob'],
    ] as const) {
      await gateway.transfer({
        requestUid: keyBytes(number, 64),
        amount: parseAmount('EUR:1'),
        exchangeBaseUrl: 'http://localhost/',
        wtid: keyBytes(number),
        creditAccount: `payto://x-taler-bank/localhost/${name}?receiver-name=x`,
      });
    }
    const all = await gateway.transfers({ limit: 10 });
    expect(all?.map(({ status }) => status)).toEqual(['success', 'permanent_failure']);
    const failed = await gateway.transfers({ limit: 10, status: 'permanent_failure' });
    expect(failed).toEqual([all?.[1]]);
    expect(await gateway.transfers({ limit: 10, status: 'pending' })).toEqual([]);
    expect(await gateway.transferStatus(failed?.[0]?.rowId ?? 0n)).toMatchObject({
      wtid: keyBytes(2),
      status: 'permanent_failure',
    });
    expect(await gateway.transferStatus(99n)).toBeUndefined();
    const { rows } = await gateway.historyOutgoing({ limit: 10 });
    expect(rows).toMatchObject([
      { wtid: keyBytes(1), amount: parseAmount('EUR:1'), exchangeBaseUrl: 'http://localhost/' },
    ]);
  });

  test('an account that the bank does not know has no rows', async () => {
    const bank = await runningBank();
    const gateway = gatewayOf(bank, { baseUrl: `${bank.url}accounts/nobody/taler-wire-gateway/` });
    expect((await gateway.historyIncoming({ limit: 1 })).rows).toEqual([]);
    expect((await gateway.historyOutgoing({ limit: 1 })).rows).toEqual([]);
  });

  test('another currency than the bank has is a fault of the configuration', async () => {
    const gateway = gatewayOf(await runningBank(), { currency: 'CHF' });
    await expect(gateway.config()).rejects.toThrow(GatewayMisconfigured);
  });

  test('a signal ends a long poll with its own reason', async () => {
    const gateway = gatewayOf(await runningBank());
    const stop = new AbortController();
    const poll = gateway.historyIncoming({ limit: 1, longPollMs: 200_000, signal: stop.signal });
    setTimeout(() => stop.abort(new Error('enough')), 50);
    await expect(poll).rejects.toThrow('enough');
    await expect(gateway.config(stop.signal)).rejects.toThrow('enough');
  });

  test('no call leaves a listener on a signal that outlives it', async () => {
    const gateway = gatewayOf(await runningBank());
    const { signal } = new AbortController();
    for (let i = 0; i < 3; i++) await gateway.historyIncoming({ limit: 1, longPollMs: 1, signal });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('replies that are not what the protocol says', () => {
  test.each([
    ['truncated JSON', history(ROW).slice(0, -5)],
    ['no JSON', '<html>hello</html>'],
    ['nothing', ''],
    ['a list', '[]'],
    ['no list of rows', JSON.stringify({ credit_account: ACCOUNT })],
    ['an empty list', history()],
    ['a list that is an object', JSON.stringify({ credit_account: ACCOUNT, incoming_transactions: { 0: ROW } })],
    ['a row that is null', history(null)],
    ['no account', JSON.stringify({ incoming_transactions: [ROW] })],
    ['an account that is none', JSON.stringify({ credit_account: 'exchange', incoming_transactions: [ROW] })],
    ...Object.keys(ROW).map((member): [string, string] => [`no ${member}`, history(without(member))]),
    ...Object.keys(ROW).map((member): [string, string] => [`${member} null`, history({ ...ROW, [member]: null })]),
    ['a row id that is text', history({ ...ROW, row_id: '5' })],
    ['a row id of zero', history({ ...ROW, row_id: 0 })],
    ['a row id below zero', history({ ...ROW, row_id: -5 })],
    ['a row id with a fraction', history({ ...ROW, row_id: 5.5 })],
    ['a row id with an exponent', history(ROW).replace('"row_id":5', '"row_id":5e0')],
    ['a row id of 65 bits', history(ROW).replace('"row_id":5', '"row_id":18446744073709551616')],
    ['a date that is a number', history({ ...ROW, date: 1_700_000_000 })],
    ['a date in milliseconds', history({ ...ROW, date: { t_ms: 1 } })],
    ['a date that never comes', history({ ...ROW, date: { t_s: 'never' } })],
    ['an amount that is a number', history({ ...ROW, amount: 10.5 })],
    ['an amount with a sign', history({ ...ROW, amount: 'EUR:-1' })],
    ['an amount with nine decimals', history({ ...ROW, amount: 'EUR:1.000000001' })],
    ['a key that is short', history({ ...ROW, reserve_pub: keyNumber(1).slice(1) })],
    ['a key that is no base32', history({ ...ROW, reserve_pub: keyNumber(1).replace(/.$/, '!') })],
    ['a fee that is none', history({ ...ROW, credit_fee: 'free' })],
    ['a member named twice', history(ROW).replace('"row_id":5', '"row_id":5,"row_id":6')],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
  ] as [string, string | Buffer][])('%s', async (_what, body) => {
    await expect((await answering(body)).historyIncoming({ limit: 9 })).rejects.toThrow(MalformedReply);
  });

  test('the near misses of all these are understood', async () => {
    const row = { ...ROW, credit_fee: 'EUR:0.1', unheard_of: [1], debit_account: 'payto://void/x' };
    const { rows } = await (await answering(history(row))).historyIncoming({ limit: 9 });
    expect(rows).toMatchObject([
      { type: 'reserve', rowId: 5n, creditFee: parseAmount('EUR:0.1'), debitAccount: 'payto://void/x' },
    ]);
  });

  test('a body larger than any history is not read to its end', async () => {
    const gateway = await answering(history({ ...ROW, padding: 'x'.repeat(9 * 1024 * 1024) }));
    await expect(gateway.historyIncoming({ limit: 9 })).rejects.toThrow(MalformedReply);
  });

  test('a small body that inflates to a large one is not read to its end', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, ' '));
    const gateway = await answering(bomb, 200, { 'content-encoding': 'gzip' });
    await expect(gateway.historyIncoming({ limit: 9 })).rejects.toThrow(MalformedReply);
  });

  test.each([
    ['repeated', [ROW, ROW]],
    [
      'decreasing',
      [
        { ...ROW, row_id: 7 },
        { ...ROW, row_id: 6 },
      ],
    ],
    ['not after the start', [{ ...ROW, row_id: 4 }]],
  ])('rows that are %s contradict the order', async (_how, rows) => {
    const gateway = await answering(history(...rows));
    await expect(gateway.historyIncoming({ start: 4n, limit: 9 })).rejects.toThrow(BankInconsistency);
  });

  test('backwards, rows have to decrease from before the start', async () => {
    const gateway = await answering(history({ ...ROW, row_id: 6 }, { ...ROW, row_id: 5 }));
    expect((await gateway.historyIncoming({ start: 7n, limit: -9 })).rows).toHaveLength(2);
    await expect(gateway.historyIncoming({ start: 6n, limit: -9 })).rejects.toThrow(BankInconsistency);
    await expect(gateway.historyIncoming({ start: 4n, limit: 9 })).rejects.toThrow(BankInconsistency);
  });

  test('row ids beyond 2^53 keep their last digit', async () => {
    const rows = ['9007199254740993', '9223372036854775807'].map((id) =>
      history(ROW).replace('"row_id":5', `"row_id":${id}`),
    );
    for (const [i, id] of [9007199254740993n, 9223372036854775807n].entries()) {
      const { rows: read } = await (await answering(rows[i] ?? '')).historyIncoming({ start: id - 1n, limit: 9 });
      expect(read[0]?.rowId).toBe(id);
    }
  });

  test('rows of other types and currencies are handed on as unknown, with what can be read', async () => {
    const gateway = await answering(
      history(
        { ...ROW, row_id: 1, type: 'GIFT' },
        { row_id: 2, type: 'GIFT', amount: 'a lot', date: 'today' },
        { ...ROW, row_id: 3, amount: 'CHF:2' },
        {
          ...without('reserve_pub'),
          row_id: 4,
          type: 'WAD',
          origin_exchange_url: 'https://e.example/',
          wad_id: keyNumber(4),
        },
      ),
    );
    const { rows } = await gateway.historyIncoming({ limit: 9 });
    expect(rows).toEqual([
      {
        type: 'unknown',
        rowId: 1n,
        date: 1_700_000_000,
        amount: parseAmount('EUR:10.5'),
        debitAccount: ROW.debit_account,
        reason: 'a row of an unknown type',
      },
      {
        type: 'unknown',
        rowId: 2n,
        date: undefined,
        amount: undefined,
        debitAccount: undefined,
        reason: 'a row of an unknown type',
      },
      expect.objectContaining({ type: 'unknown', rowId: 3n, amount: parseAmount('CHF:2'), reason: 'an amount in CHF' }),
      expect.objectContaining({ type: 'wad', rowId: 4n, originExchangeUrl: 'https://e.example/', wadId: keyNumber(4) }),
    ]);
  });

  test.each([
    ['another service', { name: 'taler-exchange', version: '3:0:3', currency: 'EUR' }, GatewayMisconfigured],
    ['no name', { version: '3:0:3', currency: 'EUR' }, MalformedReply],
    ['a version of another form', { name: 'taler-wire-gateway', version: '3', currency: 'EUR' }, MalformedReply],
  ])('a config of %s', async (_what, body, fault) => {
    await expect((await answering(JSON.stringify(body))).config()).rejects.toThrow(fault);
  });

  test('an order that is answered by 204 is not taken for placed', async () => {
    const order = {
      requestUid: keyBytes(1, 64),
      amount: parseAmount('EUR:1'),
      exchangeBaseUrl: 'http://localhost/',
      wtid: keyBytes(1),
      creditAccount: ALICE,
    };
    await expect((await answering('', 204)).transfer(order)).rejects.toThrow(MalformedReply);
    await expect((await answering('{"row_id": 1}')).transfer(order)).rejects.toThrow(MalformedReply);
    await expect((await answering('{}', 404)).transfer(order)).rejects.toThrow(GatewayMisconfigured);
  });

  test('a transfer status under the newer name of its URL, and one of an unknown state', async () => {
    const status = {
      status: 'success',
      amount: 'EUR:1',
      credit_account: ALICE,
      wtid: keyNumber(1),
      origin_exchange_url: 'https://e.example/',
      timestamp: { t_s: 1 },
    };
    expect(await (await answering(JSON.stringify(status))).transferStatus(1n)).toMatchObject({
      exchangeBaseUrl: 'https://e.example/',
      status: 'success',
      statusMessage: undefined,
    });
    const unheard = await answering(JSON.stringify({ ...status, status: 'maybe' }));
    await expect(unheard.transferStatus(1n)).rejects.toThrow(MalformedReply);
  });
});

describe('statuses', () => {
  test.each([
    [401, GatewayMisconfigured],
    [403, GatewayMisconfigured],
    [301, GatewayMisconfigured],
    [307, GatewayMisconfigured],
    [501, GatewayMisconfigured],
    [408, GatewayUnavailable],
    [429, GatewayUnavailable],
    [500, GatewayUnavailable],
    [502, GatewayUnavailable],
    [503, GatewayUnavailable],
    [400, GatewayRefusal],
    [409, GatewayRefusal],
    [418, GatewayRefusal],
    [201, MalformedReply],
  ])('%i on a history', async (status, fault) => {
    const gateway = await answering('{"code": 26, "hint": "no"}', status, { location: 'http://127.0.0.1:1/' });
    await expect(gateway.historyIncoming({ limit: 1 })).rejects.toThrow(fault);
  });

  test.each([204, 404])('%i on a history means that there is nothing', async (status) => {
    const gateway = await answering('', status);
    expect(await gateway.historyIncoming({ limit: 1 })).toEqual({ creditAccount: undefined, rows: [] });
    expect(await gateway.historyOutgoing({ limit: 1 })).toEqual({ debitAccount: undefined, rows: [] });
  });

  test.each([404, 501])('%i on transfers means that the bank does not offer them', async (status) => {
    const gateway = await answering('', status);
    expect(await gateway.transfers({ limit: 1 })).toBeUndefined();
    expect(await gateway.transferStatus(1n)).toBeUndefined();
  });

  test('an error body from a proxy is no hindrance, and the status decides', async () => {
    await expect((await answering('<html>', 502)).config()).rejects.toThrow('config: status 502');
    await expect((await answering('<html>', 400)).config()).rejects.toThrow(GatewayRefusal);
    await expect((await answering('x'.repeat(1_000_000), 503)).config()).rejects.toThrow(GatewayUnavailable);
  });

  test('a refusal carries status and code; the words of the bank stand apart', async () => {
    const gateway = await answering('{"code": 5111, "hint": "not so\\n", "detail": "Alice Smith"}', 409);
    const error = await gateway.config().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ status: 409, code: 5111, bankSaid: 'not so?: Alice Smith' });
    expect((error as Error).message).not.toContain('Alice');
  });

  test('nobody at the address, a connection that breaks, an answer that never ends', async () => {
    const gone = await runningBank();
    await gone.close();
    await expect(gatewayOf(gone).config()).rejects.toThrow('ECONNREFUSED');
    const breaking = await serverThat((_request, response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('{"name": ');
      setTimeout(() => response.destroy(), 20);
    });
    await expect(new WireGateway({ baseUrl: breaking, currency: 'EUR' }).config()).rejects.toThrow(GatewayUnavailable);
    const silent = await serverThat(() => undefined);
    const impatient = new WireGateway({ baseUrl: silent, currency: 'EUR', timeoutMs: 50 });
    await expect(impatient.config()).rejects.toThrow('no reply in time');
    const dripping = await serverThat((_request, response) => void response.writeHead(200).write('{'));
    await expect(new WireGateway({ baseUrl: dripping, currency: 'EUR', timeoutMs: 50 }).config()).rejects.toThrow(
      'in time',
    );
  });
});

describe('requests', () => {
  test('both generations of parameters are sent, and a start that is the default is left out', async () => {
    const seen: (string | undefined)[] = [];
    const baseUrl = await serverThat((request, response) => {
      seen.push(request.url);
      response.writeHead(204).end();
    });
    const gateway = new WireGateway({ baseUrl, currency: 'EUR' });
    await gateway.historyIncoming({ start: 7n, limit: 20, longPollMs: 100 });
    await gateway.historyIncoming({ start: 0n, limit: 20 });
    await gateway.historyOutgoing({ start: 2n ** 64n - 1n, limit: -20 });
    expect(seen).toEqual([
      '/history/incoming?delta=20&limit=20&start=7&offset=7&long_poll_ms=100&timeout_ms=100',
      '/history/incoming?delta=20&limit=20',
      '/history/outgoing?delta=-20&limit=-20',
    ]);
  });

  test.each([0, 1025, -1025, 1.5, Number.NaN])('a limit of %d is a mistake of the caller', async (limit) => {
    const gateway = new WireGateway({ baseUrl: 'http://127.0.0.1:9/', currency: 'EUR' });
    await expect(gateway.historyIncoming({ limit })).rejects.toThrow(RangeError);
  });

  test.each([
    'https://bank.example/accounts/exchange/taler-wire-gateway',
    'ftp://bank.example/',
    'bank.example/',
    'https://exchange:s3cret@bank.example/',
    'https://bank.example/?token=s3cret',
    'https://bank.example/#s3cret',
  ])('%s is no base URL, and no message repeats it', (baseUrl) => {
    const make = () => new WireGateway({ baseUrl, currency: 'EUR' });
    expect(make).toThrow(GatewayMisconfigured);
    expect(make).not.toThrow(/s3cret/);
  });

  test.each([
    { kind: 'basic', user: 'exchange', password: 'pässw0rd:with colon' } as const,
    { kind: 'bearer', token: 'secret-token:abc' } as const,
  ])('credentials ($kind) are sent, and stand in no error', async (auth) => {
    const bank = await runningBank({ credentials: auth });
    expect((await gatewayOf(bank, { auth }).historyIncoming({ limit: 1 })).rows).toEqual([]);
    await expect(gatewayOf(bank).historyIncoming({ limit: 1 })).rejects.toThrow(GatewayMisconfigured);

    const secrets =
      auth.kind === 'basic' ? [auth.password, btoa('exchange:p\u00c3\u00a4ssw0rd:with colon')] : [auth.token];
    const echo = await serverThat((request, response) => {
      const hint = `you sent ${request.headers.authorization} that is ${secrets[0]}`;
      response.writeHead(Number(request.url?.slice(-3)) || 400).end(JSON.stringify({ code: 40, hint }));
    });
    const gateway = new WireGateway({ baseUrl: echo, currency: 'EUR', auth });
    for (const attempt of [gateway.config(), gateway.transferStatus(401n), gateway.transferStatus(500n)]) {
      const error = await attempt.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(GatewayError);
      const { message, stack, bankSaid } = error as GatewayError;
      const shown = `${message} ${stack} ${bankSaid} ${JSON.stringify(gateway)}`;
      for (const secret of secrets) expect(shown).not.toContain(secret);
    }
  });
});
