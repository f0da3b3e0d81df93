/** How often one client address may ask: a bucket of tokens for each, filled steadily. Off unless configured. */
import { isIPv4, isIPv6 } from 'node:net';

export interface RateLimit {
  /** Tokens that a bucket gains in a second. */
  readonly requestsPerSecond: number;
  /** Tokens that a bucket holds: so many requests may come at once. */
  readonly burst: number;
}

interface Bucket {
  tokens: number;
  /** When `tokens` was true, in milliseconds of a clock that only goes forward. */
  atMs: number;
}

/** More addresses than this are not remembered: the one not seen for the longest time begins with a full bucket. */
const BUCKETS_MAX = 50_000;

export class RateLimiter {
  private readonly buckets = new Map<string, Bucket>();

  constructor(
    private readonly limit: RateLimit,
    private readonly bucketsMax = BUCKETS_MAX,
  ) {}

  /**
   * Takes a token for a request.
   * @param address of the client @param nowMs of a clock that only goes forward
   * @returns 0, or after how many seconds there will be a token: then none was taken
   */
  take(address: string, nowMs: number): number {
    const { requestsPerSecond, burst } = this.limit;
    const key = clientOf(address);
    const bucket = this.buckets.get(key) ?? { tokens: burst, atMs: nowMs };
    bucket.tokens = Math.min(burst, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * requestsPerSecond);
    bucket.atMs = nowMs;
    this.buckets.delete(key); // and back at the end: the first is the one not seen for the longest time
    this.buckets.set(key, bucket);
    this.forget();
    if (bucket.tokens < 1) return Math.ceil((1 - bucket.tokens) / requestsPerSecond);
    bucket.tokens -= 1;
    return 0;
  }

  private forget(): void {
    if (this.buckets.size <= this.bucketsMax) return;
    for (const key of this.buckets.keys()) {
      this.buckets.delete(key);
      return;
    }
  }
}

const V6_GROUPS_OF_A_CLIENT = 4;

/** Some proxies name the port as well: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
const WITH_PORT = /^(?:\[([^\]]+)\]|([0-9.]+))(?::[0-9]+)?$/;

/**
 * What counts as one client: an IPv4 address, or the network of 64 bits that a provider gives to one household. All
 * who are named in no way that can be read are one.
 */
export function clientOf(named: string): string {
  const [, bracketed, dotted] = WITH_PORT.exec(named) ?? [];
  const address = bracketed ?? dotted ?? named;
  const [, mapped] = /^::ffff:([0-9.]+)$/i.exec(address) ?? [];
  if (mapped !== undefined || isIPv4(address)) return mapped ?? address;
  if (!isIPv6(address)) return 'unknown';
  const [head = '', tail = ''] = (address.split('%')[0] ?? '').toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  if (address.includes('::')) {
    const after = tail === '' ? [] : tail.split(':');
    while (groups.length + after.length < 8) groups.push('0');
    groups.push(...after);
  }
  return groups
    .slice(0, V6_GROUPS_OF_A_CLIENT)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
