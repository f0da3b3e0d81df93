import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import {
  ExchangeClient,
  type ExchangeMisbehaved,
  eventLeaf,
  type Fetch,
  isBeginning,
  isIncluded,
  type LoggedEvent,
  planPayments,
} from '@florin/client';
import { serverPrimitives } from '@florin/crypto/server';
import { encodeBase32, parseAmount } from '@florin/encoding';
import {
  checkpointText,
  consistencyProof,
  Frontier,
  inclusionProof,
  type NodeSource,
  nodeHash,
  signedNote,
  storedLeaf,
} from '@florin/event-store';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fundReserve, type RunningExchange, startExchange } from '../support/exchange.js';

// The client checks what the exchange shows of its log, with code of its own: against proofs that the store makes, and
// against an exchange that serves, or lies.
const { sha256 } = serverPrimitives;

const eventOf = (number: number): LoggedEvent => ({
  stream: 'florin.reserve-ÄÖ€𝄞',
  number,
  type: 'ReserveFunded',
  version: 1,
  writtenAtUs: 1_790_000_000_000_000 + number,
  data: JSON.stringify({ amount: `KUDOS:${number}`, note: '\u2028 ü' }),
});

describe('trees and proofs', () => {
  const LEAVES = 33;
  const leaves = Array.from({ length: LEAVES }, (_, number) => eventLeaf(sha256, eventOf(number)));
  const node: NodeSource = (height, number) =>
    height === 0
      ? (leaves[number] as Uint8Array)
      : nodeHash(node(height - 1, 2 * number), node(height - 1, 2 * number + 1));
  const rootOf = (size: number): Uint8Array => Frontier.of(size, node).root();

  test('a leaf is hashed as the store hashes it', () => {
    for (const [number, leaf] of leaves.entries()) {
      const { data, ...event } = eventOf(number);
      expect(Buffer.from(leaf)).toEqual(Buffer.from(storedLeaf({ ...event, text: data })));
    }
  });

  test('every leaf of every tree is found where it is, and nowhere else', () => {
    for (let size = 1; size <= LEAVES; size += 1) {
      for (let index = 0; index < size; index += 1) {
        const proof = inclusionProof(index, size, node);
        const place = { leaf: leaves[index] as Uint8Array, index, size, root: rootOf(size) };
        expect(isIncluded(sha256, proof, place)).toBe(true);
        expect(isIncluded(sha256, proof, { ...place, leaf: sha256() })).toBe(false);
        expect(isIncluded(sha256, proof, { ...place, index: size })).toBe(false);
        expect(isIncluded(sha256, [...proof, sha256()], place)).toBe(false);
        if (size === 1) continue;
        expect(isIncluded(sha256, proof, { ...place, index: (index + 1) % size })).toBe(false);
        expect(isIncluded(sha256, proof.slice(1), place)).toBe(false);
      }
    }
  });

  test('every tree is the beginning of those that it grew into, and of no other', () => {
    for (let to = 1; to <= LEAVES; to += 1) {
      for (let from = 0; from <= to; from += 1) {
        const proof = consistencyProof(from, to, node);
        const trees = { earlier: { size: from, root: rootOf(from) }, later: { size: to, root: rootOf(to) } };
        expect(isBeginning(sha256, proof, trees)).toBe(true);
        expect(isBeginning(sha256, [...proof, sha256()], trees)).toBe(false);
        const forged = { size: from, root: sha256(Uint8Array.of(7)) };
        expect(isBeginning(sha256, proof, { ...trees, earlier: forged })).toBe(false);
        if (from === 0) continue;
        expect(isBeginning(sha256, proof, { ...trees, later: { size: to, root: forged.root } })).toBe(false);
        if (from < to) expect(isBeginning(sha256, proof.slice(1), trees)).toBe(false);
      }
    }
    const grown = { earlier: { size: 2, root: rootOf(2) }, later: { size: 1, root: rootOf(1) } };
    expect(isBeginning(sha256, [], grown)).toBe(false);
  });
});

