import { setTimeout as sleep } from 'node:timers/promises';
import type { Decision } from '@florin/domain';
import {
  type Committed,
  type EventStore,
  type Position,
  RevisionConflict,
  START,
  StoreUnavailable,
  type StreamAppend,
  type StreamPage,
} from './port.js';
import { Queues } from './queues.js';
import { type EventStream, type Folded, StateCache } from './state-cache.js';
import { type Loaded, type Transaction, UnitOfWork } from './transaction.js';

/** Other processes kept winning the race for these streams: 500 with Retry-After. */
export class TooManyConflicts extends Error {
  override readonly name = 'TooManyConflicts';
}

/** What `transact` answers: the decision, and what was committed with it. */
export type Settled<Answer> = Answer & { readonly committed?: Committed };

export interface LedgerOptions {
  /** States held in memory, and the facts folded into them: events, and entries of their lists. */
  readonly cacheEntries?: number;
  readonly cacheFacts?: number;
  /** How long a command waits for others on its streams, until StoreUnavailable; by default as long as it takes. */
  readonly patienceMs?: number;
  /** How often an attempt is made before `TooManyConflicts`. */
  readonly tries?: number;
  readonly delay?: (ms: number) => Promise<unknown>;
  /** From 0 to 1, for the jitter of the back-off. */
  readonly random?: () => number;
  /** Where the store ended when this node began: queries wait until its read models have passed that. */
  readonly since?: Position;
  /** Told of every try to commit a unit, and how many milliseconds it took. */
  readonly onCommit?: (outcome: CommitOutcome, ms: number) => void;
}

/** After a conflict the attempt is made again; `unavailable`: nobody knows yet; `refused`: the unit breaks a rule. */
export type CommitOutcome = (typeof COMMIT_OUTCOMES)[number];

export const COMMIT_OUTCOMES = ['committed', 'conflict', 'unavailable', 'refused'] as const;

const BACKOFF_FIRST_MS = 2;
const BACKOFF_MAX_MS = 250;

/**
 * The only load-fold-decide-append loop.
 *
 * Cached states belong to the cache and are evolved in place, also while another attempt that loaded the same stream
 * waits for a signature. That is safe: an attempt's expectation is the revision at which it loaded, captured before it
 * saw the state. If the state has moved under it, the stream has moved too, and its unit is refused as a whole, however
 * odd its decision was; and a refusal is answered only after the tails of all loaded streams were found unmoved.
 */
export class Ledger {
  private readonly queues: Queues;
  private readonly cache: StateCache;
  private readonly tries: number;
  private readonly delay: (ms: number) => Promise<unknown>;
  private readonly random: () => number;
  private readonly onCommit: (outcome: CommitOutcome, ms: number) => void;
  private last: Position;

  constructor(
    private readonly store: EventStore,
    {
      cacheEntries = 20_000,
      cacheFacts = 100_000,
      tries = 8,
      delay = sleep,
      random = Math.random,
      onCommit = () => undefined,
      since = START,
      patienceMs,
    }: LedgerOptions = {},
  ) {
    this.queues = new Queues(patienceMs);
    this.onCommit = onCommit;
    this.last = since;
    this.cache = new StateCache(cacheEntries, cacheFacts);
    this.tries = tries;
    this.delay = delay;
    this.random = random;
  }

  /** The position of the last unit that this ledger committed or read: what a query on this node must have seen. */
  get lastCommitted(): Position {
    return this.last;
  }

  /**
   * Runs `attempt` until its unit is committed without a conflict, or needs none.
   * @param queue names of the streams on which commands of this process wait for each other
   * @throws TooManyConflicts, StoreUnavailable (outcome unknown), InvalidUnit, DamagedStore, and what `attempt` throws
   */
  transact<Answer extends Decision<unknown, unknown, unknown>>(
    queue: readonly string[],
    attempt: (tx: Transaction) => Promise<Answer>,
  ): Promise<Settled<Answer>> {
    return this.queues.run(queue, async () => {
      for (let tried = 1; tried <= this.tries; tried += 1) {
        const unit = new UnitOfWork(this.store, (stream) => this.present(stream));
        const answer = await this.answerOf(unit, attempt, tried === this.tries);
        const settled = answer && (await this.settle(unit, answer));
        if (settled) return settled;
        if (tried < this.tries) await this.delay(this.backoffMs(tried));
      }
      throw new TooManyConflicts(`gave up after ${this.tries} attempts on ${queue.join(', ')}`);
    });
  }

  /** The present state, possibly from the cache and without queueing: to find other streams, never to decide. */
  async peek<State, Event>(stream: EventStream<State, Event>): Promise<State> {
    return (await this.present(stream)).state as State;
  }

