import { parseAmount } from '@florin/encoding';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type DenominationConfig,
  type DenominationOnOffer,
  type PlannedDenomination,
  planDenominations,
  planSigningKeys,
  type SigningKeyConfig,
} from './schedule.js';

const NOW = 1_800_000_000;
const zero = parseAmount('EUR:0');

const coin = (changes: Partial<DenominationConfig> = {}): DenominationConfig =>
  ({
    cipher: 'RSA',
    bits: 2048,
    value: parseAmount('EUR:5'),
    fees: { withdraw: parseAmount('EUR:0.01'), deposit: zero, refresh: zero, refund: zero },
    ageMask: 0,
    withdrawSeconds: 100,
    depositSeconds: 1_000,
    legalSeconds: 10_000,
    overlapSeconds: 10,
    lookaheadSeconds: 250,
    ...changes,
  }) as DenominationConfig;

const offerOf = ({ cipher, ageMask, ...planned }: PlannedDenomination): DenominationOnOffer & PlannedDenomination =>
  ({ cipher, ageMask, ...planned, pub: { cipher, ageMask } }) as DenominationOnOffer & PlannedDenomination;

const startsOf = (keys: readonly { start: number }[]) => keys.map(({ start }) => start - NOW);

describe('denomination keys', () => {
  test('the first begins now, those after it before their predecessors end, as far as one looks ahead', () => {
    const planned = planDenominations([coin()], [], NOW);
    expect(startsOf(planned)).toEqual([0, 90, 180]); // the next would begin at 270, beyond the lookahead
    expect(planned[1]).toEqual({
      cipher: 'RSA',
      bits: 2048,
      value: parseAmount('EUR:5'),
      fees: coin().fees,
      ageMask: 0,
      start: NOW + 90,
      expireWithdraw: NOW + 190,
      expireDeposit: NOW + 1_190,
      expireLegal: NOW + 11_190,
    });
  });

  test('a key is created as soon as its start is no farther than the lookahead', () => {
    const offered = planDenominations([coin()], [], NOW).map(offerOf);
    expect(planDenominations([coin()], offered, NOW + 19)).toEqual([]);
    expect(startsOf(planDenominations([coin()], offered, NOW + 20))).toEqual([270]);
  });

  test('what a Clause-Schnorr denomination plans has no size', () => {
    const [planned] = planDenominations([coin({ cipher: 'CS' } as Partial<DenominationConfig>)], [], NOW);
    expect(planned).toMatchObject({ cipher: 'CS' });
    expect(planned).not.toHaveProperty('bits');
  });

  test('value, cipher and age mask make denominations, each with keys of its own', () => {
    const config = [
      coin(),
      coin({ value: parseAmount('EUR:10') }),
      coin({ cipher: 'CS' } as Partial<DenominationConfig>),
      coin({ ageMask: 0x00255501 }),
    ];
    const offered = planDenominations([coin()], [], NOW).map(offerOf);
    const planned = planDenominations(config, offered, NOW);
    expect(startsOf(planned)).toEqual([0, 0, 0, 90, 90, 90, 180, 180, 180]);
    expect(planned.slice(0, 3).map(({ value, cipher, ageMask }) => [value.units, cipher, ageMask])).toEqual([
      [1_000_000_000n, 'RSA', 0],
      [500_000_000n, 'CS', 0],
      [500_000_000n, 'RSA', 0x00255501],
    ]);
  });

  test('new fees begin with the next key that is created; those on offer stay as they are', () => {
    const offered = planDenominations([coin()], [], NOW).map(offerOf);
    const fees = { withdraw: zero, deposit: parseAmount('EUR:0.02'), refresh: zero, refund: zero };
    const dearer = coin({ fees, bits: 3072 } as Partial<DenominationConfig>);
    expect(planDenominations([dearer], offered, NOW)).toEqual([]);
    expect(planDenominations([dearer], offered, NOW + 20)).toMatchObject([{ start: NOW + 270, fees, bits: 3072 }]);
  });

  test('another value is another denomination, and begins at once', () => {
    const offered = planDenominations([coin()], [], NOW).map(offerOf);
    const planned = planDenominations([coin({ value: parseAmount('EUR:6') })], offered, NOW + 50);
    expect(startsOf(planned)).toEqual([50, 140, 230]);
  });

  test('a revoked key is replaced at once, and the chain goes on from the last key', () => {
    const offered = planDenominations([coin()], [], NOW).map(offerOf);
    const revoked = offered.map((key, i) => (i === 0 ? { ...key, revoked: true } : key));
    expect(startsOf(planDenominations([coin()], revoked, NOW + 5))).toEqual([5]);
    expect(startsOf(planDenominations([coin()], [{ ...revoked[0], revoked: true } as never], NOW + 5))).toEqual([
      5, 95, 185,
    ]);
  });

  test('a gap between keys on offer is filled', () => {
    const [first, , third] = planDenominations([coin()], [], NOW).map(offerOf);
    const planned = planDenominations([coin()], [third, first] as DenominationOnOffer[], NOW);
    expect(startsOf(planned)).toEqual([90]);
  });

  test('after a long downtime there is a key that begins now, and none for the time that is gone', () => {
    const offered = planDenominations([coin()], [], NOW).map(offerOf);
    const planned = planDenominations([coin()], offered, NOW + 1_000_000);
    expect(startsOf(planned)).toEqual([1_000_000, 1_000_090, 1_000_180]);
  });

  test.each([
    [{ overlapSeconds: 100 }, 'overlap'],
    [{ withdrawSeconds: 0 }, 'withdrawSeconds'],
    [{ withdrawSeconds: 99.5 }, 'withdrawSeconds'],
    [{ depositSeconds: 0 }, 'depositSeconds'],
    [{ legalSeconds: Number.NaN }, 'legalSeconds'],
    [{ lookaheadSeconds: -1 }, 'lookaheadSeconds'],
    [{ lookaheadSeconds: 90_001 }, 'keys at a time'],
    [{ legalSeconds: 18_446_744_073_709 }, 'last one there is'],
  ])('%j is refused', (changes, named) => {
    expect(() => planDenominations([coin(changes)], [], NOW)).toThrow(RangeError);
    expect(() => planDenominations([coin(changes)], [], NOW)).toThrow(named);
    expect(() => planDenominations([coin(changes)], [], NOW)).toThrow('EUR:5 RSA');
  });

  test('two configurations of one denomination are refused', () => {
    const twice = [coin(), coin({ bits: 3072 } as Partial<DenominationConfig>)];
    expect(() => planDenominations(twice, [], NOW)).toThrow('EUR:5 RSA is configured twice');
  });
});

