import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CATALOGUE } from './catalogue.js';

const manual = readFileSync(new URL('../../../docs/auditing.md', import.meta.url), 'utf8');

test.each(Object.entries(CATALOGUE))('%s is explained in the manual, in the same words', (code, { title, meaning }) => {
  expect(manual).toContain(`| \`${code}\` | ${title} | ${meaning} |`);
});

test('the manual explains no other codes', () => {
  const explained = [...manual.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, code]) => code);
  expect(explained.sort()).toEqual(Object.keys(CATALOGUE).sort());
});
