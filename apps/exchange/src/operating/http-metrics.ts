/** Counts requests and their time, below Nest: also those that no controller takes. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Metrics } from './metrics.js';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS']);

export function observeRequests(fastify: FastifyInstance, metrics: Metrics): void {
  fastify.addHook('onRequest', (_request, reply, done) => {
    metrics.requestsUnderWay.inc();
    reply.raw.once('close', () => metrics.requestsUnderWay.dec());
    done();
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const method = METHODS.has(request.method) ? request.method : 'other'; // Node knows more than thirty
    const route = request.routeOptions.url ?? 'none'; // the pattern: paths hold the keys of customers
    metrics.requests.inc({ method, route, status: reply.statusCode });
    if (!isHeld(request)) metrics.requestSeconds.observe({ method, route }, reply.elapsedTime / 1000);
    done();
  });
}

const isHeld = ({ query }: FastifyRequest): boolean => 'timeout_ms' in ((query ?? {}) as object);
