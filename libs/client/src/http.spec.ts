import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ExchangeMisbehaved, ExchangeRefused, ExchangeUnreachable } from './errors.js';
import { HttpClient, type HttpRequest } from './http.js';
import { type RetryPolicy, retryAfterMs } from './retry.js';

/* What happens on the wire, against a real server that answers whatever a test tells it to. */

let server: Server;
let answer: (response: ServerResponse, count: number) => void;
let bodies: string[];
const NOW_MS = 1_800_000_000_000;

beforeEach(async () => {
  bodies = [];
  server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      bodies.push(body);
      answer(response, bodies.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

const baseUrl = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
const newHttp = (options: object = {}) =>
  new HttpClient({
    baseUrl: baseUrl(),
    fetch: (url, init) => fetch(url, init),
    timeoutMs: 10_000,
    replyBytesMax: 1000,
    nowMs: () => NOW_MS,
    ...options,
  });

const GET: HttpRequest = { method: 'GET', path: 'thing', accept: [200] };
const POST: HttpRequest = { method: 'POST', path: 'thing', body: { a: 1 }, accept: [200] };
const reply = (status: number, text: string, headers: Record<string, string> = {}) => {
  answer = (response) => response.writeHead(status, headers).end(text);
};

describe('a reply', () => {
  test('that was accepted is handed out as it came', async () => {
    reply(200, '{"x":1}', { ETag: '"e"' });
    const { status, headers, body } = await newHttp().send(GET);
    expect([status, headers.get('etag'), new TextDecoder().decode(body)]).toEqual([200, '"e"', '{"x":1}']);
    expect((await newHttp().sendForObject(GET, 'thing')).json).toMatchObject({ x: 1 });
  });

  test.each(['', '[]', '3', '{"x":1', '{"x":1,"x":2}', '{} {}', '\ufeff{}'])(
    'that is %j is no object',
    async (text) => {
      reply(200, text);
      await expect(newHttp().sendForObject(GET, 'thing')).rejects.toMatchObject({ kind: 'malformed' });
    },
  );

  test('that is not UTF-8 is malformed', async () => {
    answer = (response) => response.end(Buffer.from([0x22, 0xff, 0x22]));
    await expect(newHttp().sendForObject(GET, 'thing')).rejects.toThrow(ExchangeMisbehaved);
  });

  test('may have exactly the size that is allowed', async () => {
    reply(200, 'x'.repeat(1000));
    expect((await newHttp().send(GET)).body).toHaveLength(1000);
  });

  test.each([
    ['announced', (response: ServerResponse) => response.end('x'.repeat(1001))],
    [
      'in chunks without end',
      (response: ServerResponse) => {
        const more = (): void => {
          if (!response.destroyed) response.write('x'.repeat(500), () => setImmediate(more));
        };
        more();
      },
    ],
  ])('that is too large is not read: %s', async (_name, send) => {
    answer = send;
    await expect(newHttp().send(GET)).rejects.toMatchObject({ kind: 'malformed', subject: 'GET thing' });
  });

  test('with a status that was not asked for is misbehaviour', async () => {
    reply(202, '{}');
    await expect(newHttp().send(GET)).rejects.toThrow('answered with status 202');
  });

  test('that leads elsewhere is not followed', async () => {
    reply(302, '', { Location: '/elsewhere' });
    await expect(newHttp().send(POST)).rejects.toThrow(ExchangeUnreachable);
    expect(bodies).toHaveLength(1);
  });
});

describe('a refusal', () => {
  test('carries status, code, hint and body', async () => {
    reply(409, '{"code":1150,"hint":"too much","balance":"KUDOS:1"}');
    const refused = await newHttp()
      .send(POST)
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ExchangeRefused);
    expect(refused).toMatchObject({ status: 409, code: 1150, hint: 'too much', body: { balance: 'KUDOS:1' } });
    expect((refused as Error).message).toBe(
      'POST thing was refused with 409/1150 (EXCHANGE_WITHDRAW_INSUFFICIENT_FUNDS): too much',
    );
    expect(refused).toMatchObject({ isTemporary: false });
  });

  test.each(['{"hint":"no code"}', '{"code":"1150"}', '{"code":-1}', '<html>', '{"code":1,"hint":7}'])(
    'without a code in JSON is misbehaviour: %s',
    async (text) => {
      reply(404, text);
      await expect(newHttp().send(GET)).rejects.toThrow(ExchangeMisbehaved);
    },
  );

  test('of a machine in between is no answer', async () => {
    reply(502, '<html>Bad Gateway</html>', { 'Retry-After': '7' });
    await expect(newHttp().send(GET)).rejects.toMatchObject({ name: 'ExchangeUnreachable', retryAfterMs: 7000 });
  });
});

describe('no answer', () => {
  test('because nobody listens', async () => {
    const gone = newHttp({ baseUrl: 'http://127.0.0.1:1/' });
    await expect(gone.send(GET)).rejects.toThrow(ExchangeUnreachable);
  });

  test('because the connection breaks, also in the middle of a reply', async () => {
    answer = (response) => response.destroy();
    await expect(newHttp().send(GET)).rejects.toThrow(ExchangeUnreachable);
    answer = (response) => {
      response.writeHead(200, { 'Content-Length': '100' });
      response.write('{', () => response.destroy());
    };
    await expect(newHttp().send(GET)).rejects.toThrow(ExchangeUnreachable);
  });

  test('within the time, to which a long poll is added', async () => {
    answer = () => undefined;
    await expect(newHttp({ timeoutMs: 20 }).send({ ...GET, holdMs: 30 })).rejects.toThrow('none within 50 ms');
  });

  test("because the caller went away: with the caller's reason", async () => {
    const caller = new AbortController();
    answer = () => caller.abort(new Error('enough'));
    await expect(newHttp().send({ ...GET, signal: caller.signal })).rejects.toThrow('enough');
    await expect(newHttp().send({ ...GET, signal: caller.signal })).rejects.toThrow('enough');
    expect(bodies).toHaveLength(1);
  });
});

describe('repeating', () => {
  let waits: number[];
  const policy: RetryPolicy = {
    attempts: 4,
    firstWaitMs: 100,
    waitMsMax: 5000,
    sleep: async (waitMs) => {
      waits.push(waitMs);
    },
  };
  beforeEach(() => {
    waits = [];
  });

  test('sends the same bytes until there is an answer', async () => {
    answer = (response, count) => (count < 3 ? response.destroy() : response.end('{"x":1}'));
    const body = { b: [1n.toString(), 'ä'], a: 1 };
    await newHttp({ retry: policy }).send({ ...POST, body });
    expect(bodies).toEqual(Array(3).fill('{"b":["1","ä"],"a":1}'));
    expect(waits).toEqual([100, 200]);
  });

  test('takes the bytes of the beginning, whatever becomes of the object', async () => {
    const body = { a: 1 };
    answer = (response, count) => {
      body.a += 1;
      if (count < 2) response.destroy();
      else response.end('{}');
    };
    await newHttp({ retry: policy }).send({ ...POST, body });
    expect(bodies).toEqual(['{"a":1}', '{"a":1}']);
  });

  test.each([
    ['2', 2000],
    ['60', 5000],
    [new Date(NOW_MS + 3000).toUTCString(), 3000],
    [new Date(NOW_MS - 3000).toUTCString(), 0],
    ['soon', 100],
  ])('waits as Retry-After: %s says, within limits', async (header, waitMs) => {
    answer = (response, count) => {
      if (count > 1) response.end('{}');
      else response.writeHead(503, { 'Retry-After': header }).end('{"code":52}');
    };
    await newHttp({ retry: policy }).send(POST);
    expect(waits).toEqual([waitMs]);
  });

  test('waits for what says Retry-After whatever its status, and for 429', async () => {
    answer = (response, count) => {
      if (count === 1) response.writeHead(500, { 'Retry-After': '1' }).end('{"code":55}');
      else if (count === 2) response.writeHead(429).end('{"code":0}');
      else response.end('{}');
    };
    await newHttp({ retry: policy }).send(POST);
    expect(waits).toEqual([1000, 200]);
  });

  test('ends with the last error', async () => {
    reply(503, '{"code":1007}');
    await expect(newHttp({ retry: policy }).send(POST)).rejects.toMatchObject({ status: 503, code: 1007 });
    expect([bodies.length, waits]).toEqual([4, [100, 200, 400]]);
  });

  test.each([400, 404, 409, 500])('does not repeat what was refused with %d', async (status) => {
    reply(status, '{"code":1}');
    await expect(newHttp({ retry: policy }).send(POST)).rejects.toThrow(ExchangeRefused);
    expect(bodies).toHaveLength(1);
  });

  test('does not repeat for somebody who misbehaves', async () => {
    reply(404, 'not found');
    await expect(newHttp({ retry: policy }).send(POST)).rejects.toThrow(ExchangeMisbehaved);
    expect(bodies).toHaveLength(1);
  });

  test('really waits without a sleep of its own, and stops waiting when the caller goes away', async () => {
    const { sleep: _none, ...timed } = policy;
    reply(503, '{"code":1007}');
    const caller = new AbortController();
    const sent = newHttp({ retry: { ...timed, firstWaitMs: 1e6, waitMsMax: 1e6 } }).send({
      ...POST,
      signal: caller.signal,
    });
    answer = (response) => {
      response.writeHead(503).end('{"code":1007}', () => setImmediate(() => caller.abort(new Error('enough'))));
    };
    await expect(sent).rejects.toThrow('enough');
    answer = (response, count) => {
      if (count < 3) response.writeHead(503).end('{"code":1007}');
      else response.end('{}');
    };
    await newHttp({ retry: { ...timed, firstWaitMs: 1 } }).send(POST);
    expect(bodies).toHaveLength(3);
  });
});

test('Retry-After that is absent or nonsense says nothing', () => {
  expect([retryAfterMs(null, 0), retryAfterMs('', 0), retryAfterMs('-1', 0)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test.each(['', 'ftp://example.org/', 'http://example.org', 'http://example.org/?x', 'example.org/'])(
  '%j is no base URL',
  (baseUrl) => {
    expect(() => newHttp({ baseUrl })).toThrow('base URL');
  },
);
