import { CATALOGUE, type FindingCode } from '@florin/auditor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startExchange } from '../support/exchange.js';
import { BANK_FRAUDS } from './bank-frauds.js';
import { CLOSING_FRAUDS } from './closing-frauds.js';
import { DOUBLE_FRAUDS } from './double-frauds.js';
import { type Fraud, KEY_FRAUDS, LOG_FRAUDS, RESERVE_FRAUDS } from './frauds.js';
import { type Evidence, Insider, readEvidence, type Written } from './insider.js';
import { COIN_FRAUDS, EMPTY_FRAUDS, OFFICER_FRAUDS, PURSE_FRAUDS, RECOUP_FRAUDS } from './purse-frauds.js';
import { REPLAY_FRAUDS } from './replay-frauds.js';
import { configure, live } from './story.js';
import { replayed } from './tools.js';

// One honest history, and everything that somebody inside might do to it.
let evidence: Evidence;
let remove: () => void;

beforeAll(async () => {
  const exchange = await startExchange({ onTestServer: true, configure });
  remove = exchange.remove;
  await live(exchange);
  expect(await exchange.stop()).toBe(0);
  evidence = await readEvidence(exchange.data);
});
afterAll(() => remove());

/** The codes that an audit finds, and how often. */
const found = async (insider: Insider): Promise<Map<FindingCode, number>> => (await replayed(insider)).findings.counts;

test('an honest history gives no finding, as it is and written anew', async () => {
  const types = new Set(evidence.events.map(({ type }) => type));
  expect(types.size).toBeGreaterThanOrEqual(38);
  expect(await found(new Insider(evidence))).toEqual(new Map());
});

/** What is planted in outside.spec.ts: it needs a bank, a memory, keys, or time to pass. */
const ELSEWHERE: readonly FindingCode[] = [
  ...BANK_FRAUDS.flatMap(({ codes }) => codes),
  ...(['bank-debit-late', 'master-key-wrong', 'sealed-account-wrong', 'escrow-mismatch', 'terms-missing'] as const),
  ...(['reserve-not-closed', 'purse-not-closed', 'history-rewritten', 'history-shortened', 'split-view'] as const),
];
const FRAUDS = [
  ...[...LOG_FRAUDS, ...KEY_FRAUDS, ...RESERVE_FRAUDS, ...CLOSING_FRAUDS],
  ...[...COIN_FRAUDS, ...PURSE_FRAUDS, ...RECOUP_FRAUDS, ...OFFICER_FRAUDS, ...REPLAY_FRAUDS],
];

test('every code of the catalogue is planted', () => {
  const planted = new Set([...ELSEWHERE, ...FRAUDS.flatMap(({ codes }) => codes)]);
  expect([...planted].sort()).toEqual(Object.keys(CATALOGUE).sort());
});

describe.each<readonly [string, readonly Fraud[]]>([
  ['the log', LOG_FRAUDS],
  ['keys and fees', KEY_FRAUDS],
  ['reserves', RESERVE_FRAUDS],
  ['closings', CLOSING_FRAUDS],
  ['coins', COIN_FRAUDS],
  ['purses', PURSE_FRAUDS],
  ['recoups', RECOUP_FRAUDS],
  ['officers', OFFICER_FRAUDS],
  ['what stands twice', DOUBLE_FRAUDS],
  ['what holds nothing', EMPTY_FRAUDS],
  ['what is shown again', REPLAY_FRAUDS],
])('%s', (_, frauds) => {
  test.each(frauds.map((one) => [one.codes[0], one.what, one] as const))('%s: %s', async (_code, _what, planted) => {
    const insider = new Insider(evidence);
    planted.plant(insider);
    const codes = [...(await found(insider)).keys()];
    expect(codes.sort()).toEqual([...planted.codes].sort());
  });
});

describe('plain damage counts once, wherever it is', () => {
  /** What the first event says is needed for all that follows. */
  const alone = (code: FindingCode, place: number): FindingCode[] => (place === 0 ? [code, 'terms-missing'] : [code]);

  test.each<readonly [FindingCode, string, (insider: Insider, place: number) => void]>([
    [
      'event-damaged',
      'content that does not give its leaf',
      (insider, place) => {
        const event = insider.events[place] as Written;
        event.leaf = new Uint8Array(32).fill(1);
      },
    ],
    [
      'event-missing',
      'an event that is gone',
      (insider, place) => {
        const numbers = new Map<string, number>();
        const firsts = new Map<object, number>();
        insider.events.forEach((event, index) => {
          event.unitFirst = firsts.get(event.unit) ?? index;
          firsts.set(event.unit, event.unitFirst);
          event.index = index;
          event.number = numbers.get(event.stream) ?? 0;
          numbers.set(event.stream, event.number + 1);
        });
        insider.size = insider.events.length;
        insider.remove(insider.events[place] as Written);
      },
    ],
  ])('%s: %s', async (code, _, damage) => {
    const wrong: unknown[] = [];
    for (const [place, { type }] of evidence.events.entries()) {
      const insider = new Insider(evidence);
      damage(insider, place);
      const counts = [...(await found(insider))].sort();
      const expected = alone(code, place).map((one) => [one, 1]);
      if (JSON.stringify(counts) !== JSON.stringify(expected)) wrong.push([place, type, counts]);
    }
    expect(wrong).toEqual([]);
  });
});
