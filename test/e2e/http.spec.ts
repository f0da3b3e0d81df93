import { connect } from 'node:net';
import { inflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningExchange, startExchange } from '../support/exchange.js';
import { newReserve } from './support/coins.js';
import { expectCors, expectOk, expectRefusal, type Json, send, sendBytes } from './support/http.js';
import { CURRENCY } from './support/offers.js';

// What holds for every path: protocol/encoding.md section 7, and the pages that say who the exchange is.
const KEY = '4Y7ANEYXW7M5ZHGJ91WX2W9F8HTJFFP9YJXY5VS288N2Z2NA43PG';
let exchange: RunningExchange;

beforeAll(async () => {
  exchange = await startExchange({ onTestServer: true });
});
afterAll(async () => {
  expect(exchange.log()).not.toMatch(/"level":(50|60)/);
  expect(await exchange.stop()).toBe(0);
  exchange.remove();
});

const at = (path: string): string => `${exchange.baseUrl}${path}`;

describe('pages', () => {
  test('/config says who this is, and for how long that holds', async () => {
    const reply = await send(at('config'));
    const config = expectOk(reply);
    expect(config).toMatchObject({ name: 'taler-exchange', version: '24:0:12', currency: CURRENCY, recoup: [] });
    expect(config.implementation).toMatch(/^urn:/);
    expect(config.supported_kyc_requirements).toEqual([expect.any(String)]);
    const specification = config.currency_specification as Json;
    expect(specification).toMatchObject({ name: CURRENCY, alt_unit_names: { '0': CURRENCY } });
    for (const member of ['input', 'normal', 'trailing_zero']) {
      expect(specification[`num_fractional_${member}_digits`]).toBe(2);
    }
    expect(reply.headers['cache-control']).toContain('max-age=21600');
    expect(reply.headers['content-type']).toMatch(/^application\/json/);
  });

  test('/seed gives 32 bytes, other ones every time', async () => {
    const seeds = await Promise.all([1, 2, 3].map(() => send(at('seed'))));
    for (const { status, headers, bytes } of seeds) {
      expect([status, headers['content-type'], bytes.length]).toEqual([200, 'application/octet-stream', 32]);
    }
    expect(new Set(seeds.map(({ bytes }) => bytes.toString('hex'))).size).toBe(3);
  });

  test.each(['terms', 'privacy'])('/%s is a text with a version', async (path) => {
    const reply = await send(at(path), { headers: { 'Accept-Language': 'de, fr;q=0.5' } });
    expect(reply.status).toBe(200);
    expect(reply.headers['content-type']).toMatch(/^text\/plain/);
    expect(reply.text.length).toBeGreaterThan(20);
    expect(reply.headers['taler-terms-version']).toMatch(/\w/);
    expect(reply.headers['avail-languages']).toContain('en');
    expect(reply.headers.vary).toMatch(/Accept-Language/);
    const known = await send(at(path), { headers: { 'If-None-Match': reply.headers.etag } });
    expect([known.status, known.text]).toEqual([304, '']);
  });

  test('/ greets, /robots.txt sends away', async () => {
    const [root, robots] = await Promise.all([send(exchange.baseUrl), send(at('robots.txt'))]);
    expect([root.status, root.headers['content-type']]).toEqual([200, expect.stringMatching(/^text\/plain/)]);
    expect(root.text).toContain('Taler');
    expect(robots.text).toBe('User-agent: *\nDisallow: /\n');
  });
});

