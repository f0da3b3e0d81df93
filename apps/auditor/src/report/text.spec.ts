import { expect, test } from 'vitest';
import { plot } from './plot.js';
import { amountText } from './summary.js';
import { dateText, findingLine, visible } from './text.js';

const finding = { code: 'event-malformed', kind: 'tamper', title: 'a title', meaning: 'a meaning' } as const;

test('nothing that an event holds steers a terminal or breaks a line', () => {
  const detail = 'a\u001b[2J\nNo finding: all is well.\r\u202e\u2028\ud800b';
  const line = findingLine({ ...finding, detail, event: undefined, gain: undefined });
  expect(line.split('\n')).toHaveLength(2);
  expect(line).toContain('a\\u{1b}[2J\\u{a}No finding: all is well.\\u{d}\\u{202e}\\u{2028}\\u{d800}b');
  expect(visible('plain text, Grüße — “quoted” 💶')).toBe('plain text, Grüße — “quoted” 💶');
});

test('a finding says in words who is better off', () => {
  const said = (gain: string | undefined) => findingLine({ ...finding, detail: 'a detail', event: undefined, gain });
  expect(said('-KUDOS:1')).toContain('the exchange lost KUDOS:1');
  expect(said('KUDOS:0.5')).toContain('the exchange gained KUDOS:0.5');
  expect(said('KUDOS:0')).not.toContain('the exchange');
  expect(said(undefined)).not.toContain('the exchange');
});

test('amounts and times of any size are written', () => {
  expect(amountText('KUDOS', -1n)).toBe('-KUDOS:0.00000001');
  expect(amountText('KUDOS', 2n ** 90n)).toBe('KUDOS:12379400392853802748.99124224');
  expect(amountText('KUDOS', 150_000_000n)).toBe('KUDOS:1.5');
  expect(dateText(0)).toBe('1970-01-01T00:00:00Z');
  expect([dateText(Number.POSITIVE_INFINITY), dateText(2 ** 53 - 1)]).toEqual(['never', 'second 9007199254740991']);
  expect(plot({ title: 'a plot', at: [0, 2 ** 53 - 1], lines: [{ name: 'a', values: [0, 1] }] })).toContain('<svg');
});
