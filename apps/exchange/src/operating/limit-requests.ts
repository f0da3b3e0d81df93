/** Refuses requests of a client address that asks too often, before anything else is looked at. */
import { ErrorCode } from '@florin/encoding';
import type { FastifyInstance } from 'fastify';
import type { Settings } from '../config/config.js';
import { ALLOW_ALL } from '../http/conventions.js';
import { TalerError } from '../http/taler-error.js';
import { RateLimiter } from './rate-limits.js';

/** Whoever watches the exchange from one address must not be refused for watching. */
const UNLIMITED = new Set(['/healthz', '/readyz']);
/** A bucket holds the requests of so many seconds unless said otherwise. */
const BURST_SECONDS = 10;
const TOO_MANY_REQUESTS = 429;

/**
 * The address is that of the connection, or what trusted proxies say in X-Forwarded-For: Fastify gives the last one
 * that none of them vouches for.
 * @param refused told of every request that is refused
 */
export function limitRequests(
  fastify: FastifyInstance,
  { requestsPerSecond, burst }: Settings['limits'],
  refused: () => void,
): void {
  if (requestsPerSecond === undefined) return;
  const limiter = new RateLimiter({ requestsPerSecond, burst: burst ?? BURST_SECONDS * requestsPerSecond });
  fastify.addHook('onRequest', async ({ ip, method, url }, reply) => {
    // A browser's question beforehand costs nothing, and is not understood when it is refused.
    if (method === 'OPTIONS' || UNLIMITED.has(url.split('?', 1)[0] ?? '')) return;
    const waitSeconds = limiter.take(ip, performance.now());
    if (waitSeconds === 0) return;
    refused();
    reply.headers(ALLOW_ALL);
    // The protocol has no code of its own for this; the status says what it is.
    throw new TalerError(ErrorCode.GENERIC_FORBIDDEN, {
      status: TOO_MANY_REQUESTS,
      hint: 'too many requests come from this address; repeat the same request later',
      headers: { 'Retry-After': String(waitSeconds) },
    });
  });
}
