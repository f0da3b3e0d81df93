import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AnyEvent } from './events/catalogue.js';
import { expectConserved, play, whereabouts } from './testing/bookkeeping.js';
import { anyCommands, type Command } from './testing/commands.js';
import { fingerprint, purseAt, World } from './testing/world.js';

const REPEATABLE = new Set(['withdraw', 'create', 'deposit', 'request', 'merge', 'delete']);

describe('whatever wallets and the clock do', () => {
  test('money is neither made nor lost, after every unit', () => {
    fc.assert(
      fc.property(anyCommands(60), (commands) => {
        play(commands, (world, { kind }) => {
          if (kind === 'accept') expectConserved(world);
        });
      }),
      { numRuns: 120 },
    );
  });

  test('every stream folds again to the state that lives', () => {
    fc.assert(
      fc.property(anyCommands(120), (commands) => {
        const world = play(commands, () => undefined);
        for (const [name, stream] of world.touched) {
          const events = world.stored.get(name) ?? [];
          const folded = events.map((event) => stream.decode(event)).reduce(stream.evolve, stream.initial());
          expect(folded).toStrictEqual(world.states.get(name));
        }
      }),
      { numRuns: 100 },
    );
  });

  test('what was accepted is answered the same way for ever, and then changes nothing', () => {
    fc.assert(
      fc.property(anyCommands(60), fc.infiniteStream(fc.nat(4)), (commands, again) => {
        const accepted: { command: Command; answer: unknown }[] = [];
        const repeatAll = (world: World) => {
          const before = fingerprint(world);
          for (const { command, answer } of accepted) {
            expect(world.perform(command)).toStrictEqual({ kind: 'repeat', answer });
          }
          expect(fingerprint(world)).toBe(before);
        };
        const world = play(commands, (world, { kind, answer }, command) => {
          if (kind === 'accept' && REPEATABLE.has(command.do)) accepted.push({ command, answer });
          if (again.next().value === 0) repeatAll(world);
        });
        world.now += 10_000;
        repeatAll(world);
      }),
      { numRuns: 100 },
    );
  });

  test('what is refused changes nothing', () => {
    fc.assert(
      fc.property(anyCommands(100), (commands) => {
        let before = fingerprint(new World());
        play(commands, (world, { kind }, command) => {
          const after = fingerprint(world);
          expect(after === before).toBe(kind !== 'accept' || command.do === 'wait');
          before = after;
        });
      }),
      { numRuns: 50 },
    );
  });

  test('purses that ended give every coin back what it paid, once, however the refunds are cut', () => {
    fc.assert(
      fc.property(anyCommands(80), (commands) => {
        const world = play(commands, () => undefined);
        world.now += 10_000;
        for (const purse of [0, 1, 2, 3]) {
          world.perform({ do: 'expire', purse });
          for (let left = 12; left > 0 && world.perform({ do: 'refund', purse, coins: 2 }).kind === 'accept'; )
            left -= 1;
          expect(world.perform({ do: 'refund', purse, coins: 2 })).toStrictEqual({
            kind: 'refuse',
            code: 'NOTHING_TO_REFUND',
          });
          const { end, coins } = world.state(world.streams.purse(purseAt(purse)));
          for (const { refunded } of coins.values()) expect(refunded).toBe(end?.how !== 'merged');
        }
        expect(whereabouts(world).purses).toBe(0n);
        expectConserved(world);
      }),
      { numRuns: 100 },
    );
  });
});

test('the random sequences come to every event and every refusal', () => {
  const events = new Set<string>();
  const refusals = new Set<string>();
  const answers = new Set<string>();
  for (const commands of fc.sample(anyCommands(120), { numRuns: 150, seed: 1 })) {
    const world = play(commands, (_, { kind, code }, command) => {
      answers.add(`${command.do} ${kind}`);
      if (code !== undefined) refusals.add(code);
    });
    for (const { event } of world.history as { event: AnyEvent }[]) events.add(event.type);
  }
  expect([...events].sort()).toStrictEqual([
    'CoinRecouped',
    'CoinRefundedFromPurse',
    'CoinSpentIntoPurse',
    'CoinsRecouped',
    'CoinsWithdrawn',
    'PurseCoinsRefunded',
    'PurseContractAdded',
    'PurseCreated',
    'PurseDeleted',
    'PurseDeposited',
    'PurseExpired',
    'PurseMerged',
    'PurseMergedIntoReserve',
    'PurseRequested',
    'RequestedPurseDeleted',
    'ReserveClosed',
    'ReserveFunded',
  ]);
  expect([...refusals].sort()).toStrictEqual([
    'BALANCE_INSUFFICIENT',
    'COIN_AGE_CONFLICT',
    'COIN_VALUE_INSUFFICIENT',
    'ENVELOPE_UNKNOWN',
    'EXPIRATION_BEFORE_NOW',
    'NOTHING_TO_CLOSE',
    'NOTHING_TO_REFUND',
    'NOT_OVERDUE',
    'PARTLY_WITHDRAWN',
    'PURSE_ALREADY_DECIDED',
    'PURSE_CONTRACT_CONFLICT',
    'PURSE_DELETED',
    'PURSE_DEPOSIT_CONFLICT',
    'PURSE_EXPIRED',
    'PURSE_MERGED',
    'PURSE_MERGE_CONFLICT',
    'PURSE_NOT_FULL',
    'PURSE_REQUEST_CONFLICT',
    'PURSE_REQUEST_UNPAID',
    'PURSE_TERMS_CONFLICT',
    'PURSE_UNKNOWN',
    'RESERVE_UNKNOWN',
    'WITHDRAWAL_UNKNOWN',
  ]);
  for (const name of REPEATABLE) expect(answers).toContain(`${name} repeat`);
  expect(answers).toContain('recoup repeat');
  expect(answers).toContain('recoupCoin repeat');
});
