import { mkdirSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { ErrorCode, errorNameOf, type SentErrorCode, validatePayto } from '@florin/encoding';
import { type FastifyError, type FastifyInstance, type FastifyReply, fastify, type HTTPMethods } from 'fastify';
import { Bell } from './development-bank-bell.js';
import { guide } from './development-bank-guide.js';
import { BalanceOverflow, BankLedger } from './development-bank-ledger.js';
import { BankOrders } from './development-bank-orders.js';
import { BankFault, Gatekeeper } from './development-bank-requests.js';
import { type Bank, bankRoutes } from './development-bank-routes.js';
import { authorizationHeader, type GatewayCredentials } from './gateway-transport.js';

/*
 * A small bank for development and tests that speaks the Taler Wire Gateway API. It is honest: every transaction is in
 * double-entry books that survive a crash, rows keep their numbers, and what it acknowledged is on the disk. It is no
 * bank for real money: accounts are made at first use, may be overdrawn, and their customers need no password.
 */

export interface DevelopmentBankOptions {
  /** Folder of `bank.db`; made when missing, for the owner only. */
  readonly folder: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Address to listen on; 127.0.0.1 by default. */
  readonly host?: string;
  /** Host in payto URIs, with a port or without; `localhost` by default. It must stay the same for a ledger. */
  readonly paytoHost?: string;
  readonly currency: string;
  /** `exchange` by default. */
  readonly exchangeAccount?: string;
  /** Who may use the gateway API; everybody without. */
  readonly credentials?: GatewayCredentials;
  /** Seconds since 1970; the system's clock by default. */
  readonly now?: () => number;
}

export interface DevelopmentBank {
  /** Ends in `/`. */
  readonly url: string;
  /** Base URL of the exchange account's wire gateway. */
  readonly gatewayUrl: string;
  /** payto URI of the exchange's account. */
  readonly exchangePayto: string;
  readonly port: number;
  /** Answers who waits, stops listening and closes the books. */
  close(): Promise<void>;
}

const BODY_SIZE_MAX = 64 * 1024;
const CLOSE_GRACE_MS = 1_000;
const PATH_PARAMETER_LENGTH_MAX = 512;
const METHODS: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** Opens the books and serves them. @throws Error when the port is taken, or the ledger in use or damaged */
export async function startDevelopmentBank(options: DevelopmentBankOptions): Promise<DevelopmentBank> {
  const { folder, port, host = '127.0.0.1', paytoHost = 'localhost', currency, credentials } = options;
  const { exchangeAccount = 'exchange', now = () => Math.floor(Date.now() / 1000) } = options;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const ledger = new BankLedger({ file: join(folder, 'bank.db'), currency, paytoHost, now });
  try {
    const exchange = ledger.partyNamed(exchangeAccount);
    if (!exchange) throw new Error(`the bank's exchange account cannot be called ${JSON.stringify(exchangeAccount)}`);
    const fault = validatePayto(exchange.payto);
    if (fault !== undefined) throw new Error(`no payto URI can have the host ${JSON.stringify(paytoHost)}: ${fault}`);
    ledger.open(exchange);
    const bell = new Bell();
    const gatekeeper = new Gatekeeper(credentials && authorizationHeader(credentials));
    const app = buildApp({ ledger, orders: new BankOrders(ledger), bell, gatekeeper, exchangeAccount });
    await app.listen({ port, host });
    const { port: actual } = app.server.address() as AddressInfo;
    const url = `http://${host.includes(':') ? `[${host}]` : host}:${actual}/`;
    return {
      url,
      gatewayUrl: `${url}accounts/${exchangeAccount}/taler-wire-gateway/`,
      exchangePayto: exchange.payto,
      port: actual,
      async close() {
        bell.close();
        // A connection on which no request ever came is not idle to Node, and would hold up the end for a minute.
        const grace = setTimeout(() => app.server.closeAllConnections(), CLOSE_GRACE_MS);
        await app.close();
        clearTimeout(grace);
        ledger.close();
      },
    };
  } catch (error) {
    ledger.close();
    throw error;
  }
}

function buildApp(bank: Bank): FastifyInstance {
  const app = fastify({
    bodyLimit: BODY_SIZE_MAX,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: {
      ignoreTrailingSlash: true,
      ignoreDuplicateSlashes: true,
      maxParamLength: PATH_PARAMETER_LENGTH_MAX,
    },
    frameworkErrors: (error, _request, reply) => void sendFault(reply as FastifyReply, faultOf(error)),
    clientErrorHandler: (_error, socket) => {
      if (socket.writable) socket.end(MALFORMED_HTTP);
      else socket.destroy();
    },
  });
  // One reader for every content type: curl -d does not say application/json.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  // An answer given while the bank closes is the connection's last: a kept one would hold up the end for a minute.
  app.addHook('onSend', async (_request, reply) => {
    if (bank.bell.closed) reply.header('connection', 'close');
  });
  app.setErrorHandler((error, _request, reply) => sendFault(reply, faultOf(error)));
  app.setNotFoundHandler((request, reply) =>
    sendFault(reply, new BankFault(404, ErrorCode.GENERIC_ENDPOINT_UNKNOWN, request.url.slice(0, 200))),
  );
  app.get('/', (request, reply) => reply.type('text/plain; charset=utf-8').send(guide(bank, request.headers.host)));
  for (const [method, url, handler] of bankRoutes(bank)) {
    app.route({ method, url, handler });
    refuseOtherMethods(app, method, url);
  }
  refuseOtherMethods(app, 'GET', '/');
  endUnusedConnections(app);
  return app;
}

/**
 * Node counts a connection on which nothing was asked yet as busy; clients open some ahead, and they hold up the end.
 */
function endUnusedConnections(app: FastifyInstance): void {
  const unused = new Set<Socket>();
  let ending = false;
  app.server.on('connection', (socket: Socket) => {
    if (ending) socket.destroy();
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  app.server.on('request', ({ socket }: IncomingMessage) => unused.delete(socket));
  app.addHook('preClose', async () => {
    ending = true;
    for (const socket of unused) socket.destroy();
  });
}

/** 405/20 for the methods a path does not have. Fastify adds HEAD to every GET. */
function refuseOtherMethods(app: FastifyInstance, method: 'GET' | 'POST', url: string): void {
  const allowed: readonly HTTPMethods[] = method === 'GET' ? ['GET', 'HEAD'] : ['POST'];
  app.route({
    method: METHODS.filter((other) => !allowed.includes(other)),
    url,
    handler: (request, reply) => {
      reply.header('allow', allowed.join(', '));
      throw new BankFault(405, ErrorCode.GENERIC_METHOD_INVALID, request.method);
    },
  });
}

function faultOf(error: unknown): BankFault | Error {
  if (error instanceof BankFault) return error;
  if (error instanceof BalanceOverflow) return new BankFault(400, ErrorCode.GENERIC_PARAMETER_MALFORMED, 'amount');
  const { code, statusCode } = error as FastifyError;
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new BankFault(413, ErrorCode.GENERIC_UPLOAD_EXCEEDS_LIMIT, `at most ${BODY_SIZE_MAX} bytes`);
    case 'FST_ERR_BAD_URL':
      return new BankFault(400, ErrorCode.GENERIC_PATH_SEGMENT_MALFORMED);
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new BankFault(414, ErrorCode.GENERIC_URI_TOO_LONG);
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new BankFault(400, ErrorCode.GENERIC_PARAMETER_MALFORMED, 'Content-Length');
    default:
      if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
        return new BankFault(statusCode, ErrorCode.GENERIC_HTTP_HEADERS_MALFORMED, code);
      }
      return error as Error;
  }
}

/** The error body of the protocol. A fault of the bank itself is written to standard error, and not to the client. */
function sendFault(reply: FastifyReply, fault: BankFault | Error): FastifyReply {
  if (!(fault instanceof BankFault)) {
    console.error(fault);
    return reply.code(500).send(problem(ErrorCode.GENERIC_INTERNAL_INVARIANT_FAILURE));
  }
  if (fault.status === 401) reply.header('www-authenticate', 'Basic realm="wire gateway", Bearer');
  return reply.code(fault.status).send(problem(fault.code, fault.detail, fault.field));
}

function problem(code: SentErrorCode, detail?: string, field?: string): object {
  return {
    code,
    hint: hintFor(code),
    ...(detail === undefined ? {} : { detail }),
    ...(field === undefined ? {} : { field }),
  };
}

function hintFor(code: SentErrorCode): string {
  const name = errorNameOf(code) ?? 'ERROR';
  return HINTS.get(code) ?? name.toLowerCase().replaceAll('_', ' ');
}

const HINTS = new Map<SentErrorCode, string>([
  [ErrorCode.GENERIC_METHOD_INVALID, 'This path has another method.'],
  [ErrorCode.GENERIC_ENDPOINT_UNKNOWN, 'There is nothing here; GET / lists what there is.'],
  [ErrorCode.GENERIC_JSON_INVALID, 'The body is not the JSON that is needed; see field and detail.'],
  [ErrorCode.GENERIC_PAYTO_URI_MALFORMED, 'This account cannot be used.'],
  [ErrorCode.GENERIC_PARAMETER_MALFORMED, 'A value is not acceptable; detail names it.'],
  [ErrorCode.GENERIC_CURRENCY_MISMATCH, 'The amount is in another currency than the bank.'],
  [ErrorCode.GENERIC_UPLOAD_EXCEEDS_LIMIT, 'The body is too large.'],
  [ErrorCode.GENERIC_UNAUTHORIZED, 'The wire gateway wants the credentials that the bank was started with.'],
  [ErrorCode.BANK_UNKNOWN_ACCOUNT, 'There is no such account; one is made when it first takes part in a transfer.'],
  [ErrorCode.BANK_TRANSFER_REQUEST_UID_REUSED, 'This request_uid was used for another transfer.'],
  [ErrorCode.BANK_TRANSFER_WTID_REUSED, 'This wtid was used with another request_uid.'],
]);

/** What a client gets that does not speak HTTP. */
const MALFORMED_HTTP = (() => {
  const body = JSON.stringify(problem(ErrorCode.GENERIC_HTTP_HEADERS_MALFORMED));
  const head = ['HTTP/1.1 400 Bad Request', 'Content-Type: application/json', `Content-Length: ${body.length}`];
  return `${[...head, 'Connection: close'].join('\r\n')}\r\n\r\n${body}`;
})();
