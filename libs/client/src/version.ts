import { EncodingError, kindOf } from '@florin/encoding';
import { ExchangeIncompatible } from './errors.js';
import type { Parser, ReplyObject } from './reply.js';

/** The oldest and the newest version of the protocol that this client speaks. */
const OLDEST = 14;
const NEWEST = 24;

/**
 * Whether exchange and client have a version in common. @throws ExchangeIncompatible; ExchangeMisbehaved
 * Source: protocol/encoding.md section 7.6
 */
export function checkVersion(reply: ReplyObject): void {
  const { text, current, age } = reply.read('version', libtoolVersion);
  if (current >= OLDEST && current - age <= NEWEST) return;
  throw new ExchangeIncompatible(text, `${OLDEST} to ${NEWEST}`);
}

/** `current:revision:age`: every version from current - age to current is served. */
const libtoolVersion: Parser<{ readonly text: string; readonly current: number; readonly age: number }> = (json) => {
  const parts = typeof json === 'string' ? /^([0-9]{1,6}):[0-9]{1,6}:([0-9]{1,6})$/.exec(json) : null;
  if (parts === null) throw new EncodingError('a version like 24:0:12', kindOf(json));
  return { text: parts[0], current: Number(parts[1]), age: Number(parts[2]) };
};
