import { expect } from 'vitest';
import type { KeysJson } from './signed-keys.js';

/* Test support: other values in place of those that were sent. */

/** Paths of all values inside that are neither array nor object, such as `denoms.0.value`. */
export function leavesOf(value: KeysJson, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([name, inner]) => leavesOf(inner, path ? `${path}.${name}` : name));
}

/** Puts another value of the same form in place of the one at `path`. */
export function change(json: KeysJson, path: string): void {
  const names = path.split('.');
  const last = names.pop() as string;
  const parent = names.reduce((object, name) => object[name], json);
  parent[last] = another(parent[last]);
}

function another(value: KeysJson): KeysJson {
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'boolean') return !value;
  if (/^[A-Z]{3,11}:/.test(value)) return `${value.split(':')[0]}:77.5`;
  if (/^[0-9A-Z]{52,}$/.test(value)) return `${value.slice(0, 20)}${value[20] === '0' ? '1' : '0'}${value.slice(21)}`;
  if (/^\d+:\d+:\d+$/.test(value)) return '24:1:12';
  return /^[A-Za-z -]+$/.test(value) ? `X${value}` : `${value}X`;
}

/** The path of a value as messages name it: `denoms[0].value`. */
export const placeOf = (path: string): string => path.replace(/\.(\d+)(?=\.|$)/g, '[$1]');

/** What toThrow expects: misbehaviour of this kind at this place, or further inside. */
export function misbehaviour(kind: string, subject: string) {
  const place = expect.stringMatching(new RegExp(`^${subject.replace(/[.[\]]/g, '\\$&')}`));
  return expect.objectContaining({ name: 'ExchangeMisbehaved', kind, subject: place });
}
