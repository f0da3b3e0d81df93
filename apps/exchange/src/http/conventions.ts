/** What holds for every path: CORS, OPTIONS, tidy paths, compressed replies, and answers for paths that are none. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import { ErrorCode } from '@florin/encoding';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { checkPathKeys } from './parameters.js';
import { TalerError } from './taler-error.js';

const deflateAsync = promisify<Buffer, Buffer>(deflate);

/** The longest path after the first segment, in bytes. */
const PATH_BYTES_MAX = 512;

/** How much of a body nobody wants is read, for how long, and how long a pause of the client may be. */
const DISCARDED_BYTES_MAX = 64 * 1024 * 1024;
const DISCARDED_MS_MAX = 20_000;
const DISCARDED_PAUSE_MS_MAX = 1000;

/** On every reply, whatever it says. */
export const ALLOW_ALL = { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': '*' };

/**
 * Slashes at the end and empty segments mean nothing: `//reserves//R/` is `/reserves/R`. Percent signs that escape
 * nothing stand for themselves, so that the route says what is wrong with its segment. A request may name the whole
 * URL, as proxies are asked (RFC 9112, 3.2.2).
 */
export function tidyUrl(url: string): string {
  const query = url.indexOf('?');
  const path = (query < 0 ? url : url.slice(0, query)).replace(WHOLE_URL, '');
  const segments = path.split('/').filter((segment) => segment !== '');
  const tidied = segments.map((segment) => (isEscaped(segment) ? segment : segment.replaceAll('%', '%25')));
  return `/${tidied.join('/')}${query < 0 ? '' : url.slice(query)}`;
}

function isEscaped(segment: string): boolean {
  try {
    decodeURIComponent(segment);
    return true;
  } catch {
    return false;
  }
}

/** What stands before the path, where a request names the whole URL. */
const WHOLE_URL = /^https?:\/\/[^/]*/i;

const pathOf = (request: FastifyRequest): string => request.url.split('?', 1)[0] ?? '';

/** Hooks on Fastify, below Nest: they see every request, also those that no controller takes. */
export function applyConventions(
  fastify: FastifyInstance,
  routes: RouteMap,
  failed: (error: unknown, request: FastifyRequest, reply: FastifyReply) => FastifyReply,
): void {
  fastify.addHook('onRequest', async (request, reply) => {
    reply.headers(ALLOW_ALL);
    if (request.method === 'OPTIONS') {
      reply.headers({ 'Access-Control-Allow-Headers': '*', 'Access-Control-Allow-Methods': '*' });
      return reply.status(204).send();
    }
    const path = pathOf(request);
    if (Buffer.byteLength(path.slice(path.indexOf('/', 1))) > PATH_BYTES_MAX) {
      throw new TalerError(ErrorCode.GENERIC_URI_TOO_LONG, { hint: `a path has at most ${PATH_BYTES_MAX} bytes` });
    }
    const { host } = request.raw.headersDistinct ?? { host: [''] }; // requests that are simulated have none
    if (request.raw.httpVersion === '1.1' && host?.length !== 1) {
      throw new TalerError(ErrorCode.GENERIC_HTTP_HEADERS_MALFORMED, { hint: 'HTTP/1.1 wants one Host header' });
    }
    if (request.is404) throw routes.refusalFor(request.method, request.url);
    checkPathKeys(request.params);
    return undefined;
  });
  endConnections(fastify);
  fastify.addHook('onSend', async (request, reply, payload) => compressed(request, reply, payload));
  fastify.setErrorHandler(async (error, request, reply) => {
    if (await isRestRead(request.raw)) reply.removeHeader('connection');
    return failed(error, request, reply);
  });
}

/**
 * Reads what is left of a request that is refused already, and throws it away: a client that is cut off while it sends
 * does not hear why. One that pauses may be waiting for the answer, before it sends a body at all.
 * @returns false for one that is too long for that, or too slow
 */
function isRestRead(request: IncomingMessage): Promise<boolean> {
  if (request.complete || request.destroyed) return Promise.resolve(request.complete);
  return new Promise((resolve) => {
    let left = DISCARDED_BYTES_MAX;
    const settle = (): void => {
      clearTimeout(timer);
      clearTimeout(pause);
      resolve(request.complete);
    };
    const timer = setTimeout(settle, DISCARDED_MS_MAX);
    const pause = setTimeout(settle, DISCARDED_PAUSE_MS_MAX);
    request.on('data', (chunk: Buffer) => {
      left -= chunk.length;
      pause.refresh();
      if (left < 0) settle();
    });
    request.once('end', settle).once('close', settle).resume();
  });
}

/**
 * When the service ends, no connection may hold it up for a minute: neither one that is kept after its answer, nor
 * one on
 * which nothing was asked yet, which Node counts as busy and clients open ahead.
 */
function endConnections(fastify: FastifyInstance): void {
  const unused = new Set<Socket>();
  let ending = false;
  fastify.server.on('connection', (socket: Socket) => {
    if (ending) socket.destroy();
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  fastify.server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    unused.delete(socket);
    // Of an answer whose headers were sent before.
    response.once('finish', () => ending && socket.end());
  });
  fastify.addHook('preClose', async () => {
    ending = true;
    for (const socket of unused) socket.destroy();
  });
  fastify.addHook('onSend', async (_request, reply) => {
    if (ending) reply.header('Connection', 'close');
  });
}

/** zlib where the client takes it and it is shorter. */
async function compressed(request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> {
  const accepted = request.headers['accept-encoding'];
  const wanted = typeof accepted === 'string' && (accepted.trim() === '*' || accepted.includes('deflate'));
  if (!wanted || payload === undefined || payload === null || reply.hasHeader('content-encoding')) return payload;
  if (typeof payload !== 'string' && !Buffer.isBuffer(payload)) return payload;
  const plain = Buffer.from(payload as string);
  const packed = await deflateAsync(plain);
  if (packed.length >= plain.length) return payload;
  reply.header('Content-Encoding', 'deflate').removeHeader('content-length');
  return packed;
}

/** The routes that exist, to tell a wrong method from a wrong operation from a wrong number of segments. */
export class RouteMap {
  private readonly routes: { readonly method: string; readonly segments: readonly string[] }[] = [];

  add(method: string, path: string): void {
    this.routes.push({ method, segments: path.split('/').filter((segment) => segment !== '') });
  }

  /** The refusal for a request that no route takes (encoding.md 7.1). */
  refusalFor(method: string, url: string): TalerError {
    const path = url.split('?', 1)[0] ?? '';
    const segments = path.split('/').filter((segment) => segment !== '');
    const allowed = this.routes.filter((route) => matches(route.segments, segments)).map((route) => route.method);
    if (allowed.length > 0) {
      const allow = [...new Set([...allowed, 'OPTIONS'])].join(', ');
      return new TalerError(ErrorCode.GENERIC_METHOD_INVALID, { detail: method, headers: { Allow: allow } });
    }
    const family = this.routes.filter((route) => route.segments[0] === segments[0]);
    if (family.length === 0) return new TalerError(ErrorCode.GENERIC_ENDPOINT_UNKNOWN, { detail: path });
    const operation = segments[2];
    const sameLength = family.some((route) => route.segments.length === segments.length);
    if (operation !== undefined && sameLength) {
      return new TalerError(ErrorCode.EXCHANGE_GENERIC_OPERATION_UNKNOWN, { detail: operation });
    }
    return new TalerError(ErrorCode.EXCHANGE_GENERIC_WRONG_NUMBER_OF_SEGMENTS, { detail: path });
  }
}

const matches = (route: readonly string[], path: readonly string[]): boolean =>
  route.length === path.length && route.every((segment, index) => segment.startsWith(':') || segment === path[index]);
