/**
 * Mistakes that an exchange could make, each wrapped around the shipped one from outside. A simulation that does not
 * find one of them proves nothing.
 */
import type { Decision } from '@florin/domain';
import { formatAmount } from '@florin/encoding';
import {
  type Committed,
  type EventStream,
  Ledger,
  type MemoryImage,
  type NewEvent,
  type Settled,
  type StreamAppend,
  type Transaction,
} from '@florin/event-store';
import { unitsOf } from './books.js';
import { ParkedStore } from './parked-store.js';
import { CURRENCY } from './settings.js';

export interface Plant {
  readonly name: string;
  /** What somebody might do, in a sentence. */
  readonly mistake: string;
  readonly store?: typeof ParkedStore;
  readonly ledger?: typeof Ledger;
  /** Order of a transfer as the bank gets it; the exchange hears the answer to the last one. */
  readonly transfers?: (order: string) => readonly string[];
}

export const NOTHING_PLANTED: Plant = { name: 'none', mistake: 'the exchange as it ships' };

/** Longer than a wallet takes to hear a reply. */
const SYNC_TURNS = 60;
const UNIT = 1n;

class RepliesBeforeItIsDurable extends ParkedStore {
  private durable = super.left().rows.length;

  override async commit(unit: readonly StreamAppend[]): Promise<Committed> {
    const committed = await super.commit(unit);
    void this.sync(Number(committed.position) + 1);
    return committed;
  }

  override left(): MemoryImage {
    return { rows: super.left().rows.slice(0, this.durable) };
  }

  private async sync(length: number): Promise<void> {
    for (let turns = SYNC_TURNS; turns > 0; turns -= 1) await this.park(() => undefined);
    this.durable = Math.max(this.durable, length);
  }
}

class LosesItsLastUnit extends ParkedStore {
  override left(): MemoryImage {
    const { rows } = super.left();
    return { rows: rows.filter(({ position }) => position !== rows.at(-1)?.position) };
  }
}

/** A store that is handed other events than the command meant. */
function storeOf(change: (event: NewEvent) => readonly NewEvent[]): typeof ParkedStore {
  return class extends ParkedStore {
    override commit(unit: readonly StreamAppend[]): Promise<Committed> {
      return super.commit(unit.map((append) => ({ ...append, events: append.events.flatMap(change) })));
    }
  };
}

type Told = <State>(stream: string, state: State) => State;

/** A ledger whose deciders are told other states than there are. */
function ledgerOf(told: Told): typeof Ledger {
  return class extends Ledger {
    override transact<Answer extends Decision<unknown, unknown, unknown>>(
      queue: readonly string[],
      attempt: (tx: Transaction) => Promise<Answer>,
    ): Promise<Settled<Answer>> {
      return super.transact(queue, (tx) =>
        attempt({
          load: async (stream) => told(stream.name, await tx.load(stream)),
          fresh: (stream) => tx.fresh(stream),
          readStream: (...call) => tx.readStream(...call),
          append: (...appends) => tx.append(...appends),
        }),
      );
    }

    override async peek<State, Event>(stream: EventStream<State, Event>): Promise<State> {
      return told(stream.name, await super.peek(stream));
    }
  };
}

const isReserve = (stream: string): boolean => stream.includes('.reserve-');
const isCoin = (stream: string): boolean => stream.includes('.coin-');

/** The same order under other ids. */
function another(order: string): string {
  const body = JSON.parse(order) as Record<string, string>;
  const other = (id = ''): string => (id.startsWith('A') ? 'B' : 'A') + id.slice(1);
  return JSON.stringify({ ...body, request_uid: other(body.request_uid), wtid: other(body.wtid) });
}

const MISTAKES: readonly Plant[] = [
  {
    name: 'reply-before-durable',
    mistake: 'replies leave before their commit is on the disk',
    store: RepliesBeforeItIsDurable,
  },
  { name: 'crash-loses-a-unit', mistake: 'a crash takes the last unit along', store: LosesItsLastUnit },
  {
    name: 'repeat-not-recognised',
    mistake: 'a withdrawal that comes again is a new one',
    ledger: ledgerOf((stream, state) =>
      isReserve(stream) ? { ...state, withdrawn: new Map(), withdrawals: new Map() } : state,
    ),
  },
  {
    name: 'coin-worth-a-unit-more',
    mistake: 'the check of what a coin has left is off by the smallest unit there is',
    ledger: ledgerOf((stream, state) => {
      const { residual } = state as { readonly residual?: bigint };
      return isCoin(stream) && residual !== undefined ? { ...state, residual: residual + UNIT } : state;
    }),
  },
  {
    name: 'refund-twice',
    mistake: 'a coin gets back twice what it paid into a purse that expired',
    store: storeOf((event) => (event.type === 'CoinRefundedFromPurse' ? [event, event] : [event])),
  },
  {
    name: 'fee-forgotten',
    mistake: 'nothing is charged for withdrawing a coin, and the books say so',
    store: storeOf((event) => {
      if (event.type !== 'CoinsWithdrawn') return [event];
      const coins = (event.data.coins as { value: string }[]).map((coin) => ({ ...coin, fee: `${CURRENCY}:0` }));
      const units = coins.reduce((sum, { value }) => sum + unitsOf(value), 0n);
      return [{ ...event, data: { ...event.data, coins, cost: formatAmount({ currency: CURRENCY, units }) } }];
    }),
  },
  {
    name: 'transfer-sent-twice',
    mistake: 'the order of a transfer is sent again under other ids',
    transfers: (order) => [another(order), order],
  },
];

export const PLANTS: ReadonlyMap<string, Plant> = new Map(
  [NOTHING_PLANTED, ...MISTAKES].map((plant) => [plant.name, plant]),
);
