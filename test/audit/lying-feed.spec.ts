import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { EndlessExport } from './endless-export.js';
import { auditor, type Ended, PROGRAM } from './tools.js';

// A feed is believed in nothing: neither that it shows all there is, nor that it ends, nor what it calls itself.
const folder = mkdtempSync(join(tmpdir(), 'florin-lying-'));
let log: EndlessExport;
let memories = 0;

beforeAll(async () => {
  log = await EndlessExport.of(3_000);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Answer = (first: number, reply: ServerResponse) => void;
const memory = (): string => join(folder, `memory-${++memories}`);
const options = (url: string, kept: string) => ['--from', url, '--memory', kept, '--no-signatures', '--quiet'];

async function serve(answer: Answer): Promise<string> {
  const server = createServer((request, reply) => {
    answer(Number(new URL(request.url ?? '', 'http://localhost').searchParams.get('first')), reply);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const audited = async (answer: Answer, kept = memory()): Promise<Ended> =>
  auditor(...options(await serve(answer), kept));

/** The page of whole units that begins with an event. */
function page(first: number, events = 700): string[] {
  const { length } = log.events;
  return log.lines({ first, end: length, next: log.unitOf(Math.min(first + events, length)) });
}

/** What the last line says of where to go on. */
const goingOnAt = (lines: readonly string[], next: number): string[] => [
  ...lines.slice(0, -1),
  (lines.at(-1) as string).replace(/"next":[0-9]+/, `"next":${next}`),
];

test.each<readonly [string, Answer]>([
  ['goes on at its beginning', (first, reply) => reply.end(goingOnAt(page(first), 0).join(''))],
  [
    'has pages without events',
    (first, reply) => {
      const [header = '', ...rest] = page(first);
      reply.end((first === 0 ? [header, ...rest] : goingOnAt([header, rest.at(-1) as string], first + 1)).join(''));
    },
  ],
  [
    'denies what its head covers',
    (first, reply) => (first === 0 ? reply.end(page(first).join('')) : reply.writeHead(400).end()),
  ],
])('a feed that %s has left events out', async (_, answer) => {
  const ended = await audited(answer);
  expect(ended).toMatchObject({ code: 1, err: '', out: expect.stringMatching(/^event-missing: /m) });
});

test('head-invalid: a log under another name is not another log', async () => {
  const kept = memory();
  const whole = log.lines().join('');
  expect(await audited((_, reply) => reply.end(whole), kept)).toMatchObject({ code: 0 });
  const rewritten = log.changed((event) =>
    event.index === 50 ? { ...event, writtenAtUs: event.writtenAtUs + 1 } : event,
  );
  const renamed = rewritten.lines().join('').replace(log.origin, 'florin/endless/another');
  const ended = await audited((_, reply) => reply.end(renamed), kept);
  expect(ended).toMatchObject({ code: 1, out: expect.stringMatching(/^head-invalid: /m) });
});

test.each<readonly [string, string, (reply: ServerResponse, header: string) => void]>([
  ['no events', 'sends more than', (reply, header) => flood(reply, header, '{"x":1}\n'.repeat(5_000))],
  ['no lines', 'without end', (reply, header) => flood(reply, header, 'x'.repeat(100_000))],
  ['nothing', 'without end', (reply, header) => flood(reply, header, '\n'.repeat(100_000))],
])('an answer without end, of %s, cannot be audited: exit code 2', async (_, words, answer) => {
  let asked = 0;
  const ended = await audited((first, reply) => {
    asked += 1;
    if (asked > 2) answer(reply, page(first)[0] as string);
    else reply.end(page(first).join(''));
  });
  expect(ended).toMatchObject({ code: 2, out: '', err: expect.stringContaining(words) });
});

function flood(reply: ServerResponse, header: string, text: string): void {
  reply.write(header);
  const more = (): void => {
    while (!reply.destroyed && reply.write(text));
  };
  reply.on('drain', more);
  more();
}

/** A page in which the second event is not there. */
const gap = (first: number): string =>
  page(first)
    .filter((_, place) => place !== 2)
    .join('');

test('a feed that breaks off hides nothing of what was found before', async () => {
  const ended = await audited((first, reply) => (first > 0 ? reply.writeHead(500).end() : reply.end(gap(0))));
  expect(ended).toMatchObject({ code: 2, out: '' });
  expect(ended.err).toMatch(/answers 500; found until there, in [0-9]+ events: event-missing/);
});

test('a feed that breaks off when the evidence is asked for has a report without it', async () => {
  let asked = 0;
  const lines = log.lines();
  lines.splice(2, 1);
  // For its name, for its size, for the events; and once more for the evidence.
  const ended = await audited((_, reply) => (++asked > 3 ? reply.writeHead(500).end() : reply.end(lines.join(''))));
  expect(asked).toBe(4);
  expect(ended).toMatchObject({ code: 1, err: '', out: expect.stringMatching(/^event-missing: /m) });
});

test('a feed that hangs is not waited for when the audit is interrupted; it goes on from the last page', async () => {
  const kept = memory();
  let isHanging = true;
  const url = await serve((first, reply) => {
    if (first < 1_000 || !isHanging) reply.end(page(first).join(''));
    else child.kill('SIGTERM');
  });
  const args = [...options(url, kept), '--incremental', '--json', '-'];
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(2);
  expect(said).toMatch(/interrupted after 1[0-9]{3} events; --incremental goes on from there/);
  isHanging = false;
  const ended = await auditor(...args);
  expect(ended).toMatchObject({ code: 0 });
  expect(JSON.parse(ended.out)).toMatchObject({ mode: 'continued from a checkpoint' });
});
