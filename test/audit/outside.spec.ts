import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareBank, readBank } from '@florin/auditor';
import { decodeBase32 } from '@florin/encoding';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { send } from '../e2e/support/http.js';
import { newAccount } from '../e2e/support/reserves.js';
import { configuredStore, headCaughtUp } from '../support/configured-store.js';
import { type RunningExchange, startExchange } from '../support/exchange.js';
import { BANK_FRAUDS, type BankFile } from './bank-frauds.js';
import {
  type Evidence,
  forged,
  Insider,
  noise,
  plus,
  readEvidence,
  unitsOf as unitsOfMoney,
  type Written,
} from './insider.js';
import { mint, ownPurse } from './own-wallet.js';
import { configure, live } from './story.js';
import { auditor, codesOf, type Ended, exportOf, PROGRAM, replayed, run } from './tools.js';

// What an auditor holds against the ledger from outside: the bank's history, his own memory, other auditors.
const folder = mkdtempSync(join(tmpdir(), 'florin-audit-'));
let exchange: RunningExchange;
let evidence: Evidence;
let bank: BankFile;
let whileRunning: Ended;
let overFeed: Ended;

beforeAll(async () => {
  exchange = await startExchange({ onTestServer: true, configure });
  await live(exchange);
  const gateway = `${exchange.bankUrl}accounts/exchange/taler-wire-gateway/`;
  const history = async (way: string) => (await send(`${gateway}history/${way}?delta=1000`)).json;
  bank = { ...(await history('incoming')), ...(await history('outgoing')) } as unknown as BankFile;
  const { store = '', instance } = configuredStore(exchange.data);
  await headCaughtUp(exchange);
  const onServer = ['--instance', instance, '--checkpoint', `${exchange.baseUrl}log/checkpoint`];
  const beside = [
    ...[
      '--data',
      exchange.data,
      '--memory',
      join(folder, 'first'),
      '--bank',
      gateway,
      ...(store === '' ? [] : onServer),
    ],
    ...['--account-keys', join(exchange.data, 'keys/accounts'), '--html', join(folder, 'report.html'), '--json', '-'],
  ];
  whileRunning = await run(beside, { FLORIN_STORE: store });
  const token = readFileSync(join(exchange.data, 'auditor-credential'), 'utf8').trim();
  const fed = ['--from', exchange.baseUrl, '--memory', join(folder, 'first'), '--json', '-'];
  overFeed = await run(fed, { FLORIN_FEED_TOKEN: token });
  expect(await exchange.stop()).toBe(0);
  evidence = await readEvidence(exchange.data);
});
afterAll(() => {
  exchange.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** Who gives up an account: well-formed, and signed by nobody. */
const disabled = (paytoUri: string, at: number) => ({ paytoUri, end: at, masterSignature: forged(), at });

async function exported(insider: Insider, name: string): Promise<string> {
  const path = join(folder, name);
  writeFileSync(path, await exportOf(insider));
  return path;
}

test('an exchange that runs is audited beside it, with its bank and its accounts: no finding', () => {
  const report = JSON.parse(whileRunning.out);
  expect(report.findings).toEqual({ total: 0, byCode: [], list: [] });
  expect(report).toMatchObject({ format: 'florin-audit', verdict: 'clean', mode: 'full replay' });
  expect(report.checked.sealedAccounts.opened).toBeGreaterThan(10);
  expect(report.checked.sealedAccounts.unopened).toBe(0);
  expect(report.checked.bank.accounts).toMatchObject([
    { account: 'exchange-account-1', credits: bank.incoming_transactions.length },
  ]);
  expect(report.log.head.size).toBe(report.log.events);
  expect(whileRunning.code).toBe(0);
  const page = readFileSync(join(folder, 'report.html'), 'utf8');
  expect(page).toContain('No finding: every coin and every cent of the ledger is accounted for.');
  expect(page).toContain('<polyline');
  expect(page).not.toMatch(/<script|<link|src=|url\(|href="(?!#)/);
});

test('its event feed says the same as its folder', () => {
  expect(overFeed).toMatchObject({ code: 0 });
  const [fed, read] = [overFeed.out, whileRunning.out].map((text) => JSON.parse(text));
  expect(fed.log.events).toBeGreaterThanOrEqual(read.log.events);
  expect(fed).toMatchObject({ verdict: 'clean', sums: read.sums, denominations: read.denominations });
});

describe('the bank', () => {
  test.each(BANK_FRAUDS.map((one) => [one.codes[0], one.what, one] as const))(
    '%s: %s',
    async (_code, _what, planted) => {
      const changed = structuredClone(bank);
      planted.plant(changed);
      const path = join(folder, 'bank.json');
      writeFileSync(path, JSON.stringify(changed));
      const replay = await replayed(new Insider(evidence));
      // Asked an hour later, so that nothing is excused by its being new.
      const history = await readBank(path, 'KUDOS');
      compareBank(replay, [{ ...history, askedAt: history.askedAt + 3600 }], replay.lastAt);
      expect([...replay.findings.counts.keys()].sort()).toEqual([...planted.codes].sort());
    },
  );

  test('bank-debit-late: an order that the bank never got', async () => {
    const insider = new Insider(evidence);
    const confirmed = insider.the('TransferConfirmed');
    const { wtid } = insider.the('TransferRequested', ({ stream }) => stream === confirmed.stream).data;
    insider.remove(confirmed);
    const rows = bank.outgoing_transactions.filter((row) => row.wtid !== wtid);
    const path = join(folder, 'bank.json');
    writeFileSync(path, JSON.stringify({ ...bank, outgoing_transactions: rows }));
    const replay = await replayed(insider);
    const history = await readBank(path, 'KUDOS');
    const later = history.askedAt + 2 * 86_400;
    compareBank(replay, [{ ...history, askedAt: later }], later);
    expect([...replay.findings.counts.keys()]).toEqual(['bank-debit-late']);
  });

  test('an account that was made up, or given up, keeps nobody from the comparison', async () => {
    const insider = new Insider(evidence);
    const { stream, type, data } = insider.the('WireAccountEnabled');
    const thief = { ...data, account: 'thief', paytoUri: newAccount() };
    insider.insert([{ stream, type, data: thief }]);
    insider.insert([{ stream, type: 'WireAccountDisabled', data: disabled(data.paytoUri as string, data.at) }]);
    const replay = await replayed(insider);
    const path = join(folder, 'bank.json');
    const changed = structuredClone(bank);
    changed.outgoing_transactions.shift();
    writeFileSync(path, JSON.stringify(changed));
    const history = await readBank(path, 'KUDOS');
    const { missing } = compareBank(replay, [{ ...history, askedAt: history.askedAt + 3600 }], replay.lastAt);
    expect(codesOf(replay)).toEqual(['bank-debit-missing', 'master-signature-invalid']);
    expect(missing).toEqual([]);
  });

  test('rows alone, the newest first, are a history', async () => {
    const path = join(folder, 'rows.json');
    const incoming_transactions = [...bank.incoming_transactions].reverse();
    const outgoing_transactions = [...bank.outgoing_transactions].reverse();
    writeFileSync(path, JSON.stringify({ incoming_transactions, outgoing_transactions }));
    const replay = await replayed(new Insider(evidence));
    const history = await readBank(path, 'KUDOS');
    const { accounts } = compareBank(replay, [{ ...history, askedAt: history.askedAt + 3600 }], replay.lastAt);
    expect(codesOf(replay)).toEqual([]);
    expect(accounts).toMatchObject([{ account: 'exchange-account-1', credits: incoming_transactions.length }]);
  });

  test('bank-credit-unknown: a credit that was made up, and is dated years ahead', async () => {
    const insider = new Insider(evidence);
    const funded = insider.all('ReserveFunded').at(-1) as Written;
    for (const { data } of insider.unitOf(funded)) data.bankTime += 10 * 365 * 86_400;
    const { bankRow, amount } = funded.data;
    const path = join(folder, 'without.json');
    const known = bank.incoming_transactions.filter(({ row_id }) => String(row_id) !== bankRow);
    writeFileSync(path, JSON.stringify({ ...bank, incoming_transactions: known }));
    const replay = await replayed(insider);
    const history = await readBank(path, 'KUDOS');
    compareBank(replay, [{ ...history, askedAt: replay.lastAt + 3600 }], replay.lastAt);
    const found = replay.findings.kept.find(({ code }) => code === 'bank-credit-unknown');
    expect(found).toMatchObject({ gain: -unitsOfMoney(amount) });
  });

  test('a history that is none is no audit', async () => {
    const path = join(folder, 'no-bank.json');
    writeFileSync(path, '{"incoming_transactions":[{"row_id":"one"}]}');
    const ledger = await exported(new Insider(evidence), 'with-no-bank.jsonl');
    const ended = await auditor('--from', ledger, '--bank', path);
    expect(ended).toMatchObject({ code: 2, out: '', err: expect.stringContaining('no-bank.json') });
  });
});

describe('what an auditor knows besides', () => {
  const DAY = 86_400;

  test('master-key-wrong: another master key than his', async () => {
    const replay = await replayed(new Insider(evidence), { masterPub: noise(32) });
    expect(codesOf(replay)).toEqual(['master-key-wrong', 'master-signature-invalid']);
  });

  test('sealed-account-wrong: another account under the seal', async () => {
    const insider = new Insider(evidence);
    const funded = insider.the('ReserveFunded');
    const honest = funded.data.sealedOrigin as string;
    const keys = new Map(
      readdirSync(join(insider.keysFolder, 'accounts')).map((name) => {
        const { hPayto, key } = JSON.parse(readFileSync(join(insider.keysFolder, 'accounts', name), 'utf8'));
        return [hPayto as string, decodeBase32(key as string, 32)] as const;
      }),
    );
    // What is sealed under a key that was destroyed since cannot be opened, and is counted, not blamed.
    funded.data.sealedOrigin = noise(80);
    const forgotten = await replayed(insider, { accountKeys: keys });
    expect(codesOf(forgotten)).toEqual([]);
    expect(forgotten.accounts.seals.unopened).toBe(1);
    funded.data.sealedOrigin = `${honest.slice(0, -8)}00000000`;
    expect(codesOf(await replayed(insider, { accountKeys: keys }))).toEqual(['sealed-account-wrong']);
    const other = insider.the('ReserveFunded', ({ data }) => data.originAccount !== funded.data.originAccount);
    funded.data.sealedOrigin = other.data.sealedOrigin;
    expect(codesOf(await replayed(insider, { accountKeys: keys }))).toEqual(['sealed-account-wrong']);
  });

  test('reserve-not-closed, purse-not-closed: what is long overdue', async () => {
    const insider = new Insider(evidence);
    insider.insert(ownPurse(insider, [{ coin: mint(insider, insider.offer('KUDOS:10')), amount: 'KUDOS:1' }]).unit);
    const replay = await replayed(insider);
    expect(codesOf(replay)).toEqual([]);
    await replay.settle(replay.lastAt + 40 * DAY);
    expect(codesOf(replay)).toEqual(['purse-not-closed', 'reserve-not-closed']);
  });

  test('purse-not-closed: a purse that ended and gave nothing back, long before its time', async () => {
    const insider = new Insider(evidence);
    const refunded = insider.the('PurseCoinsRefunded');
    const { expiresAt } = insider.the('PurseCreated', ({ stream }) => stream === refunded.stream).data;
    insider.the('PurseCreated', ({ stream }) => stream === refunded.stream).data.expiresAt = expiresAt + 400 * DAY;
    insider.remove(...insider.unitOf(refunded));
    const replay = await replayed(insider);
    await replay.settle(replay.lastAt + 2 * DAY);
    const found = replay.findings.kept.filter(({ code }) => code === 'purse-not-closed');
    expect(found).toMatchObject([{ event: { stream: refunded.stream.replace(`${insider.instance}.`, '') } }]);
  });

  test('time-implausible: a clock that is ahead of everybody’s', async () => {
    const replay = await replayed(new Insider(evidence));
    await replay.settle(replay.lastAt - 300);
    expect(codesOf(replay)).toEqual([]);
    await replay.settle(replay.lastAt - 3_600);
    expect(codesOf(replay)).toEqual(['time-implausible']);
  });

  test('an offer that the master key should have signed twice over is one finding', async () => {
    const insider = new Insider(evidence);
    Object.assign(insider.the('WireAccountEnabled').data, {
      masterSignatureAdd: forged(),
      masterSignatureWire: forged(),
      masterSignatureWireOld: forged(),
    });
    expect((await replayed(insider)).findings.counts).toEqual(new Map([['master-signature-invalid', 1]]));
  });

  test('escrow-mismatch: sums that nothing explains', async () => {
    const replay = await replayed(new Insider(evidence));
    replay.totals.sums.paid -= 1n;
    replay.conclude();
    expect(replay.findings.kept).toMatchObject([{ code: 'escrow-mismatch', gain: 1n }]);
  });

  test('terms-missing: a ledger that does not begin with its terms', async () => {
    const insider = new Insider(evidence);
    insider.events.unshift(...insider.events.splice(1, 1));
    expect(codesOf(await replayed(insider))).toContain('terms-missing');
  });

  test.each<readonly [string, (insider: Insider) => void]>([
    ['rotten', (insider) => Object.assign(insider.events[0] as Written, { leaf: new Uint8Array(32) })],
    ['not of their schema', (insider) => Object.assign(insider.the('ExchangeConfigured').data, { extra: 1 })],
    ['gone', (insider) => insider.remove(insider.events[0] as Written)],
  ])('terms that are %s hide nothing else', async (_, damage) => {
    const insider = new Insider(evidence);
    const funded = insider.the('ReserveFunded', ({ data }) => data.amount === 'KUDOS:60');
    funded.data.amount = plus('KUDOS:60', 1n);
    damage(insider);
    const codes = codesOf(await replayed(insider)).filter((code) => !code.startsWith('event-'));
    expect(codes).toEqual(['credit-mismatch', 'terms-missing']);
  });

  test('sums larger than any amount of the protocol have a report', async () => {
    const insider = new Insider(evidence);
    const { stream, data } = insider.the('ReserveFunded', ({ data }) => data.amount === 'KUDOS:60');
    for (let times = 0; times < 2; times += 1) {
      const invented = { ...data, amount: `KUDOS:${2n ** 52n}`, bankRow: `${900 + times}` };
      insider.insert([{ stream, type: 'ReserveFunded', data: invented }]);
    }
    const path = await exported(insider, 'huge.jsonl');
    const ended = await auditor('--from', path, '--memory', join(folder, 'huge'), '--quiet', '--json', '-');
    expect(ended).toMatchObject({ code: 1, err: '' });
    const { sums, findings } = JSON.parse(ended.out);
    expect(sums.reserves).toMatch(/^KUDOS:90071992547\d{5}\./);
    expect(findings.byCode).toContainEqual(expect.objectContaining({ code: 'credit-invented', count: 2 }));
  });
});

describe('an auditor remembers', () => {
  const change = (insider: Insider): void => {
    const funded = insider.the('ReserveFunded', ({ data }) => data.amount === 'KUDOS:60');
    for (const event of insider.unitOf(funded)) event.data.amount = plus(event.data.amount, 1n);
  };
  const cutOff = (insider: Insider): void => {
    for (let count = 0; count < 2; count += 1) insider.remove(...insider.unitOf(insider.events.at(-1) as Written));
  };

  test('history-rewritten: an old event changed, every hash and the head made anew', async () => {
    const insider = new Insider(evidence);
    change(insider);
    const path = await exported(insider, 'rewritten.jsonl');
    const known = await auditor('--from', path, '--memory', join(folder, 'first'));
    expect(known.out).toMatch(/^history-rewritten: /m);
    expect(known.out).toMatch(/^1 finding: history-rewritten\./m);
    expect(known.code).toBe(1);
    const stranger = await auditor('--from', path, '--memory', join(folder, 'stranger'));
    expect(stranger).toMatchObject({ code: 0 });
  });

  test('history-shortened: the newest events gone, the head made anew', async () => {
    const insider = new Insider(evidence);
    cutOff(insider);
    const path = await exported(insider, 'shortened.jsonl');
    const ended = await auditor('--from', path, '--memory', join(folder, 'first'), '--quiet');
    expect(ended).toMatchObject({ code: 1, err: '' });
    expect(ended.out).toMatch(/^1 finding: history-shortened\./m);
  });

  test('split-view: two auditors with signed heads that contradict each other', async () => {
    const [first, stranger] = [join(folder, 'first/heads'), join(folder, 'stranger/heads')];
    const ended = await auditor('compare', first, stranger);
    expect(ended).toMatchObject({ code: 1, out: expect.stringMatching(/^split-view: /) });
    expect(await auditor('compare', first, first)).toMatchObject({ code: 0 });
  });

  test('one who saw less is brought together by a proof, and a false history is not', async () => {
    const insider = new Insider(evidence);
    cutOff(insider);
    const [short, whole] = [
      await exported(insider, 'short.jsonl'),
      await exported(new Insider(evidence), 'whole.jsonl'),
    ];
    const [early, late] = [join(folder, 'early'), join(folder, 'late')];
    expect((await auditor('--from', short, '--memory', early)).code).toBe(0);
    expect((await auditor('--from', whole, '--memory', late)).code).toBe(0);
    const heads = [join(early, 'heads'), join(late, 'heads')];
    const [from, to] = [insider.events.length, evidence.events.length].map(String) as [string, string];
    const open = await auditor('compare', ...heads);
    expect(open).toMatchObject({ code: 2, out: expect.stringContaining(`audit prove ${from} ${to}`) });
    const proof = join(folder, 'proof.json');
    expect((await auditor('prove', from, to, '--from', whole, '--out', proof)).code).toBe(0);
    expect(await auditor('compare', ...heads, '--proof', proof)).toMatchObject({ code: 0 });
    change(insider);
    rmSync(early, { recursive: true });
    expect((await auditor('--from', await exported(insider, 'short.jsonl'), '--memory', early)).code).toBe(0);
    expect(await auditor('compare', ...heads, '--proof', proof)).toMatchObject({ code: 1 });
  });

  test('an audit goes on from its checkpoint, and what was found stays found', async () => {
    const memory = join(folder, 'incremental');
    const insider = new Insider(evidence);
    cutOff(insider);
    const short = await exported(insider, 'grows.jsonl');
    expect((await auditor('--from', short, '--memory', memory)).code).toBe(0);
    const whole = new Insider(evidence);
    const { stream, data } = whole.the('ReserveFunded');
    const dates = whole.events.filter((event) => event.stream === stream).map((event) => event.data.collectableAt ?? 0);
    const collectableAt = Math.max(...(dates as number[])); // withdrawals have moved it since
    whole.insert([{ stream, type: 'ReserveFunded', data: { ...data, collectableAt } }]);
    await exported(whole, 'grows.jsonl');
    const found = await auditor('--from', short, '--memory', memory, '--incremental', '--json', '-');
    expect(JSON.parse(found.out)).toMatchObject({ mode: 'continued from a checkpoint', findings: { total: 1 } });
    expect(JSON.parse(found.out).findings.list[0]).toMatchObject({ code: 'credit-invented', kind: 'money' });
    const again = await auditor('--from', short, '--memory', memory, '--incremental', '--json', '-');
    expect(JSON.parse(again.out).findings).toMatchObject({ total: 1 });
    const quick = ['--from', short, '--memory', join(folder, 'quick'), '--incremental', '--json', '-', '--quiet'];
    expect(JSON.parse((await auditor(...quick, '--no-signatures')).out)).toMatchObject({ mode: 'full replay' });
    const signed = JSON.parse((await auditor(...quick)).out); // signatures that nobody checked are not gone on from
    expect(signed).toMatchObject({ mode: 'full replay', checked: { signatures: expect.any(Number) } });
    const [name] = readdirSync(memory).filter((file) => file.endsWith('.checkpoint'));
    const path = join(memory, name as string);
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    writeFileSync(path, bytes);
    const refused = await auditor('--from', short, '--memory', memory, '--incremental');
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('was changed') });
  });
});

test('a log that is followed over its feed: a bad event is reported as it comes', async () => {
  const insider = new Insider(evidence);
  const server = createServer((request, reply) => {
    const isKnown = request.headers.authorization === 'Bearer secret-token';
    void exportOf(insider).then((text) => reply.writeHead(isKnown ? 200 : 401).end(isKnown ? text : ''));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`;
  const args = ['--from', url, '--memory', join(folder, 'follower'), '--follow', '--quiet'];
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: { ...process.env, FLORIN_FEED_TOKEN: 'secret-token' },
  });
  let out = '';
  const said = (what: RegExp): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (what.test(out)) resolve();
      };
      child.stdout.on('data', look);
      look();
    });
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  await said(/^following /m);
  expect(out).toMatch(/^No finding: /m);
  insider.insert(
    ownPurse(
      insider,
      Array.from({ length: 3 }, () => payment(insider)),
    ).unit,
  );
  await said(/^emergency-count: /m);
  child.kill('SIGTERM');
  expect(await ended).toBe(1);

  const refused = await auditor('--from', url);
  expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('answers 401') });
});

const payment = (insider: Insider) => ({ coin: mint(insider, insider.offer('KUDOS:10')), amount: 'KUDOS:1' });

test('an export that was cut off is no audit', async () => {
  const text = await exportOf(new Insider(evidence));
  const path = join(folder, 'cut.jsonl');
  writeFileSync(path, text.slice(0, text.length / 2));
  const ended = await auditor('--from', path, '--memory', join(folder, 'cut'), '--quiet');
  expect(ended).toMatchObject({ code: 2, err: expect.stringContaining('cut off') });
});
