import { accept, refuse, repeat } from '@florin/domain';
import {
  type Append,
  type EventStream,
  type JsonObject,
  type Ledger,
  type NewEvent,
  TooManyConflicts,
} from '@florin/event-store';
import type { Random } from '../random.js';

/** What is asked of one stream besides the one that decides. */
interface Demand {
  readonly stream: string;
  /**
   * `take`: it has something left; `count`: fewer than three were counted yet; `claim`: nothing ever happened. `give`
   * can always be met, so that a stream which had nothing to take may have something again.
   */
  readonly rule: 'take' | 'give' | 'count' | 'claim';
}

/**
 * A request as a wallet makes it: again and again under the same id until it is answered. How it is met may differ from
 * try to try, as a purse may be paid with other coins once the first ones were refused.
 */
export interface Command {
  readonly id: string;
  /** The stream that decides, last by rank. */
  readonly to: string;
  readonly alternatives: readonly (readonly Demand[])[];
  /** Events that the deciding stream gets, and each of the others. */
  readonly events: number;
  readonly memberEvents: number;
}

/** What a command came to. */
export type Answer =
  | { readonly kind: 'accepted'; readonly position: bigint }
  | { readonly kind: 'repeated'; readonly number: number }
  | { readonly kind: 'refused'; readonly stream: string; readonly count: number }
  | { readonly kind: 'overtaken' };

interface Account {
  balance: number;
  count: number;
  readonly seen: Map<string, number>;
}

interface Noted {
  readonly type: string;
  readonly number: number;
  readonly data: JsonObject;
}

export const INSTANCE = 'sim';
export const STREAMS = ['nonce-n', 'account-a', 'coin-a', 'coin-b', 'coin-c', 'purse-p', 'purse-q', 'reserve-r'].map(
  (name) => `${INSTANCE}.${name}`,
);
const [NONCE = '', ACCOUNT = '', , , , PURSE_P = '', PURSE_Q = '', RESERVE = ''] = STREAMS;
const COINS = STREAMS.slice(2, 5);

/** What there is on a stream before its first event. */
export const initialBalance = (stream: string): number => (COINS.includes(stream) ? 1 : 0);

/** The same function for all, by which a ledger knows that a state it holds is one of these. */
function evolve(state: Account, { data, number }: Noted): Account {
  state.balance += data.amount as number;
  state.count += 1;
  state.seen.set(data.command as string, number);
  return state;
}

export const streamOf = (name: string): EventStream<Account, Noted> => ({
  name,
  initial: () => ({ balance: initialBalance(name), count: 0, seen: new Map() }),
  evolve,
  decode: ({ type, number, data }) => ({ type, number, data }),
});

export function anyCommand(random: Random, id: string): Command {
  const events = random.chance(0.25) ? 2 : 1;
  const memberEvents = random.chance(0.25) ? 2 : 1;
  const take = (stream: string): Demand => ({ stream, rule: 'take' });
  const give = ({ stream }: Demand): Demand => ({ stream, rule: 'give' });
  const count: Demand = { stream: ACCOUNT, rule: 'count' };
  const claim: Demand = { stream: NONCE, rule: 'claim' };
  const [one, two, three] = random.shuffled(COINS).map(take) as [Demand, Demand, Demand];
  const purse = random.pick([PURSE_P, PURSE_Q]);
  const kinds: Omit<Command, 'id' | 'events' | 'memberEvents'>[] = [
    { to: RESERVE, alternatives: [[]] },
    { to: purse, alternatives: [[one], [two], [three]] },
    { to: purse, alternatives: [[one, two]] },
    { to: purse, alternatives: [[one, two], [three]] },
    { to: PURSE_P, alternatives: [[one, two, count]] },
    { to: purse, alternatives: [[give(one)]] },
    { to: purse, alternatives: [[one, give(two)]] },
    { to: RESERVE, alternatives: [[take(PURSE_P)], [take(PURSE_Q)]] },
    { to: RESERVE, alternatives: [[take(purse)]] },
    { to: RESERVE, alternatives: [[count, one]] },
    { to: RESERVE, alternatives: [[claim]] },
    { to: PURSE_Q, alternatives: [[claim, one], [two]] },
  ];
  return { id, events, memberEvents, ...random.pick(kinds) };
}

/** Two requests, of which the second one could not be met, or only otherwise, before the first one was. */
export function twoThatFollow(random: Random): [Command, Command] {
  const command = (id: string, to: string, ...demands: Demand[]): Command => {
    return { id, to, alternatives: [demands], events: 1, memberEvents: 1 };
  };
  const [purse, coin] = [random.pick([PURSE_P, PURSE_Q]), random.pick(COINS)];
  return random.pick([
    [command('pay', purse), command('merge', RESERVE, { stream: purse, rule: 'take' })],
    [
      command('refund', PURSE_Q, { stream: coin, rule: 'give' }),
      command('spend', PURSE_P, { stream: coin, rule: 'take' }),
    ],
  ]);
}

/** One try of a command on one process, by the ledger that the exchange uses. */
export async function perform(ledger: Ledger, command: Command, random: Random): Promise<Answer> {
  const { id, to, alternatives, events, memberEvents } = command;
  try {
    const settled = await ledger.transact([to], async (tx) => {
      const demands = random.pick(alternatives);
      const decider = await tx.load(streamOf(to));
      const earlier = decider.seen.get(id);
      if (earlier !== undefined) return repeat(earlier);
      const streams = [...demands.map(({ stream }) => stream), to];
      const attempt = random.uuid();
      const event = (stream: string, type: string, amount: number, saw: number): NewEvent => {
        const secret = stream === to ? { secret: true } : {};
        return { type, version: 1, data: { command: id, attempt, amount, saw, streams, ...secret } };
      };
      const appends: Append[] = [];
      let taken = demands.length === 0 ? 1 : 0;
      for (const { stream, rule } of demands) {
        const { balance, count } = await tx.load(streamOf(stream));
        const isMet = { take: balance > 0, give: true, count: count < 3, claim: count === 0 }[rule];
        if (!isMet) return refuse({ stream, count });
        if (rule === 'take') taken += 1;
        const amount = { take: -1, give: 1, count: 0, claim: 0 }[rule];
        const given = Array.from({ length: memberEvents }, (_, i) =>
          event(stream, 'Taken', i === 0 ? amount : 0, count + i),
        );
        appends.push({ stream, events: given });
      }
      const { count } = await tx.load(streamOf(to));
      const got = Array.from({ length: events }, (_, i) => event(to, 'Got', i === 0 ? taken : 0, count + i));
      tx.append(...appends, { stream: to, events: got, commitOnly: true });
      return accept(undefined);
    });
    switch (settled.kind) {
      case 'accept':
        return { kind: 'accepted', position: settled.committed?.position ?? -1n };
      case 'repeat':
        return { kind: 'repeated', number: settled.earlier };
      case 'refuse':
        return { kind: 'refused', ...settled.refusal };
    }
  } catch (error) {
    if (error instanceof TooManyConflicts) return { kind: 'overtaken' };
    throw error;
  }
}
