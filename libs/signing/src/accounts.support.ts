import { encodeBase32 } from '@florin/encoding';

/** Names of accounts, as two processes create them at the same time. */
export const ACCOUNTS_OF_RACE = Array.from({ length: 40 }, (_, i) => encodeBase32(new Uint8Array(32).fill(i)));
