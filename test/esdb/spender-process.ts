/**
 * A process that spends coins into purses of its own through a ledger, each coin twice, and says which it could spend.
 * Arguments: connection string, instance, own name, number of coins.
 */
import { accept, refuse } from '@florin/domain';
import { type EventStream, Ledger } from '@florin/event-store';
import { openLedger } from './tools.js';

/** It is about the race, not about times, however busy the machine is. */
const UNHURRIED = { callTimeoutMs: 10_000, leaseMs: 5_000, commitTimeoutMs: 60_000 };

const [connectionString = '', instance = '', name = '', coins = ''] = process.argv.slice(2);
const { store, stream } = await openLedger(connectionString, { instance, ...UNHURRIED });
const ledger = new Ledger(store);
const spent = (key: string): EventStream<number, number> => ({
  name: stream(key),
  initial: () => 0,
  evolve: (count) => count + 1,
  decode: ({ number }) => number,
});

async function spend(coin: string, purse: string): Promise<boolean> {
  const event = { type: 'Spent', version: 1, data: { coin, purse } };
  const settled = await ledger.transact([stream(purse)], async (tx) => {
    if ((await tx.load(spent(coin))) > 0) return refuse('spent');
    await tx.load(spent(purse));
    tx.append({ stream: stream(coin), events: [event] }, { stream: stream(purse), events: [event], commitOnly: true });
    return accept(undefined);
  });
  return settled.kind === 'accept';
}

const race = Array.from({ length: 2 * Number(coins) }, (_, i) => [`coin-${i >> 1}`, `purse-${name}${i % 5}`] as const);
const outcomes = await Promise.all(race.map(async ([coin, purse]) => ({ coin, purse, ok: await spend(coin, purse) })));
console.log(JSON.stringify(outcomes.filter(({ ok }) => ok).map(({ coin, purse }) => [coin, purse])));
await store.close();
process.exit(0);
