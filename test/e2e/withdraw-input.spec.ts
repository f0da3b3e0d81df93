import { deflateRawSync, deflateSync } from 'node:zlib';
import { encodeBase32 } from '@florin/encoding';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningExchange, startExchange } from '../support/exchange.js';
import {
  expectCoins,
  newPlanchet,
  newPlanchets,
  newReserve,
  type Planchet,
  planchetOf,
  type Reserve,
  type WithdrawItem,
  withdraw,
  withdrawBody,
  withdrawItem,
} from './support/coins.js';
import { expectRefusal, type Json, send, sendBytes } from './support/http.js';
import { type Offers, readOffers } from './support/offers.js';
import { randomText } from './support/oracle.js';
import { balanceOf, fundedReserve } from './support/reserves.js';

// What a withdrawal is not: every malformed request has its answer, never a 500, and never an effect.
const LIMIT = 16 * 1024 * 1024;
let exchange: RunningExchange;
let offers: Offers;
let reserve: Reserve;
let url: string;

beforeAll(async () => {
  exchange = await startExchange({ onTestServer: true });
  offers = await readOffers(exchange.baseUrl);
  reserve = await fundedReserve(exchange, '50');
  url = `${exchange.baseUrl}reserves/${reserve.pub}/batch-withdraw`;
});
afterAll(async () => {
  expect(await balanceOf(exchange.baseUrl, reserve)).toBe(untouched);
  expect(exchange.log()).not.toMatch(/"level":(50|60)/);
  expect(await exchange.stop()).toBe(0);
  exchange.remove();
});

let untouched = 5_000_000_000n;
/** Withdrawals that are meant to succeed are the only ones that change the balance. */
async function accepted(planchets: readonly Planchet[], body: Parameters<typeof send>[1]): Promise<void> {
  expectCoins(await send(url, body), planchets);
  untouched -= planchets.reduce((sum, { offer }) => sum + offer.value + offer.fee, 0n);
}

const item = (planchet = newPlanchet(offers.of('1'))): WithdrawItem => withdrawItem(reserve, planchet);
const refusedJson = async (json: unknown): Promise<Json> => expectRefusal(await send(url, { json }), 400, 22);
const refusedText = async (body: string | Uint8Array): Promise<Json> =>
  expectRefusal(await send(url, { body }), 400, 22);

describe('the body', () => {
  test('is a JSON object in UTF-8', async () => {
    const texts = [
      '',
      ' ',
      '{',
      '{"planchets":[}',
      'null',
      '[]',
      '"x"',
      '5',
      'true',
      "{'planchets':[]}",
      '{"planchets":[],}',
    ];
    for (const text of texts) await refusedText(text);
    const good = JSON.stringify(withdrawBody(reserve, newPlanchets(offers, '1')));
    await refusedText(
      Buffer.concat([Buffer.from(good.slice(0, -1)), Buffer.from([0x2c, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])]),
    );
    await refusedText(Buffer.from(good, 'utf16le'));
    await refusedText(good.slice(0, good.length / 2));
    await refusedText(`${good}x`);
  });

  test('may have any content type, or none, and members that nobody knows', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/json, no type at all',
      '',
      undefined,
    ]) {
      const planchets = newPlanchets(offers, '0.1');
      const headers = type === undefined ? {} : { 'Content-Type': type };
      await accepted(planchets, { headers, body: JSON.stringify(withdrawBody(reserve, planchets)) });
    }
    const planchets = newPlanchets(offers, '0.1');
    const [known] = withdrawBody(reserve, planchets).planchets;
    const extra = { max_age: 'x', nested: { deep: [[[{ a: null }]]] } };
    const coin_ev = { ...known?.coin_ev, ...extra };
    await accepted(planchets, { json: { ...extra, planchets: [{ ...extra, ...known, coin_ev }] } });
  });

  test('changes no prototype', async () => {
    const planchets = newPlanchets(offers, '0.1');
    const [known] = withdrawBody(reserve, planchets).planchets as [WithdrawItem];
    const members = JSON.stringify(known).slice(1, -1);
    const pollution = '"__proto__":{"polluted":1,"denom_pub_hash":"x"},"constructor":{"prototype":{"polluted":1}}';
    await accepted(planchets, { body: `{${pollution},"planchets":[{${pollution},${members}}]}` });
    await refusedText(`{"planchets":[{"__proto__":{${members}}}]}`);
    await refusedText(`{"__proto__":{"planchets":[{${members}}]}}`);
    expect(JSON.stringify((await send(`${exchange.baseUrl}config`)).json)).not.toContain('polluted');
  });

  test('nests and counts within reason, whatever it holds', async () => {
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const deep = open.repeat(100_000) + (open === '[' ? '' : '1') + close.repeat(100_000);
      await refusedText(`{"planchets":[],"x":${deep}}`);
      await refusedText(`{"planchets":${deep}}`);
      await refusedText(`{"planchets":[{"coin_ev":${deep}}]}`);
    }
    const wide = `{"planchets":[],"x":[${'0,'.repeat(3_000_000)}0]}`;
    expectRefusal(await send(url, { body: wide }), 413, 32);
    const planchets = newPlanchets(offers, '0.1');
    await accepted(planchets, { json: { ...withdrawBody(reserve, planchets), padding: 'x'.repeat(1_000_000) } });
  });
});

