/** Request bodies: any content type, of limited size also when inflated, JSON inside (encoding.md 7.1). */
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { type InputType, inflate } from 'node:zlib';
import { ErrorCode } from '@florin/encoding';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { BodiesInFlight, tooLarge } from './bodies-in-flight.js';
import { malformedParameter, TalerError } from './taler-error.js';

/** More than any request of the protocol has. What follows the parser walks over values, so their number is bounded. */
const JSON_DEPTH_MAX = 100;
const JSON_VALUES_MAX = 100_000;

/** Bodies that are not whole yet hold as much together as so many of the largest. */
const IN_FLIGHT_MAX = 8;

const inflateAsync = promisify<InputType, { maxOutputLength: number }, Buffer>(inflate);
const utf8 = new TextDecoder('utf-8', { fatal: true });

const notJson = (hint: string): TalerError => new TalerError(ErrorCode.GENERIC_JSON_INVALID, { hint });

/** Makes Fastify hand every body to our own reader, whatever the client calls it. @param bytesMax also when inflated */
export function readBodies(fastify: FastifyInstance, bytesMax: number): void {
  fastify.addHook('onRequest', async ({ raw: { headers } }) => {
    // Fastify refuses a type that it cannot read, an empty one too, before any parser is asked.
    if (headers['content-type'] !== undefined) headers['content-type'] = 'application/json';
  });
  fastify.removeAllContentTypeParsers();
  const bodies = new BodiesInFlight(bytesMax, IN_FLIGHT_MAX * bytesMax);
  fastify.addContentTypeParser('*', async ({ headers }: FastifyRequest, stream: Readable) => {
    const length = headers['content-length'];
    const body = await bodies.read(stream, length === undefined ? undefined : Number(length));
    const encoding = headers['content-encoding']?.trim().toLowerCase();
    return parseJson(encoding === 'deflate' ? await inflated(body, bytesMax) : body);
  });
}

async function inflated(body: Buffer, bytesMax: number): Promise<Buffer> {
  try {
    return await inflateAsync(body, { maxOutputLength: bytesMax });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge();
    throw notJson('the body is announced as deflate, but is no whole zlib stream (RFC 1950)');
  }
}

/** @returns undefined where nothing came: a DELETE may name the type of a body that it does not have */
function parseJson(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  checkShape(body);
  let json: unknown;
  try {
    json = JSON.parse(utf8.decode(body));
  } catch {
    throw notJson('the body is not JSON in UTF-8');
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw notJson('the body must be a JSON object');
  }
  return json;
}

/** Counts nesting and values in the text, before anything is made of it: sixteen million brackets become gigabytes. */
function checkShape(body: Buffer): void {
  let depth = 0;
  let values = 1;
  let inText = false;
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at];
    if (inText) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) inText = false;
    } else if (byte === QUOTE) {
      inText = true;
    } else if (byte === OPEN_BRACKET || byte === OPEN_BRACE) {
      depth += 1;
      values += 1;
      if (depth > JSON_DEPTH_MAX) throw notJson(`the body nests deeper than ${JSON_DEPTH_MAX} levels`);
    } else if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) {
      depth -= 1;
    } else if (byte === COMMA) {
      values += 1;
    }
  }
  if (values > JSON_VALUES_MAX) {
    const hint = `a request body may hold at most ${JSON_VALUES_MAX} values`;
    throw new TalerError(ErrorCode.GENERIC_UPLOAD_EXCEEDS_LIMIT, { hint });
  }
}

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];

/** What Fastify itself finds wrong with a request, in the protocol's words; undefined if the client is not at fault. */
export function bodyFault(error: { code?: string; statusCode?: number }): TalerError | undefined {
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return tooLarge();
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return malformedParameter('Content-Length', 'the body has another length than announced');
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return notJson('a JSON object is expected as the body');
    case 'ECONNRESET':
      return notJson('the connection ended before the body did'); // nobody hears it, and it is no fault of ours
    default:
      return undefined;
  }
}
