import { ExchangeRefused, ExchangeUnreachable } from './errors.js';

/*
 * Repeating a request. Every write of the protocol is recognised by its content, so the same bytes again are safe and
 * get the same answer; other bytes would be another request.
 */

export interface RetryPolicy {
  /** Tries in all, the first included. */
  readonly attempts: number;
  /** Before the second try; doubled for each further one. */
  readonly firstWaitMs: number;
  /** No wait is longer, whatever the exchange asks for. */
  readonly waitMsMax: number;
  /** Waits; a timer of the platform by default. */
  readonly sleep?: (waitMs: number, signal?: AbortSignal) => Promise<void>;
}

/**
 * Calls `operation` until it succeeds, fails for good or was tried often enough. Tried again is what got no answer, and
 * what was refused for a while (503, 429, or anything with Retry-After), after the time that the exchange asked for.
 * @param operation has to send the same bytes each time
 * @throws the last error
 */
export async function retrying<Value>(
  policy: RetryPolicy,
  operation: () => Promise<Value>,
  signal?: AbortSignal,
): Promise<Value> {
  const { attempts, firstWaitMs, waitMsMax, sleep = defaultSleep } = policy;
  for (let attempt = 1; ; attempt++) {
    try {
      return await operation();
    } catch (error) {
      if (attempt >= attempts || !isTemporary(error)) throw error;
      const wanted = error.retryAfterMs ?? firstWaitMs * 2 ** (attempt - 1);
      await sleep(Math.min(wanted, waitMsMax), signal);
    }
  }
}

const HTTP_DATE = /^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/;

/** Reads `Retry-After`: seconds, or an HTTP date. @param nowMs milliseconds since 1970 */
export function retryAfterMs(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined;
  if (/^[0-9]{1,9}$/.test(header)) return Number(header) * 1000;
  const at = HTTP_DATE.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

function isTemporary(error: unknown): error is ExchangeRefused | ExchangeUnreachable {
  return error instanceof ExchangeUnreachable || (error instanceof ExchangeRefused && error.isTemporary);
}

function defaultSleep(waitMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abandon = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abandon);
      resolve();
    }, waitMs);
    if (signal?.aborted) abandon();
    else signal?.addEventListener('abort', abandon, { once: true });
  });
}
