import {
  INSTANT_BYTES,
  KEY_BYTES,
  readInstant,
  readKey,
  readUnits,
  UNITS_BYTES,
  writeInstant,
  writeKey,
  writeUnits,
} from '../layouts.js';
import type { Layout } from '../packed.js';

/** What is remembered of a reserve. */
export interface Reserve {
  exists: boolean;
  /** Units; below zero only after a finding. */
  balance: bigint;
  expiresAt: number;
  collectableAt: number;
  /** Hash of the URI that the latest credit came from, and of the account; empty until there was one. */
  originHash: string;
  originAccount: string;
  closings: number;
  receivedFromPurse: boolean;
  /** The latest event that moved its dates. */
  lastIndex: number;
}

export const NO_RESERVE: Reserve = {
  exists: false,
  balance: 0n,
  expiresAt: 0,
  collectableAt: 0,
  originHash: '',
  originAccount: '',
  closings: 0,
  receivedFromPurse: false,
  lastIndex: 0,
};

const EXPIRES = UNITS_BYTES;
const COLLECTABLE = EXPIRES + INSTANT_BYTES;
const LAST = COLLECTABLE + INSTANT_BYTES;
const ORIGIN_HASH = LAST + 8;
const ORIGIN_ACCOUNT = ORIGIN_HASH + KEY_BYTES;
const CLOSINGS = ORIGIN_ACCOUNT + KEY_BYTES;
const RECEIVED = CLOSINGS + 4;

export const RESERVE: Layout<Reserve> = {
  bytes: RECEIVED + 4,
  write(view, offset, reserve) {
    writeUnits(view, offset, reserve.balance);
    writeInstant(view, offset + EXPIRES, reserve.expiresAt);
    writeInstant(view, offset + COLLECTABLE, reserve.collectableAt);
    view.setFloat64(offset + LAST, reserve.lastIndex);
    writeKey(view, offset + ORIGIN_HASH, reserve.originHash);
    writeKey(view, offset + ORIGIN_ACCOUNT, reserve.originAccount);
    view.setUint32(offset + CLOSINGS, reserve.closings);
    view.setUint32(offset + RECEIVED, reserve.receivedFromPurse ? 1 : 0);
  },
  read: (view, offset) => ({
    exists: true,
    balance: readUnits(view, offset),
    expiresAt: readInstant(view, offset + EXPIRES),
    collectableAt: readInstant(view, offset + COLLECTABLE),
    lastIndex: view.getFloat64(offset + LAST),
    originHash: readKey(view, offset + ORIGIN_HASH),
    originAccount: readKey(view, offset + ORIGIN_ACCOUNT),
    closings: view.getUint32(offset + CLOSINGS),
    receivedFromPurse: view.getUint32(offset + RECEIVED) === 1,
  }),
};
