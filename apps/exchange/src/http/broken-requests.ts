/** Answers what Node's parser refuses before Fastify sees a request: bytes that are no HTTP, or too much of it. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { ErrorCode } from '@florin/encoding';
import { ALLOW_ALL, tidyUrl } from './conventions.js';
import { errorBody } from './error-filter.js';
import { malformedParameter, TalerError } from './taler-error.js';

/** What Node says about it. */
interface ParserError {
  readonly code: string;
  /** The Buffer at which it gave up, from the request line on where the request is short. */
  readonly rawPacket: unknown;
}

/** Longer than this, it was the path that did not fit, and not the headers. */
const URL_LENGTH_MAX = 2048;
const REQUEST_LINE = /^([!-~]+) (\S+) HTTP\/1\.[01]\r?\n/;

/** @param refusalFor what is said to a method that the path does not have */
export function answerBrokenRequest(
  error: ParserError,
  socket: Socket,
  refusalFor: (method: string, url: string) => TalerError,
): void {
  if (error.code !== 'ECONNRESET' && socket.writable) {
    const refusal = refusalOfParser(error, refusalFor);
    const body = JSON.stringify(errorBody(refusal));
    const headers = {
      ...ALLOW_ALL,
      ...refusal.options.headers,
      Date: new Date().toUTCString(),
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      Connection: 'close',
    };
    const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}\r\n${head.join('')}\r\n${body}`);
  }
  socket.destroySoon();
}

function refusalOfParser(
  { code, rawPacket }: ParserError,
  refusalFor: (method: string, url: string) => TalerError,
): TalerError {
  const [, method, url] = REQUEST_LINE.exec(Buffer.isBuffer(rawPacket) ? rawPacket.toString('latin1') : '') ?? [];
  switch (code) {
    case 'HPE_INVALID_METHOD':
      if (method !== undefined && url !== undefined) return refusalFor(method, tidyUrl(url));
      break;
    case 'HPE_INVALID_CONTENT_LENGTH':
    case 'HPE_UNEXPECTED_CONTENT_LENGTH':
      return malformedParameter('Content-Length', 'the length of the body must be one decimal number');
    case 'HPE_HEADER_OVERFLOW':
      if (url === undefined || url.length > URL_LENGTH_MAX) return new TalerError(ErrorCode.GENERIC_URI_TOO_LONG);
      return new TalerError(ErrorCode.GENERIC_HTTP_HEADERS_MALFORMED, {
        status: 431,
        hint: 'the headers are too large',
      });
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new TalerError(ErrorCode.GENERIC_HTTP_HEADERS_MALFORMED, {
        status: 408,
        hint: 'the request took too long',
      });
  }
  return new TalerError(ErrorCode.GENERIC_HTTP_HEADERS_MALFORMED, { hint: 'this is not an HTTP/1.1 request' });
}
