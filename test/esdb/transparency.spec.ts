import { decodeBase32, encodeBase32, message } from '@florin/encoding';
import {
  type ExportedEvent,
  Frontier,
  NoteVerifier,
  readExport,
  storedLeaf,
  verifyInclusion,
} from '@florin/event-store';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newPlanchets, withdraw } from '../e2e/support/coins.js';
import { expectOk, type Json, type Reply, send } from '../e2e/support/http.js';
import { readOffers } from '../e2e/support/offers.js';
import { eventually, fundedReserve } from '../e2e/support/reserves.js';
import { type TestServer, testServer } from '../support/eventstoredb/test-server.js';
import { type Node, Site } from './site.js';

// Heads, proofs and feed of nodes whose store keeps no tree: each node makes its own, and they agree.
let server: TestServer;
let site: Site;

beforeAll(async () => {
  server = await testServer();
  site = await Site.start(server.connectionString, 'a', 'b');
});
afterAll(async () => {
  await site?.close();
  await server?.close();
});

const at = (index: number): Node => site.nodes[index] as Node;
const log = ({ baseUrl }: Node, path: string, headers = {}): Promise<Reply> =>
  send(`${baseUrl}log/${path}`, { headers });
const hashes = (proof: unknown): Uint8Array[] => (proof as string[]).map((text) => Buffer.from(text, 'base64'));

async function verifierOf(node: Node): Promise<NoteVerifier> {
  const { origin, log_pub } = expectOk(await log(node, 'key'));
  return new NoteVerifier(origin as string, decodeBase32(log_pub as string, 32));
}

/** All events from `first` on, and what the last line says. */
async function feed(node: Node, first = 0) {
  const reply = await log(node, `events?first=${first}`, { Authorization: `Bearer ${node.auditorCredential}` });
  expect(reply.status).toBe(200);
  const events: ExportedEvent[] = [];
  let tail = { head: '', next: -1 };
  async function* bytes() {
    yield reply.bytes;
  }
  for await (const line of readExport(bytes())) {
    if (line.kind === 'event') events.push(line.event);
    else if (line.kind === 'tail') tail = line.tail;
    else expect(line.kind).toBe('header');
  }
  return { events, tail };
}

/** A withdrawal at one node, and its reserve's events as another one proves them. */
async function proven(withdrawn: Node, asked: Node) {
  const offers = await readOffers(withdrawn.baseUrl);
  const reserve = await fundedReserve(withdrawn, '3');
  expectOk(await withdraw(withdrawn.baseUrl, reserve, newPlanchets(offers, '1', '1')));
  const signature = reserve.sign(message('ReserveHistoryRequest', { startOff: 0n }));
  const headers = { 'Taler-Reserve-History-Signature': signature };
  const { stream, events, checkpoint } = expectOk(await log(asked, `reserves/${reserve.pub}`, headers));
  const { size, root } = (await verifierOf(asked)).open(checkpoint as string);
  for (const { index, number, type, version, written_at_us, data, proof } of events as Json[]) {
    const leaf = storedLeaf({ stream, number, type, version, writtenAtUs: written_at_us, text: data } as never);
    expect(verifyInclusion(hashes(proof), { leaf, index: index as number, size, root })).toBe(true);
  }
  return (events as Json[]).map(({ type }) => type);
}

test('a node proves what another one has committed', async () => {
  expect(await proven(at(0), at(1))).toEqual(['ReserveFunded', 'CoinsWithdrawn']);
  expect(await proven(at(1), at(0))).toEqual(['ReserveFunded', 'CoinsWithdrawn']);
});

test('the feeds of all nodes give the tree that each of them signs', async () => {
  for (const node of site.nodes) {
    const { events, tail } = await feed(node);
    const frontier = Frontier.empty();
    for (const { data, ...event } of events) frontier.append(storedLeaf({ ...event, text: JSON.stringify(data) }));
    const { size, root } = (await verifierOf(node)).open(tail.head);
    expect({ size, next: tail.next, root: encodeBase32(root) }).toEqual({
      size: events.length,
      next: events.length,
      root: encodeBase32(frontier.root()),
    });
    const middle = events.find(({ index, unitFirst }) => index > 10 && index === unitFirst) as ExportedEvent;
    expect((await feed(node, middle.index)).events[0]).toEqual(middle);
  }
});

test('the tree goes on where it was after a restart', async () => {
  await at(1).stop();
  await site.startNode('b');
  expect(await proven(at(0), at(1))).toEqual(['ReserveFunded', 'CoinsWithdrawn']);
  await eventually(async () => {
    const [one, other] = await Promise.all([feed(at(0)), feed(at(1))]);
    return one.tail.next === other.tail.next && JSON.stringify(one.events) === JSON.stringify(other.events)
      ? true
      : undefined;
  });
});
