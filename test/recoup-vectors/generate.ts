/**
 * Writes test/vectors/recoup-withdraw: after `npm run build`,
 *
 *   node test/dist/recoup-vectors/generate.js
 *
 * All secrets come from fixed labels, so that it writes the same bytes wherever it runs; the spec beside it compares.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { makeCases } from './cases.js';
import { makeMaterial } from './material.js';

export const FOLDER = new URL('../../vectors/recoup-withdraw/', import.meta.url);

/** Text of each file, by name. */
export function makeFiles(): ReadonlyMap<string, string> {
  const material = makeMaterial();
  const text = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
  return new Map([
    ['coins.json', text(material)],
    ['cases.json', text({ cases: makeCases(material) })],
  ]);
}

if (process.argv[1] === import.meta.filename) {
  mkdirSync(FOLDER, { recursive: true });
  for (const [name, contents] of makeFiles()) writeFileSync(new URL(name, FOLDER), contents);
}