describe('its size', () => {
  const oversized = Buffer.alloc(LIMIT + 1, ' ');

  test('is limited to 16 MiB, announced or not, and exactly that is accepted', async () => {
    expectRefusal(await send(url, { body: oversized }), 413, 32);
    const chunks = function* () {
      for (let sent = 0; sent <= LIMIT; sent += 64 * 1024) yield oversized.subarray(0, 64 * 1024);
    };
    expectRefusal(await send(url, { body: chunks() }), 413, 32);
    for (const expectation of ['', 'Expect: 100-continue\r\n']) {
      const head = `POST ${new URL(url).pathname} HTTP/1.1\r\nHost: x\r\nContent-Length: ${LIMIT + 1}\r\n`;
      const answer = await sendBytes(exchange.baseUrl, `${head}${expectation}\r\n`); // no body: the client may wait
      expect(answer).toMatch(/^HTTP\/1.1 413 .*"code":32,/s);
    }
    const planchets = newPlanchets(offers, '0.1');
    const text = JSON.stringify(withdrawBody(reserve, planchets));
    await accepted(planchets, { body: text.padEnd(LIMIT, ' ') });
    const more = newPlanchets(offers, '0.1');
    const body = [Buffer.from(JSON.stringify(withdrawBody(reserve, more))), Buffer.alloc(1000, ' ')];
    await accepted(more, { body });
  });

  test('counts what a deflated body inflates to', async () => {
    const headers = { 'Content-Encoding': 'deflate' };
    const planchets = newPlanchets(offers, '0.1');
    const text = JSON.stringify(withdrawBody(reserve, planchets));
    await accepted(planchets, { headers, body: deflateSync(text) });
    const large = newPlanchets(offers, '0.1');
    const padded = JSON.stringify(withdrawBody(reserve, large)).padEnd(LIMIT, ' ');
    await accepted(large, { headers, body: deflateSync(padded) });

    expectRefusal(await send(url, { headers, body: deflateSync(oversized) }), 413, 32);
    const bomb = deflateSync(Buffer.alloc(64 * 1024 * 1024, '0'));
    expect(bomb.length).toBeLessThan(100_000);
    expectRefusal(await send(url, { headers, body: bomb }), 413, 32);
  });

  test('a deflated body is one whole zlib stream; other encodings are not read', async () => {
    const text = JSON.stringify(withdrawBody(reserve, newPlanchets(offers, '0.1')));
    const packed = deflateSync(text);
    const damaged = Buffer.from(packed);
    damaged[20] = (damaged[20] ?? 0) ^ 0xff;
    const headers = { 'Content-Encoding': 'deflate' };
    for (const body of [packed.subarray(0, -5), damaged, deflateRawSync(text), text, Buffer.of()]) {
      expectRefusal(await send(url, { headers, body }), 400, 22);
    }
    for (const encoding of ['gzip', 'br', 'deflate, deflate']) {
      expectRefusal(await send(url, { headers: { 'Content-Encoding': encoding }, body: packed }), 400, 22);
    }
  });
});