describe('methods', () => {
  test('OPTIONS is allowed everywhere, for everything', async () => {
    for (const path of ['', 'keys', `reserves/${KEY}`, 'reserves/x/close', 'no/such/path', 'x'.repeat(2000)]) {
      const reply = await send(at(path), { method: 'OPTIONS' });
      expect([reply.status, reply.text]).toEqual([204, '']);
      expectCors(reply);
      expect(reply.headers['access-control-allow-headers']).toBe('*');
      expect(reply.headers['access-control-allow-methods']).toBe('*');
    }
  });

  test('HEAD is GET without the body', async () => {
    for (const path of ['', 'keys', 'config', 'terms', 'wire', 'seed', `reserves/${KEY}`, 'nosuch']) {
      const [head, get] = await Promise.all([send(at(path), { method: 'HEAD' }), send(at(path))]);
      expect([path, head.status, head.bytes.length]).toEqual([path, get.status, 0]);
      for (const header of ['content-type', 'content-length', 'etag', 'cache-control']) {
        expect(head.headers[header], `${path} ${header}`).toBe(get.headers[header]);
      }
      expectCors(head);
    }
  });

  test('others than a path has are refused, with those that it has', async () => {
    const cases: [path: string, methods: string[], allowed: string[]][] = [
      ['keys', ['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND', 'FOO'], ['GET', 'HEAD', 'OPTIONS']],
      ['config', ['POST'], ['GET', 'HEAD', 'OPTIONS']],
      [`reserves/${KEY}`, ['POST', 'PUT'], ['GET', 'HEAD', 'DELETE', 'OPTIONS']],
      [`reserves/${KEY}/batch-withdraw`, ['GET', 'HEAD', 'DELETE'], ['POST', 'OPTIONS']],
      [`reserves/${KEY}/close`, ['GET', 'PUT'], ['POST', 'OPTIONS']],
      ['csr-withdraw', ['GET'], ['POST', 'OPTIONS']],
      [`kyc-check/1/${KEY}/individual`, ['POST'], ['GET', 'HEAD', 'OPTIONS']],
    ];
    for (const [path, methods, allowed] of cases) {
      for (const method of methods.filter((name) => name !== 'FOO')) {
        const reply = await send(at(path), { method, ...(method === 'GET' || method === 'HEAD' ? {} : { json: {} }) });
        expect(String(reply.headers.allow).split(', ').sort(), path).toEqual([...allowed].sort());
        if (method === 'HEAD') expect(reply.status).toBe(405);
        else expect(expectRefusal(reply, 405, 20).detail).toBe(method);
      }
      if (!methods.includes('FOO')) continue;
      for (const method of ['FOO', 'QUERY', 'CONNECT']) {
        const bytes = `${method} /${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
        const raw = await sendBytes(exchange.baseUrl, bytes);
        expect(raw).toMatch(/^HTTP\/1.1 405 .*\ballow: GET, HEAD, OPTIONS\r.*"code":20,/is);
        expect(raw).toContain(`"detail":"${method}"`);
      }
    }
  });

  test('and paths are looked at before any body', async () => {
    for (const body of ['', 'no JSON', Buffer.alloc(17 * 1024 * 1024, ' ')]) {
      expectRefusal(await send(at('nosuch'), { body }), 404, 21);
      expectRefusal(await send(at('config'), { body }), 405, 20);
      expectRefusal(await send(at(`reserves/${KEY}/foo`), { body }), 404, 1001);
      expectRefusal(await send(at('reserves/x/close'), { body }), 400, 27);
    }
  });

  test('DELETE of a reserve is documented and not implemented: closing is', async () => {
    const body = expectRefusal(await send(at(`reserves/${KEY}`), { method: 'DELETE' }), 501, 20);
    expect(body.hint).toContain('close');
    expectRefusal(await send(at('reserves/x'), { method: 'DELETE' }), 400, 27);
  });
});

describe('paths', () => {
  test('of which nothing is known: the first segment, the operation, the number of segments', async () => {
    const cases: [path: string, code: number, detail: string][] = [
      ['nosuch', 21, '/nosuch'],
      ['nosuch/x/y', 21, '/nosuch/x/y'],
      ['Keys', 21, '/Keys'],
      [`reserves/${KEY}/foo`, 1001, 'foo'],
      ['reserves', 1002, '/reserves'],
      [`reserves/${KEY}/close/now`, 1002, `/reserves/${KEY}/close/now`],
      ['keys/x', 1002, '/keys/x'],
      ['kyc-check/1/x', 1002, '/kyc-check/1/x'],
    ];
    for (const [path, code, detail] of cases) {
      for (const method of ['GET', 'POST', 'DELETE']) {
        const reply = await send(at(path), { method, ...(method === 'POST' ? { json: {} } : {}) });
        expect(expectRefusal(reply, 404, code).detail).toBe(detail);
      }
    }
  });

  test('slashes that enclose nothing mean nothing', async () => {
    for (const path of ['/config', 'config/', '//config//', 'config/?x=1']) expectOk(await send(at(path)));
    expectRefusal(await send(at(`/reserves//${KEY}/`)), 404, 1027);
  });

  test('may be named as a whole URL', async () => {
    const get = (url: string) =>
      sendBytes(exchange.baseUrl, `GET ${url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(await get('http://x:80/config?x')).toMatch(/^HTTP\/1.1 200 .*"name":"taler-exchange"/s);
    expect(await get(`https://x/reserves/${KEY}`)).toMatch(/^HTTP\/1.1 404 .*"code":1027,/s);
    expect(await get('http://x')).toMatch(/^HTTP\/1.1 200 .*Taler/s);
  });

  test('are limited to 512 bytes after their first segment', async () => {
    const long = 'A'.repeat(511);
    expectRefusal(await send(at(`reserves/${long}`)), 400, 27);
    expectRefusal(await send(at(`reserves/${long}A`)), 414, 31);
    expectRefusal(await send(at(`nosuch/${long}A`)), 414, 31);
    expectRefusal(await send(at('A'.repeat(600))), 404, 21);
    expectRefusal(await send(at(`reserves/${'A'.repeat(20_000)}`)), 414, 31);
  });

  test('with percent signs, escaped or not, are what they say', async () => {
    expectOk(await send(at('%63onfig')));
    expectRefusal(await send(at(`reserves/%34${KEY.slice(1)}`)), 404, 1027);
    for (const path of ['%', '%zz', '%ff', '%00', 'a%2fb']) expectRefusal(await send(at(`reserves/${path}`)), 400, 27);
    expectRefusal(await send(at('%ff')), 404, 21);
  });
});

describe('replies', () => {
  test('are deflated where the client says so and it helps, errors too', async () => {
    for (const accept of ['deflate', '*', 'gzip, deflate, br', 'deflate;q=0.5']) {
      const reply = await send(at('keys'), { headers: { 'Accept-Encoding': accept } });
      expect(reply.headers['content-encoding']).toBe('deflate');
      expect(JSON.parse(inflateSync(reply.bytes).toString())).toMatchObject({ base_url: exchange.baseUrl });
      expect(Number(reply.headers['content-length'])).toBe(reply.bytes.length);
    }
    for (const accept of ['gzip', 'br', 'identity', '']) {
      const reply = await send(at('keys'), { headers: { 'Accept-Encoding': accept } });
      expect(reply.headers['content-encoding']).toBeUndefined();
    }
    const short = await send(at('seed'), { headers: { 'Accept-Encoding': 'deflate' } });
    expect([short.headers['content-encoding'], short.bytes.length]).toEqual([undefined, 32]);
    const path = `reserves/${KEY}/${'A'.repeat(400)}`;
    const refused = await send(at(path), { headers: { 'Accept-Encoding': 'deflate' } });
    expect([refused.status, refused.headers['content-encoding']]).toEqual([404, 'deflate']);
    expect(JSON.parse(inflateSync(refused.bytes).toString())).toMatchObject({ code: 1001 });
  });

  test('a correlation id is logged, and never sent back', async () => {
    const reply = await send(at(`reserves/${newReserve().pub}`), { headers: { 'Taler-Correlation-Id': 'a-b-c-1234' } });
    expectRefusal(reply, 404, 1027);
    expect(JSON.stringify(reply.headers)).not.toContain('a-b-c-1234');
  });
});

describe('what is no request', () => {
  const answerTo = async (bytes: string): Promise<{ head: string; json: Json }> => {
    const [head = '', body = ''] = (await sendBytes(exchange.baseUrl, bytes)).split('\r\n\r\n');
    expect(head).toMatch(/access-control-allow-origin: \*/i);
    return { head, json: JSON.parse(body) as Json };
  };

  test('is told what is wrong in the words of the protocol', async () => {
    const cases: [bytes: string, status: number, code: number, detail?: string][] = [
      ['hello\r\n\r\n', 400, 23],
      ['GET\r\n\r\n', 400, 23],
      ['GET /keys HTTP/1.1\r\nHost x\r\n\r\n', 400, 23],
      ['POST /csr-withdraw HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n', 400, 26, 'Content-Length'],
      ['POST /csr-withdraw HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n', 400, 26, 'Content-Length'],
      [
        'POST /csr-withdraw HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{',
        400,
        26,
        'Content-Length',
      ],
      [`GET /keys HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`, 431, 23],
      ['BREW /nosuch HTTP/1.1\r\nHost: x\r\n\r\n', 404, 21, '/nosuch'],
      ['GET /keys HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 23],
      ['GET /keys HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n', 400, 23],
      ['POST /csr-withdraw HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 400, 23],
    ];
    for (const [bytes, status, code, detail] of cases) {
      const { head, json } = await answerTo(bytes);
      expect(head.split(' ')[1], bytes.slice(0, 80)).toBe(`${status}`);
      expect(json).toMatchObject({
        code,
        hint: expect.stringMatching(/\w/),
        ...(detail === undefined ? {} : { detail }),
      });
    }
    expectOk(await send(at('config')));
  });

  test('takes nothing from whole requests before it: they may have moved money, and are answered', async () => {
    const get = 'GET /config HTTP/1.1\r\nHost: x\r\n\r\n';
    const post = 'POST /csr-withdraw HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}';
    for (const rest of ['hello\r\n\r\n', '\0', 'BREW /nosuch HTTP/1.1\r\nHost: x\r\n\r\n']) {
      const received = await sendBytes(exchange.baseUrl, `${get}${post}${rest}`);
      expect(received.match(/(?<=HTTP\/1\.1 )\d{3}/g)).toEqual(['200', '400', '400']);
      expect(received.match(/(?<="code":)\d+/g)).toEqual(['22', '23']);
    }
  });

  test('nor from a client that only listens after it has asked', async () => {
    const { hostname, port } = new URL(exchange.baseUrl);
    const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    socket.end(`GET /reserves/${KEY} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1.1 404 .*"code":1027/s);
  });

  test('but asks for what cannot be, is served as if it did not ask', async () => {
    expectOk(await send(at('config'), { headers: { Expect: 'the unexpected' } }));
  });
});