describe('online signing keys', () => {
  const config: SigningKeyConfig = { signSeconds: 100, legalSeconds: 1_000, overlapSeconds: 10, lookaheadSeconds: 100 };

  test('follow each other like denominations', () => {
    const planned = planSigningKeys(config, [], NOW);
    expect(planned).toEqual([
      { start: NOW, expire: NOW + 100, end: NOW + 1_100 },
      { start: NOW + 90, expire: NOW + 190, end: NOW + 1_190 },
    ]);
    expect(planSigningKeys(config, planned, NOW)).toEqual([]);
  });

  test('a revoked one is replaced at once', () => {
    const [first, second] = planSigningKeys(config, [], NOW);
    const offered = [{ ...first, revoked: true }, second] as never;
    expect(planSigningKeys(config, offered, NOW + 1)).toMatchObject([{ start: NOW + 1 }]);
  });

  test('an overlap as long as the key is refused', () => {
    expect(() => planSigningKeys({ ...config, overlapSeconds: 100 }, [], NOW)).toThrow(RangeError);
  });
});

/** A chain whose keys are longer than two handovers, so that each key has a time of its own. */
const anyConfig = () =>
  fc
    .record({
      withdrawSeconds: fc.integer({ min: 20, max: 500 }),
      depositSeconds: fc.integer({ min: 1, max: 500 }),
      legalSeconds: fc.integer({ min: 1, max: 500 }),
      overlapSeconds: fc.nat(500),
      lookaheadSeconds: fc.nat(1_000),
    })
    .map((durations) => ({
      ...durations,
      overlapSeconds: durations.overlapSeconds % Math.ceil(durations.withdrawSeconds / 2),
    }))
    .map(coin);

