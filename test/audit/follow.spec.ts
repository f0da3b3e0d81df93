import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { lastingPort } from '../support/ports.js';
import { EndlessExport } from './endless-export.js';
import { auditor, PROGRAM } from './tools.js';

// A feed that is followed goes away, breaks off, comes back, and at last shows another history.
interface Feed {
  readonly url: string;
  /** Ends the service and its connections. */
  stop(): Promise<void>;
}

/** Answers as an exchange does, in pages of whole units. @param broken so many bytes of an answer are sent, if given */
const answering =
  (log: () => EndlessExport, limit: number, broken?: () => number | undefined): RequestListener =>
  (request, reply) => {
    const url = new URL(request.url ?? '', 'http://localhost');
    const first = log().unitOf(Number(url.searchParams.get('first')));
    const { length } = log().events;
    if (Number(url.searchParams.get('first')) > length) return void reply.writeHead(400).end('{"code":26}');
    let next = Math.min(length, first + Math.min(limit, Number(url.searchParams.get('limit'))));
    while (next < length && log().unitOf(next) !== next) next += 1;
    const text = log().lines({ first, end: length, next }).join('');
    const sent = broken?.();
    reply.writeHead(200, { 'Content-Length': Buffer.byteLength(text) });
    if (sent === undefined) reply.end(text);
    else reply.write(text.slice(0, sent), () => reply.destroy());
  };

async function serve(listener: RequestListener, port = 0): Promise<Feed> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(stop);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, stop };
}

function follow(url: string, memory: string) {
  const args = ['--from', url, '--memory', memory, '--follow', '--incremental', '--no-signatures', '--quiet'];
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  }
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const said = async (what: RegExp): Promise<void> => {
    await expect.poll(() => text, { timeout: 60_000 }).toMatch(what);
  };
  const stop = (): Promise<number | null> => {
    child.kill('SIGINT');
    return ended;
  };
  return { said, stop, text: () => text };
}

test('a feed that goes away, breaks off and comes back is gone on with', async () => {
  const memory = mkdtempSync(join(tmpdir(), 'florin-follow-'));
  onTestFinished(() => rmSync(memory, { recursive: true, force: true }));
  const whole = await EndlessExport.of(4_000);
  // Between two customers, for one in the middle of his life would be long overdue.
  const settled = whole.events.find(({ index, type }) => index > 100 && type === 'CreditBooked');
  let log = whole.upTo(settled?.index ?? 0);
  const port = await lastingPort(); // nobody else gets it while the feed is away
  const first = await serve(
    answering(() => log, 700),
    port,
  );
  const auditing = follow(first.url, memory);
  await auditing.said(/^following /m);

  await first.stop();
  await auditing.said(/cannot be reached: .*; it is tried again$/m);
  log = whole;
  let breaks = 3;
  const broken = () => (breaks-- > 0 ? 200_000 : undefined);
  const second = await serve(
    answering(() => log, 700, broken),
    port,
  );
  await auditing.said(/is there again, at event [1-9]/m);
  await expect.poll(() => auditing.text().match(/is there again, at event (\d+)$/m)?.[1]).toBeDefined();
  const code = await auditing.stop();
  expect(auditing.text()).toMatch(new RegExp(`^${whole.events.length} events, 0 findings$`, 'm'));
  expect(code).toBe(0);

  // A later audit goes on from there. The exchange has lost its newest events, then changes an old one as well.
  log = whole.upTo(whole.unitOf(3_000));
  const shortened = await auditor(
    '--from',
    second.url,
    '--memory',
    memory,
    '--incremental',
    '--no-signatures',
    '--quiet',
  );
  expect(shortened).toMatchObject({ code: 1, out: expect.stringMatching(/^history-shortened: /m) });
  log = whole.changed((event) => (event.index === 50 ? { ...event, writtenAtUs: event.writtenAtUs + 1 } : event));
  const heads = readFileSync(join(memory, 'heads'));
  const rewritten = await auditor('--from', second.url, '--memory', memory, '--no-signatures', '--quiet');
  expect(rewritten).toMatchObject({ code: 1, out: expect.stringMatching(/^history-rewritten: /m) });
  expect(readFileSync(join(memory, 'heads'))).toEqual(heads);
});

test('what is wrong with every later head is said once', async () => {
  const memory = mkdtempSync(join(tmpdir(), 'florin-follow-'));
  onTestFinished(() => rmSync(memory, { recursive: true, force: true }));
  const log = await EndlessExport.of(100);
  const changed = log.changed((event) =>
    event.index === 50 ? { ...event, writtenAtUs: event.writtenAtUs + 1 } : event,
  );
  let asked = 0;
  const lines = changed.lines();
  lines.splice(-1, 1, log.lines().at(-1) as string);
  const { url } = await serve((request, reply) => {
    asked += 1;
    const first = Number(new URL(request.url ?? '', 'http://localhost').searchParams.get('first'));
    const [header, ...rest] = lines;
    reply.end([header?.replace('"first":0', `"first":${first}`), ...rest.slice(first)].join(''));
  });
  const auditing = follow(url, memory);
  await auditing.said(/^following /m);
  const then = asked;
  await expect.poll(() => asked, { timeout: 60_000 }).toBeGreaterThan(then + 3);
  expect(await auditing.stop()).toBe(1);
  expect(auditing.text().match(/^head-mismatch/gm)).toHaveLength(1);
  expect(auditing.text()).toMatch(/ events, 1 findings$/m);
});

test('an audit that is interrupted is gone on with, and says what a whole one says', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'florin-interrupted-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const log = await EndlessExport.of(4_000);
  const answer = answering(() => log, 100);
  let asked = 0;
  const { url } = await serve((request, reply) => {
    asked += 1;
    if (asked === 5) child.kill('SIGINT'); // many pages before the last one
    answer(request, reply);
  });
  const args = ['--from', url, '--no-signatures', '--json', '-', '--incremental'];
  const [interrupted, whole] = ['interrupted', 'whole'].map((name) => join(folder, name)) as [string, string];
  const child = spawn(process.execPath, [PROGRAM, ...args, '--memory', interrupted], { stdio: 'ignore' });
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(2);
  const reports = [];
  for (const memory of [interrupted, whole]) {
    const { code, out, err } = await auditor(...args, '--memory', memory);
    expect(code).toBe(0);
    expect(err).toMatch(new RegExp(`^[0-9]+ of ${log.events.length} events, [0-9]+/s, .* left$`, 'm'));
    reports.push(JSON.parse(out));
  }
  const [resumed, full] = reports;
  expect([resumed.mode, full.mode]).toEqual(['continued from a checkpoint', 'full replay']);
  for (const report of reports) {
    delete report.auditedAt;
    delete report.mode;
    delete report.checked.seconds;
  }
  expect(resumed).toEqual(full);
});