describe('an exchange that serves', () => {
  let exchange: RunningExchange;
  let client: ExchangeClient;
  /** Changes what comes back, where a test lets the exchange lie. */
  let lie: ((path: string, body: string) => string) | undefined;

  const lying: Fetch = async (url, init) => {
    const reply = await fetch(url, init as RequestInit);
    if (!lie || reply.status !== 200) return reply;
    const path = url.slice(exchange.baseUrl.length);
    return new Response(lie(path, await reply.text()), { status: 200, headers: reply.headers });
  };

  beforeAll(async () => {
    exchange = await startExchange({ onTestServer: true });
    client = new ExchangeClient({ baseUrl: exchange.baseUrl, randomBytes, primitives: serverPrimitives, fetch: lying });
  });
  afterAll(async () => {
    expect(await exchange.stop()).toBe(0);
    exchange.remove();
  });

  async function withdrawn(amount: string) {
    const { reservePriv, reservePub } = client.newReserve();
    await fundReserve(exchange, encodeBase32(reservePub), amount);
    await client.reserve(reservePub, { timeoutMs: 60_000 });
    const { denominations } = await client.plan(parseAmount(amount));
    const planchets = await client.preparePlanchets(randomBytes(32), denominations);
    return { reservePriv, planchets, coins: await client.batchWithdraw(reservePriv, planchets) };
  }

  /** Runs `ask` while replies whose path begins so are changed. */
  async function whileLying(path: string, change: (body: string) => string, ask: () => Promise<unknown>) {
    lie = (asked, body) => (asked.startsWith(path) ? change(body) : body);
    try {
      return await ask().then(
        () => 'believed',
        (error: ExchangeMisbehaved) => (error.name === 'ExchangeMisbehaved' ? error.kind : String(error)),
      );
    } finally {
      lie = undefined;
    }
  }

  test('shows the event behind a withdrawal, which names the coins and signs them', async () => {
    const { reservePriv, planchets } = await withdrawn('KUDOS:3');
    const event = await client.log.withdrawal(reservePriv, planchets);
    expect(event).toMatchObject({ type: 'CoinsWithdrawn', number: 1 });
    const other = await withdrawn('KUDOS:2');
    await expect(client.log.withdrawal(reservePriv, other.planchets)).rejects.toThrow(/does not stand in the log/);
    await expect(client.log.withdrawal(reservePriv, planchets.slice(1))).rejects.toThrow(/coins, not/);
    await expect(client.log.withdrawal(reservePriv, [...planchets].reverse())).rejects.toThrow(/another coin 0/);
  });

  test('shows the event behind a payment into a purse', async () => {
    const { coins } = await withdrawn('KUDOS:3');
    const purse = client.purses.newKeys();
    const expiration = Math.floor(Date.now() / 1000) + 3600;
    const contract = client.purses.contract({ amount: parseAmount('KUDOS:0.5'), summary: 'Tea', expiration });
    const spendable = coins.map((coin) => ({ coin, residual: coin.value }));
    const payments = planPayments(await client.keys(), spendable, contract.amount) ?? [];
    await client.purses.create(purse, contract, payments);
    const { pursePub } = purse;
    const [{ coin } = {}] = payments;
    if (!coin) throw new Error('no coin');
    expect(await client.log.payment(coin, pursePub)).toMatchObject({ type: 'CoinSpentIntoPurse', number: 0 });
    await expect(client.log.payment(coin, randomBytes(32))).rejects.toThrow(/does not stand in the log/);
  });

  test('has a log that only grows', async () => {
    const first = await client.log.head();
    const { reservePriv, planchets } = await withdrawn('KUDOS:1');
    await client.log.withdrawal(reservePriv, planchets); // which a head covers then: on EventStoreDB it takes a second
    const second = await client.log.advance(first);
    expect(second.size).toBeGreaterThan(first.size);
    await client.log.compare(second, first);
    expect(await client.log.open(second.note)).toEqual(second);
    // Somebody else was shown another log of the same size.
    const forked = { ...first, root: sha256(first.root) };
    await expect(client.log.advance(forked)).rejects.toMatchObject({ kind: 'contradiction' });
    await expect(client.log.compare(first, forked)).rejects.toMatchObject({ kind: 'contradiction' });
    await expect(client.log.compare(forked, second)).rejects.toMatchObject({ kind: 'contradiction' });
  });

  test('is not believed when it changes an event, its place, its proof or its head', async () => {
    const { reservePriv, planchets } = await withdrawn('KUDOS:2');
    const ask = () => client.log.withdrawal(reservePriv, planchets);
    const events = (change: (reply: { events: Record<string, unknown>[] }) => unknown) => (body: string) => {
      const reply = JSON.parse(body);
      change(reply);
      return JSON.stringify(reply);
    };
    const path = 'log/reserves/';
    const at = (reply: { events: Record<string, unknown>[] }, place: number) => reply.events[place] ?? {};
    const lies: [string, (body: string) => string][] = [
      ['contradiction', events((reply) => (at(reply, 1).data = String(at(reply, 1).data).replace('"at"', '"At"')))],
      ['contradiction', events((reply) => (at(reply, 0).written_at_us = 1))],
      ['contradiction', events((reply) => (at(reply, 1).index = 0))],
      ['contradiction', events((reply) => (at(reply, 1).number = 7))],
      ['contradiction', events((reply) => (at(reply, 1).proof = []))],
      ['contradiction', events((reply) => reply.events.shift())],
      ['contradiction', events((reply) => reply.events.pop())],
      ['contradiction', (body) => body.replace(/\.reserve-./, '.reserve-_')],
      ['signature', (body) => body.replace(/(\\n)([0-9]+)(\\n)/, (_all, a, size, b) => `${a}${Number(size) + 1}${b}`)],
      ['malformed', (body) => body.replace('"checkpoint":"florin', '"checkpoint":"Florin')],
      ['malformed', events((reply) => (at(reply, 1).proof = ['AAAA']))],
    ];
    for (const [kind, change] of lies) expect(await whileLying(path, change, ask)).toBe(kind);
    expect(await whileLying(path, (body) => body, ask)).toBe('believed');
  });

  test('is not believed when another key signs its heads', async () => {
    const { origin } = await client.log.key();
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const logPub = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
    const text = checkpointText({ origin, size: 1, root: sha256() });
    const note = signedNote(text, { name: origin, logPub, signature: sign(null, Buffer.from(text), privateKey) });
    await expect(client.log.open(note)).rejects.toMatchObject({ kind: 'malformed' });
    const fresh = new ExchangeClient({ baseUrl: exchange.baseUrl, randomBytes, fetch: lying });
    const forged = (body: string): string => JSON.stringify({ ...JSON.parse(body), log_pub: encodeBase32(logPub) });
    expect(await whileLying('log/key', forged, () => fresh.log.head())).toBe('signature');
    expect((await fresh.log.head()).size).toBeGreaterThan(0);
  });
});