describe('a planchet', () => {
  const WRONG: unknown[] = [null, 5, true, [], {}, '', '!', 'x'.repeat(102)];

  test('is an object with its members, each of its form; the first wrong one is named', async () => {
    for (const planchets of [undefined, null, 5, 'x', true, {}, { length: 1 }]) {
      expect((await refusedJson({ planchets })).field).toBe('planchets');
    }
    for (const wrong of [null, 5, 'x', true, [], [item()]]) {
      expect((await refusedJson({ planchets: [item(), wrong] })).field).toBe('planchets[1]');
    }
    for (const member of ['denom_pub_hash', 'coin_ev', 'reserve_sig'] as const) {
      for (const wrong of [undefined, ...WRONG]) {
        const body = await refusedJson({ planchets: [{ ...item(), [member]: wrong }] });
        expect(body.field, `${member} ${JSON.stringify(wrong)}`).toBe(`planchets[0].${member}`);
      }
    }
  });

  test('has base32 of exactly the right length, of an alphabet that forgives', async () => {
    for (const [member, size] of [
      ['denom_pub_hash', 64],
      ['reserve_sig', 64],
    ] as const) {
      for (const wrong of [size - 1, size + 1, 32]) {
        expect((await refusedJson({ planchets: [{ ...item(), [member]: randomText(wrong) }] })).field).toContain(
          member,
        );
      }
    }
    const planchets = newPlanchets(offers, '0.1');
    const [{ denom_pub_hash, reserve_sig, ...rest }] = withdrawBody(reserve, planchets).planchets as [WithdrawItem];
    const lenient = denom_pub_hash.toLowerCase().replaceAll('0', 'o').replaceAll('1', 'L').replaceAll('v', 'U');
    await accepted(planchets, {
      json: { planchets: [{ denom_pub_hash: lenient, reserve_sig: reserve_sig.toLowerCase(), ...rest }] },
    });
  });

  test('has an envelope of a cipher that exists, complete, with an integer in its shortest form', async () => {
    const planchet = newPlanchet(offers.of('1'));
    const { coin_ev } = item(planchet);
    const blinded = String(coin_ev.rsa_blinded_planchet);
    const bytes = (planchet.blinded as { blindedPlanchet: Uint8Array }).blindedPlanchet;
    const envelopes: Json[] = [
      { ...coin_ev, cipher: 'DSA' },
      { ...coin_ev, cipher: 'rsa' },
      { ...coin_ev, cipher: 1 },
      { rsa_blinded_planchet: blinded },
      { cipher: 'RSA' },
      { cipher: 'CS', rsa_blinded_planchet: blinded },
      { cipher: 'CS', cs_nonce: randomText(32), cs_blinded_c0: randomText(32) },
      { cipher: 'CS', cs_nonce: randomText(32), cs_blinded_c0: randomText(32), cs_blinded_c1: randomText(31) },
      ...[
        null,
        5,
        '',
        '0',
        `${blinded}I!`,
        blinded.slice(0, 203), // which is no whole number of bytes, were the planchet a byte shorter, too
        randomText(1025),
        encodeBase32(new Uint8Array([0, ...bytes])),
      ].map((value) => ({
        ...coin_ev,
        rsa_blinded_planchet: value,
      })),
    ];
    for (const envelope of envelopes) {
      const body = await refusedJson({ planchets: [{ ...item(planchet), coin_ev: envelope }] });
      expect(body.field, JSON.stringify(envelope)).toBe('planchets[0].coin_ev');
    }
    const shortened = { ...coin_ev, rsa_blinded_planchet: encodeBase32(bytes.subarray(0, -1)) };
    const json = { planchets: [{ ...item(planchet), coin_ev: shortened }] };
    expectRefusal(await send(url, { json }), 403, 1154);
  });

  test('has a blinded value that the denomination can sign', async () => {
    const { offer, blinding } = newPlanchet(offers.of('1'));
    const modulus = new Uint8Array(128).fill(255);
    const large = planchetOf(offer, blinding, { cipher: 'RSA', blindedPlanchet: modulus });
    expect(expectRefusal(await withdraw(exchange.baseUrl, reserve, [large]), 400, 26).detail).toBe('coin_ev');
    const clause = offers.of('1', { cipher: 'CS' });
    const [nonce, c0, c1] = [new Uint8Array(32), new Uint8Array(32), new Uint8Array(32).fill(255)] as const;
    const beyond = planchetOf(clause, blinding, { cipher: 'CS', nonce, c0, c1 });
    expect(expectRefusal(await withdraw(exchange.baseUrl, reserve, [beyond]), 400, 26).detail).toBe('coin_ev');
  });

  test('stands by itself in the single form, with the same names for what is wrong', async () => {
    const single = `${exchange.baseUrl}reserves/${reserve.pub}/withdraw`;
    for (const member of ['denom_pub_hash', 'coin_ev', 'reserve_sig'] as const) {
      const reply = await send(single, { json: { ...item(), [member]: 7 } });
      expect(expectRefusal(reply, 400, 22).field).toBe(member);
    }
    expectRefusal(await send(single, { json: { planchets: [item()] } }), 400, 22);
    expectRefusal(await send(single.replace(reserve.pub, newReserve().pub), { json: item() }), 403, 1154);
  });
});
