/** The HTTP service of the exchange: Nest on Fastify, with the protocol's conventions below it. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { exchangeModule, type Foundation } from '../exchange.module.js';
import { observeRequests } from '../operating/http-metrics.js';
import { limitRequests } from '../operating/limit-requests.js';
import { Metrics } from '../operating/metrics.js';
import { KeyRing } from '../runtime/key-ring.js';
import { readBodies } from './body.js';
import { BrokenRequests } from './broken-requests.js';
import { applyConventions, RouteMap, tidyUrl } from './conventions.js';
import { ErrorFilter } from './error-filter.js';
import { WireBodyPipe } from './validation.js';

/** Longer than any key or hash in a path; what exceeds it would be answered by Fastify in words of its own. */
const PATH_PARAMETER_LENGTH_MAX = 600;
const CORRELATION_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** How long a request may take to arrive; a reply may take longer. */
const REQUEST_TIMEOUT_MS = 120_000;

/** Nest would answer unknown paths and faults below it in words of its own; the protocol's handlers are set instead. */
class ProtocolAdapter extends FastifyAdapter {
  override setErrorHandler() {
    return this.getInstance();
  }

  override setNotFoundHandler() {
    return this.getInstance();
  }
}

/** Not listening yet. */
export async function createHttpService(foundation: Foundation): Promise<NestFastifyApplication> {
  const routes = new RouteMap();
  const { limits } = foundation.config;
  const metrics = foundation.metrics ?? new Metrics();
  const broken = new BrokenRequests(
    (method, url) => routes.refusalFor(method, url),
    (status) => metrics.requests.inc({ method: 'other', route: 'none', status }),
  );
  const adapter = new ProtocolAdapter({
    bodyLimit: limits.bodyBytes,
    forceCloseConnections: 'idle',
    requestTimeout: REQUEST_TIMEOUT_MS,
    return503OnClosing: false, // what still arrives is answered: the ledger is closed after the service
    ...(limits.trustedProxies.length > 0 && { trustProxy: [...limits.trustedProxies] }),
    routerOptions: { maxParamLength: PATH_PARAMETER_LENGTH_MAX },
    rewriteUrl: (request: IncomingMessage) => tidyUrl(request.url ?? '/'),
    http: { requireHostHeader: false }, // Node would refuse its absence without a word
    clientErrorHandler: (error, socket) => broken.answer(error, socket),
    genReqId: ({ headers }: IncomingMessage) => {
      const given = headers['taler-correlation-id'];
      return typeof given === 'string' && CORRELATION_ID.test(given) ? given : randomUUID();
    },
  });
  const filter = new ErrorFilter(foundation.log);
  const fastify = adapter.getInstance();
  fastify.addHook('onRoute', ({ method, url }) => {
    for (const name of [method].flat()) if (url !== '*') routes.add(name, url);
  });
  broken.watch(fastify.server, limits.bodyBytes);
  // A client that has said all it wants to say may still listen. Node hangs up on it unless told otherwise.
  Object.assign(fastify.server, { httpAllowHalfOpen: true });
  observeRequests(fastify, metrics);
  limitRequests(fastify, limits, () => metrics.requestsLimited.inc());
  applyConventions(fastify, routes, (error, request, reply) => filter.reply(error, request, reply));

  const app = await NestFactory.create<NestFastifyApplication>(exchangeModule({ ...foundation, metrics }), adapter, {
    // What Nest would say is thrown as well, and said once.
    logger: false,
    abortOnError: false,
    bodyParser: false,
  });
  const keys = app.get(KeyRing);
  fastify.addHook('onRequest', () => keys.freshen());
  readBodies(fastify, limits.bodyBytes);
  app.useGlobalPipes(new WireBodyPipe());
  app.useGlobalFilters(filter);
  return app;
}
