import { decodeBase32, message, parseTimestamp } from '@florin/encoding';
import {
  type ExportedEvent,
  Frontier,
  NoteVerifier,
  readExport,
  storedLeaf,
  verifyConsistency,
  verifyInclusion,
} from '@florin/event-store';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningExchange, startExchange } from '../support/exchange.js';
import { newPlanchets, newReserve, type Reserve, withdraw } from './support/coins.js';
import { expectOk, expectRefusal, type Json, type Reply, send } from './support/http.js';
import { type Offers, readOffers } from './support/offers.js';
import { oracle } from './support/oracle.js';
import { fundedReserve } from './support/reserves.js';

// What the exchange shows of its ledger, and what its readers can check without trusting it.
let exchange: RunningExchange;
let offers: Offers;

beforeAll(async () => {
  exchange = await startExchange({ onTestServer: true });
  offers = await readOffers(exchange.baseUrl);
});
afterAll(async () => {
  expect(await exchange.stop()).toBe(0);
  exchange.remove();
});

const log = (path: string, headers = {}): Promise<Reply> => send(`${exchange.baseUrl}log/${path}`, { headers });
const feed = (query = ''): Promise<Reply> =>
  log(`events${query}`, { Authorization: `Bearer ${exchange.auditorCredential}` });
const hashes = (proof: unknown): Uint8Array[] => (proof as string[]).map((text) => Buffer.from(text, 'base64'));

/** The newest head, its signature checked down from the master key. */
async function head() {
  const { master_public_key } = expectOk(await send(`${exchange.baseUrl}keys`));
  const { origin, log_pub, keys } = expectOk(await log('key'));
  const [{ validity_start, ...key } = {} as Json] = keys as Json[];
  expect(key.log_pub).toBe(log_pub);
  const logPub = decodeBase32(log_pub as string, 32);
  const signed = message('LogKeyValidity', { logPub, start: parseTimestamp(validity_start) });
  const master = decodeBase32(master_public_key as string, 32);
  expect(oracle.eddsa.verify(signed, decodeBase32(key.master_sig as string, 64), master)).toBe(true);
  const { text, headers } = await log('checkpoint');
  expect(headers['content-type']).toMatch(/^text\/plain/);
  return new NoteVerifier(origin as string, logPub).open(text);
}

/** What an answer of the feed says, line by line. */
async function read(reply: Reply) {
  expect({ status: reply.status, text: reply.text.slice(0, 300) }).toMatchObject({ status: 200 });
  const lines = [];
  for await (const line of readExport(asChunks(reply.bytes))) lines.push(line);
  const [first, last] = [lines[0], lines.at(-1)];
  if (first?.kind !== 'header' || last?.kind !== 'tail') throw new Error(reply.text);
  const events = lines.flatMap((line): ExportedEvent[] => (line.kind === 'event' ? [line.event] : []));
  expect(events).toHaveLength(lines.length - 2);
  return { header: first.header, events, tail: last.tail };
}

async function* asChunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

const leafOf = ({ data, ...event }: ExportedEvent): Uint8Array => storedLeaf({ ...event, text: JSON.stringify(data) });

const ownerOf = (reserve: Reserve, start = 0) => ({
  'Taler-Reserve-History-Signature': reserve.sign(message('ReserveHistoryRequest', { startOff: BigInt(start) })),
});

async function coins(): Promise<Reserve> {
  const reserve = await fundedReserve(exchange, '10');
  expectOk(await withdraw(exchange.baseUrl, reserve, newPlanchets(offers, '1', '1')));
  return reserve;
}

test('an auditor computes the tree over the feed, and it is the one whose head is signed', async () => {
  await coins();
  const { header, events, tail } = await read(await feed());
  expect(header.first).toBe(0);
  expect(events.map(({ index }) => index)).toEqual(events.map((_, index) => index));
  const frontier = Frontier.empty();
  for (const event of events) frontier.append(leafOf(event));
  const { origin, log_pub } = expectOk(await log('key'));
  const seen = new NoteVerifier(origin as string, decodeBase32(log_pub as string, 32)).open(tail.head);
  expect({ size: seen.size, root: Buffer.from(seen.root) }).toEqual({
    size: tail.next,
    root: Buffer.from(frontier.root()),
  });
  expect(header.origin).toBe(origin);
});

test('the feed goes on where it ended, in pieces of whole units, and waits for what is new', async () => {
  const all = await read(await feed());
  const events: ExportedEvent[] = [];
  let end = 0;
  while (end < all.tail.next) {
    const piece = await read(await feed(`?limit=3&first=${end}`));
    expect(piece.header.first).toBe(end);
    expect(piece.events[0]?.unitFirst).toBe(end);
    events.push(...piece.events);
    end = piece.tail.next;
  }
  expect(events.slice(0, all.events.length)).toEqual(all.events);
  const waiting = feed(`?first=${end}&timeout_ms=100000`);
  await coins();
  const news = await read(await waiting);
  expect(news.events.length).toBeGreaterThan(0);
  const nothing = await read(await feed(`?first=${news.tail.next}&limit=100000`));
  expect(nothing.header.first).toBe(news.tail.next);
});