const anyOffer = () =>
  fc
    .record({
      start: fc.integer({ min: -600, max: 600 }),
      length: fc.integer({ min: 1, max: 600 }),
      revoked: fc.boolean(),
    })
    .map(({ start, length, revoked }) => ({
      value: parseAmount('EUR:5'),
      pub: { cipher: 'RSA' as const, ageMask: 0 },
      start: NOW + start,
      expireWithdraw: NOW + start + length,
      revoked,
    }));

type Signing = Pick<DenominationOnOffer, 'start' | 'expireWithdraw' | 'revoked'>;

/** The first second from `from` on in which no key signs. */
function coveredFrom(keys: readonly Signing[], from: number): number {
  let second = from;
  for (;;) {
    const key = keys.find(
      ({ start, expireWithdraw, revoked }) => !revoked && start <= second && second < expireWithdraw,
    );
    if (key === undefined) return second;
    second = key.expireWithdraw;
  }
}

describe('whatever is configured and on offer', () => {
  test('every key that begins within the lookahead exists, each is needed, and a second look plans nothing', () => {
    fc.assert(
      fc.property(anyConfig(), fc.array(anyOffer(), { maxLength: 8 }), (config, offered) => {
        const planned = planDenominations([config], offered, NOW);
        const horizon = NOW + config.lookaheadSeconds + config.overlapSeconds;
        expect(coveredFrom([...offered, ...planned], NOW)).toBeGreaterThan(horizon);
        for (const key of planned) {
          expect(key.start).toBeGreaterThanOrEqual(NOW);
          expect(key.start).toBeLessThanOrEqual(NOW + config.lookaheadSeconds);
          const others = [...offered, ...planned.filter((other) => other !== key)];
          expect(coveredFrom(others, NOW)).toBeLessThanOrEqual(horizon);
        }
        expect(planDenominations([config], [...offered, ...planned.map(offerOf)], NOW)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test('stamps are whole seconds in their order, and each key has its configured lives', () => {
    fc.assert(
      fc.property(anyConfig(), fc.array(anyOffer(), { maxLength: 4 }), (config, offered) => {
        for (const key of planDenominations([config], offered, NOW)) {
          const stamps = [key.start, key.expireWithdraw, key.expireDeposit, key.expireLegal];
          expect(stamps.every(Number.isSafeInteger)).toBe(true);
          expect(stamps.slice(1).map((stamp, i) => stamp - (stamps[i] as number))).toEqual([
            config.withdrawSeconds,
            config.depositSeconds,
            config.legalSeconds,
          ]);
        }
      }),
    );
  });

  test('looked at often enough there is never a gap, and exactly the keys that the time asks for', () => {
    const anySteps = () => fc.array(fc.nat(1_000_000), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(anyConfig(), anySteps(), (config, steps) => {
        const { withdrawSeconds, overlapSeconds, lookaheadSeconds } = config;
        const offered: (DenominationOnOffer & PlannedDenomination)[] = [];
        let now = NOW;
        for (const step of [0, ...steps.map((any) => any % (lookaheadSeconds + overlapSeconds + 1))]) {
          now += step;
          expect(coveredFrom(offered, NOW)).toBeGreaterThanOrEqual(step === 0 && now === NOW ? NOW : now);
          offered.push(...planDenominations([config], offered, now).map(offerOf));
        }
        const period = withdrawSeconds - overlapSeconds;
        const regular = steps.every((any) => any % (lookaheadSeconds + overlapSeconds + 1) <= lookaheadSeconds);
        if (!regular) return;
        const count = Math.floor((now - NOW + lookaheadSeconds) / period) + 1;
        expect(startsOf(offered)).toEqual(Array.from({ length: count }, (_, i) => i * period));
      }),
      { numRuns: 300 },
    );
  });

  test('after any downtime no key is made for the past, and one signs at once', () => {
    fc.assert(
      fc.property(anyConfig(), fc.integer({ min: 1, max: 10_000_000 }), (config, downtime) => {
        const offered = planDenominations([config], [], NOW).map(offerOf);
        const now = NOW + downtime;
        const planned = planDenominations([config], offered, now);
        expect(planned.every(({ start }) => start >= now)).toBe(true);
        expect(coveredFrom([...offered, ...planned], now)).toBeGreaterThan(now + config.lookaheadSeconds);
      }),
    );
  });
});
