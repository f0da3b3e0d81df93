/** Requests as bytes: nothing is added, followed or unpacked on the way, as browsers and `fetch` would. */
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { undescribed } from '../../support/described.js';

export type Json = Readonly<Record<string, unknown>>;

export interface Call {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  /** Sent as it is; an iterable in chunks of unannounced length. */
  readonly body?: string | Uint8Array | Iterable<Uint8Array>;
  /** Sent as JSON. */
  readonly json?: unknown;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  /** The body as JSON, an empty object if it is none. */
  readonly json: Json;
}

/**
 * One request on a connection of its own. Rejects if no whole reply arrives, or if it is not what the exchange
 * describes.
 */
export async function send(url: string, call: Call = {}): Promise<Reply> {
  const reply = await ask(url, call);
  const method = call.method ?? (call.json === undefined && call.body === undefined ? 'GET' : 'POST');
  const { status, headers, text } = reply;
  if (headers['content-encoding'] === undefined) {
    expect(await undescribed({ url, method, status, type: headers['content-type'], text })).toEqual([]);
  }
  return reply;
}

/** What every client does that is told to come again: the same request, until the reply is another than 503. */
export async function patiently(request: () => Promise<Reply>): Promise<Reply> {
  for (;;) {
    const reply = await request();
    if (reply.status !== 503) return reply;
    expect(Number(reply.headers['retry-after']), shown(reply)).toBeGreaterThan(0);
    await sleep(100);
  }
}

function ask(url: string, { method, headers = {}, body, json }: Call): Promise<Reply> {
  const content = json === undefined ? body : JSON.stringify(json);
  const whole = typeof content === 'string' || content instanceof Uint8Array ? Buffer.from(content) : undefined;
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      agent: false,
      method: method ?? (content === undefined ? 'GET' : 'POST'),
      headers: { ...(whole ? { 'Content-Length': whole.length } : {}), ...headers },
    });
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('error', reject);
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(replyOf(response.statusCode ?? 0, response.headers, Buffer.concat(chunks))));
    });
    if (content === undefined || whole) outgoing.end(whole);
    else {
      for (const chunk of content as Iterable<Uint8Array>) outgoing.write(chunk);
      outgoing.end();
    }
  });
}

function replyOf(status: number, headers: IncomingHttpHeaders, bytes: Buffer): Reply {
  const text = bytes.toString();
  let json: Json = {};
  try {
    json = JSON.parse(text) as Json;
  } catch {
    // a text, or nothing
  }
  return { status, headers, bytes, text, json };
}

/** What comes back for bytes that no HTTP library would send. */
export function sendBytes(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    let received = '';
    socket.on('data', (chunk) => (received += chunk.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve(received));
  });
}

/** For whoever reads that a test failed. */
const shown = ({ status, text }: Reply): string => `${status} ${text.slice(0, 500)}`;

/** The reply is an error of the protocol: status, numeric code, a hint, and readable by pages of any origin. */
export function expectRefusal(reply: Reply, status: number, code: number): Json {
  expect({ status: reply.status, code: reply.json.code }, shown(reply)).toEqual({ status, code });
  expect(reply.json.hint).toMatch(/\w/);
  expect(reply.headers['content-type']).toMatch(/^application\/json/);
  expectCors(reply);
  return reply.json;
}

/** The reply says 200, and its body. */
export function expectOk(reply: Reply): Json {
  expect(reply.status, shown(reply)).toBe(200);
  expectCors(reply);
  return reply.json;
}

export function expectCors({ headers }: Reply): void {
  expect(headers['access-control-allow-origin']).toBe('*');
  expect(headers['access-control-expose-headers']).toBe('*');
  expect(headers.date).toMatch(/GMT$/);
}

/** A signature in a header may be missing, malformed or wrong; that a type is named for no body changes nothing. */
export async function expectSignatureHeader(url: string, name: string, code: number, method = 'GET'): Promise<void> {
  const type = { 'Content-Type': 'application/json' };
  expect(expectRefusal(await send(url, { method, headers: type }), 400, 25).detail).toBe(name);
  for (const malformed of ['', 'x', '0'.repeat(102), `${'0'.repeat(102)}-`]) {
    expect(expectRefusal(await send(url, { method, headers: { ...type, [name]: malformed } }), 400, 26).detail).toBe(
      name,
    );
  }
  expectRefusal(await send(url, { method, headers: { ...type, [name]: '0'.repeat(103) } }), 403, code);
}
