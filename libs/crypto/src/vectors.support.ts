import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { encodeBase32, fromHex, toHex } from '@florin/encoding';
import { describe, expect, test } from 'vitest';
import { portablePrimitives } from './portable.js';
import type { Primitives } from './primitives.js';
import { rsaPrivateKeyOf, serverPrimitives } from './server.js';
import { type Taler, taler } from './taler.js';

/*
 * For the specs of this room: both sets of primitives, and a runner of vector files that keeps the books. A row is
 * executed when every value in it was looked at, under both sets; a row or a value that nobody asks for fails.
 */

// biome-ignore lint/suspicious/noExplicitAny: rows of vector files have the shape of their name
export type Row = any;

export interface Side {
  readonly name: string;
  readonly primitives: Primitives;
  readonly crypto: Taler;
}

export const SERVER: Side = { name: 'server', primitives: serverPrimitives, crypto: taler(serverPrimitives) };
export const PORTABLE: Side = { name: 'portable', primitives: portablePrimitives, crypto: taler(portablePrimitives) };
export const SIDES = [SERVER, PORTABLE] as const;

export type Check = (row: Row, crypto: Taler, side: Side) => void;

/** By the name of a row, or one for all rows of a file. */
export type Checks = Readonly<Record<string, Check>> | Check;

export interface Books {
  /** Values that other rooms or nobody here can check: name of the member and the reason. */
  readonly ignored?: Readonly<Record<string, string>>;
  /** Rows where the reference is wrong or older, by label: the reason, and what is done instead. */
  readonly differences?: Readonly<Record<string, { readonly reason: string; readonly ours: Check }>>;
  /** What tells one row from another of the same name. */
  readonly label?: (row: Row) => string;
}

/** Reads a file of test/vectors. */
export function readVectors(path: string): Row {
  return JSON.parse(readFileSync(new URL(`../../../test/vectors/${path}`, import.meta.url), 'utf8'));
}

/** Runs every row of a vector file by the check of its name, with both sets of primitives. */
export function runVectors(file: string, checks: Checks, books: Books = {}): void {
  const { count, vectors } = readVectors(file);
  runRows(file, vectors, checks, books);
  test(`${file} has as many rows as it says`, () => expect(vectors.length).toBe(count));
}

export function runRows(file: string, rows: readonly Row[], checks: Checks, books: Books) {
  const { ignored = {}, differences = {}, label = () => '' } = books;
  const nameOf = (row: Row) => `${kindOf(row)} ${label(row)}`.trim();
  const used = new Set<string>();

  for (const side of SIDES) {
    describe(`${file}, ${side.name}`, () => {
      rows.forEach((row, index) => {
        const difference = differences[nameOf(row)];
        test(`${index} ${nameOf(row)}${difference ? ` differs: ${difference.reason}` : ''}`, () => {
          const check = difference?.ours ?? (typeof checks === 'function' ? checks : checks[kindOf(row)]);
          if (check === undefined) throw new Error(`no check for rows named ${kindOf(row)}`);
          if (difference !== undefined) used.add(nameOf(row));
          const seen = new Set(['.name']);
          check(watched(row, seen, ''), side.crypto, side);
          const unseen = leaves(row, '').filter((path) => !seen.has(path));
          expect(unseen.filter((path) => !path.split('.').some((member) => member in ignored))).toEqual([]);
        });
      });

      test('every listed difference is a row', () => expect([...used]).toEqual(Object.keys(differences)));
    });
  }
}

const kindOf = (row: Row): string => row.name ?? row.cipher;

/** The bytes of a value given in hexadecimal or in both forms, which must agree. */
export function bytes(value: Row): Uint8Array {
  if (typeof value === 'string') return fromHex(value);
  const content = fromHex(value.hex);
  expect(encodeBase32(content)).toBe(value.b32);
  return content;
}

/** Compares bytes, and says what differs in hexadecimal. */
export function expectBytes(actual: Uint8Array | undefined, expected: Row): void {
  expect(actual && toHex(actual)).toBe(expected instanceof Uint8Array ? toHex(expected) : toHex(bytes(expected)));
}

/** A private key from the numbers of a vector. */
export function privateKeyOf({ n, e, d, p, q }: Row): KeyObject {
  return rsaPrivateKeyOf({ n: bytes(n), e: bytes(e), d: bytes(d), p: bytes(p), q: bytes(q) });
}

/** A view of a row that remembers which of its values were read. */
function watched(value: Row, seen: Set<string>, path: string): Row {
  if (typeof value !== 'object' || value === null) {
    seen.add(path);
    return value;
  }
  if (Object.keys(value).length === 0) seen.add(path);
  return new Proxy(value, {
    get: (target, member, receiver) => {
      const found = Reflect.get(target, member, receiver);
      return typeof member === 'string' && Object.hasOwn(target, member) && member !== 'length'
        ? watched(found, seen, `${path}.${member}`)
        : found;
    },
  });
}

function leaves(value: Row, path: string): string[] {
  if (typeof value !== 'object' || value === null) return [path];
  const members = Object.entries(value);
  return members.length === 0 ? [path] : members.flatMap(([member, inner]) => leaves(inner, `${path}.${member}`));
}
