/** Answers what Node refuses before Fastify sees a request: bytes that are no HTTP, or too much of it. */
import { type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { ErrorCode } from '@florin/encoding';
import { ALLOW_ALL, tidyUrl } from './conventions.js';
import { errorBody } from './error-filter.js';
import { malformedParameter, TalerError } from './taler-error.js';

/** What Node says about it. */
interface ParserError {
  readonly code: string;
  /** The Buffer at which it gave up, from the request line on where the request is short. */
  readonly rawPacket: unknown;
  /** How many bytes of it were good. */
  readonly bytesParsed?: number;
}

/** Longer than this, it was the path that did not fit, and not the headers. */
const URL_LENGTH_MAX = 2048;
const REQUEST_LINE = /^([!-~]+) (\S+) HTTP\/1\.[01]\r?\n/;

/** What is said to a method that the path does not have. */
type RefusalFor = (method: string, url: string) => TalerError;

export class BrokenRequests {
  private readonly unanswered = new WeakMap<Duplex, Set<ServerResponse>>();
  private readonly broken = new WeakSet<Duplex>();

  /** @param refused told of the status of each refusal */
  constructor(
    private readonly refusalFor: RefusalFor,
    private readonly refused: (status: number) => void,
  ) {}

  /** Node decides by itself about expectations and tunnels, and says so in no words of the protocol. */
  watch(server: Server, bodyBytesMax: number): void {
    server.on('request', (request, response) => {
      const open = this.unanswered.get(request.socket) ?? new Set();
      this.unanswered.set(request.socket, open.add(response));
      response.once('close', () => open.delete(response));
    });
    server.on('checkContinue', (request, response) => {
      if (Number(request.headers['content-length'] ?? 0) <= bodyBytesMax) response.writeContinue();
      server.emit('request', request, response);
    });
    server.on('checkExpectation', (request, response) => server.emit('request', request, response));
    server.on('connect', ({ url }, socket) => this.refuse(socket, this.refusalFor('CONNECT', `/${url}`)));
  }

  /** Whole requests that came before on this connection are answered first: they may have moved money. */
  answer(error: ParserError, socket: Duplex): void {
    if (this.broken.has(socket)) return;
    this.broken.add(socket);
    const last = [...(this.unanswered.get(socket) ?? [])].filter(({ req }) => req.complete).at(-1);
    const answer = () => {
      if (error.code === 'ECONNRESET') socket.destroy();
      else this.refuse(socket, refusalOfParser(error, this.refusalFor));
    };
    if (last && socket.writable) last.once('close', answer);
    else answer();
  }

  private refuse(socket: Duplex, refusal: TalerError): void {
    this.refused(refusal.status);
    refuse(socket, refusal);
  }
}

function refuse(socket: Duplex, refusal: TalerError): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
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
  socket.end(`HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}\r\n${head.join('')}\r\n${body}`);
  socket.once('finish', () => socket.destroy());
}

function refusalOfParser({ code, rawPacket, bytesParsed = 0 }: ParserError, refusalFor: RefusalFor): TalerError {
  const [, method, url] = REQUEST_LINE.exec(Buffer.isBuffer(rawPacket) ? rawPacket.toString('latin1') : '') ?? [];
  switch (code) {
    case 'HPE_INVALID_METHOD':
      // The packet may begin with another request, which was whole.
      if (method !== undefined && url !== undefined && bytesParsed <= method.length) {
        return refusalFor(method, tidyUrl(url));
      }
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