  /** The state as the store has it now, whoever wrote it: for a view that must be confirmed. */
  async refresh<State, Event>(stream: EventStream<State, Event>): Promise<State> {
    const folded = this.cache.open(stream);
    await this.readTail(folded);
    return folded.state as State;
  }

  /**
   * States from the cache may be of different times: what one stream says another may lack, and the attempt then fails
   * of what cannot be.
   * @returns nothing if it failed on a past that has moved
   */
  private async answerOf<Answer>(
    unit: UnitOfWork,
    attempt: (tx: Transaction) => Promise<Answer>,
    isLast: boolean,
  ): Promise<Answer | undefined> {
    try {
      return await attempt(unit);
    } catch (error) {
      if (isLast || error instanceof StoreUnavailable || !(await this.anyMoved(unit))) throw error;
      return undefined;
    }
  }

  /** @returns nothing if the attempt rested on a past that has moved */
  private async settle<Answer extends Decision<unknown, unknown, unknown>>(
    unit: UnitOfWork,
    answer: Answer,
  ): Promise<Settled<Answer> | undefined> {
    const appends = unit.appends();
    if (answer.kind === 'repeat') {
      if (appends.length > 0) throw new Error('a repeat appends nothing');
      return answer;
    }
    if (answer.kind === 'refuse' && (await this.anyMoved(unit))) return undefined;
    if (appends.length === 0) {
      if (answer.kind === 'accept') throw new Error('an accepted command appends at least one event');
      return answer;
    }
    const committed = await this.commit(appends);
    return committed && { ...answer, committed };
  }

  private async commit(appends: readonly StreamAppend[]): Promise<Committed | undefined> {
    const begun = performance.now();
    try {
      const committed = await this.store.commit(appends);
      this.onCommit('committed', performance.now() - begun);
      if (committed.position > this.last) this.last = committed.position;
      this.foldCommitted(committed);
      return committed;
    } catch (error) {
      this.onCommit(outcomeOf(error), performance.now() - begun);
      if (error instanceof RevisionConflict) {
        for (const { stream } of appends) this.markStale(stream);
        return undefined;
      }
      if (error instanceof StoreUnavailable) for (const { stream } of appends) this.cache.drop(stream);
      throw error;
    }
  }

  private foldCommitted({ events, revisions }: Committed): void {
    for (const [stream, revision] of revisions) {
      const folded = this.cache.held(stream);
      if (!folded) continue;
      const added = events.filter((event) => event.stream === stream);
      // A state that is behind the unit (declared fresh, never loaded) is brought up by its next load.
      if (folded.count < (added[0]?.number ?? 0)) folded.stale = true;
      else this.cache.fold(folded, { events: added, revision });
    }
  }

  private markStale(stream: string): void {
    const folded = this.cache.held(stream);
    if (folded) folded.stale = true;
  }

  /** The state as far as this process knows it: read whole when it is not held, its tail when it is stale. */
  private async present(stream: EventStream<unknown, unknown>): Promise<Folded> {
    const folded = this.cache.open(stream);
    if (folded.stale) await this.readTail(folded);
    return folded;
  }

  private async readTail(folded: Folded): Promise<void> {
    const { name, restsOnLast } = folded.stream;
    let complete = false;
    if (restsOnLast && folded.count === 0) {
      this.foldRead(folded, await this.store.readStream(name, { backward: true, limit: 1 }));
      complete = true;
    }
    while (!complete) {
      const page = await this.store.readStream(name, { fromNumber: folded.count });
      this.foldRead(folded, page);
      complete = page.complete;
    }
    folded.stale = false;
  }

  /** What an answer of the attempt rests on. */
  protected restsOn(unit: UnitOfWork): readonly Loaded[] {
    return unit.loaded();
  }

  private foldRead(folded: Folded, page: StreamPage): void {
    for (const { position } of page.events) if (position > this.last) this.last = position;
    this.cache.fold(folded, page);
  }

  private async anyMoved(unit: UnitOfWork): Promise<boolean> {
    const moved = await Promise.all(
      this.restsOn(unit).map(async ({ folded, count }) => {
        await this.readTail(folded);
        return folded.count !== count;
      }),
    );
    return moved.includes(true);
  }

  private backoffMs(tried: number): number {
    return Math.min(BACKOFF_FIRST_MS * 2 ** tried, BACKOFF_MAX_MS) * (0.5 + this.random() / 2);
  }
}

function outcomeOf(error: unknown): CommitOutcome {
  if (error instanceof RevisionConflict) return 'conflict';
  return error instanceof StoreUnavailable ? 'unavailable' : 'refused';
}