test('a feed that is to begin inside of a unit begins with the unit', async () => {
  const { events } = await read(await feed());
  const inside = events.find(({ index, unitFirst }) => index > unitFirst) as ExportedEvent;
  const piece = await read(await feed(`?first=${inside.index}&limit=1`));
  expect(piece.header.first).toBe(inside.unitFirst);
  expect(piece.events).toEqual(events.filter(({ unitFirst }) => unitFirst === inside.unitFirst));
});

test('the feed opens for its own credential only, and begins where there is something', async () => {
  expectRefusal(await log('events'), 401, 40);
  expectRefusal(await log('events', { Authorization: `Bearer ${exchange.adminCredential}` }), 401, 40);
  const admin = await send(`${exchange.adminUrl}status`, {
    headers: { Authorization: `Bearer ${exchange.auditorCredential}` },
  });
  expect(admin.status).toBe(401);
  for (const first of ['-1', '1.5', '%00', 10 ** 9]) expectRefusal(await feed(`?first=${first}`), 400, 26);
  expectRefusal(await feed('?limit=0'), 400, 26);
  expectRefusal(await feed('?limit=all'), 400, 26);
});

test('a later head contains an earlier one', async () => {
  const earlier = await head();
  const reserve = await coins();
  expectOk(await log(`reserves/${reserve.pub}`, ownerOf(reserve))); // a head covers them: on EventStoreDB, soon
  const later = await head();
  expect(later.size).toBeGreaterThan(earlier.size);
  const { from, to, proof } = expectOk(await log(`consistency?from=${earlier.size}&to=${later.size}`));
  expect({ from, to }).toEqual({ from: earlier.size, to: later.size });
  const sizes = { from: earlier.size, fromRoot: earlier.root, to: later.size, toRoot: later.root };
  expect(verifyConsistency(hashes(proof), sizes)).toBe(true);
  expect(verifyConsistency(hashes(proof), { ...sizes, fromRoot: later.root })).toBe(false);
  for (const query of ['from=-1', `from=2&to=1`, `to=${10 ** 9}`, 'to=x']) {
    expectRefusal(await log(`consistency?${query}`), 400, 26);
  }
});

test('any leaf is proven, and nothing beyond the end', async () => {
  const { events } = await read(await feed());
  const { size, root } = await head();
  for (const event of [events[0], events[7], events.at(-1)] as ExportedEvent[]) {
    const { proof } = expectOk(await log(`inclusion?index=${event.index}&size=${size}`));
    const place = { leaf: leafOf(event), index: event.index, size, root };
    expect(verifyInclusion(hashes(proof), place)).toBe(true);
    expect(verifyInclusion(hashes(proof), { ...place, leaf: leafOf({ ...event, number: 77 }) })).toBe(false);
  }
  for (const query of [`index=${size}&size=${size}`, `size=${10 ** 9}`, 'size=0', 'index=1.5']) {
    expectRefusal(await log(`inclusion?${query}`), 400, 26);
  }
});

test('the owner of a reserve gets its events with their proofs, and nobody else', async () => {
  const reserve = await coins();
  const path = `reserves/${reserve.pub}`;
  const { stream, events, complete, checkpoint } = expectOk(await log(path, ownerOf(reserve)));
  const { origin, log_pub } = expectOk(await log('key'));
  const { size, root } = new NoteVerifier(origin as string, decodeBase32(log_pub as string, 32)).open(
    checkpoint as string,
  );
  expect({ stream, complete }).toEqual({ stream: `${exchange.instance}.reserve-${reserve.pub}`, complete: true });
  expect((events as Json[]).map(({ type }) => type)).toEqual(['ReserveFunded', 'CoinsWithdrawn']);
  for (const { index, number, type, version, written_at_us, data, proof } of events as Json[]) {
    const stored = { stream, number, type, version, writtenAtUs: written_at_us, text: data };
    const leaf = storedLeaf(stored as Parameters<typeof storedLeaf>[0]);
    expect(verifyInclusion(hashes(proof), { leaf, index: index as number, size, root })).toBe(true);
  }
  const rest = expectOk(await log(`${path}?start=1`, ownerOf(reserve, 1)));
  expect((rest.events as Json[]).map(({ number }) => number)).toEqual([1]);
  expectRefusal(await log(path), 400, 25);
  expectRefusal(await log(path, ownerOf(newReserve())), 403, 1252);
  expectRefusal(await log(`${path}?start=1`, ownerOf(reserve, 0)), 403, 1252);
  const unknown = newReserve();
  expectRefusal(await log(`reserves/${unknown.pub}`, ownerOf(unknown)), 404, 1027);
  expectRefusal(await log('reserves/nonsense'), 400, 27);
});
