import { StoreUnavailable } from '@florin/event-store';
import type {
  AllOptions,
  AppendAnswer,
  Checkpoint,
  EsdbLike,
  ProposedEvent,
  RawEvent,
  RawPage,
  ReadOptions,
  SubscribeOptions,
} from '@florin/event-store/commit-protocol';
import type { Random } from '../random.js';
import type { Life, Scheduler, Step } from '../scheduler.js';
import type { Tally } from '../tally.js';
import { pageOf, rawOf, type SimulatedServer } from './server.js';

/** Chances, from 0 to 1, of what may go wrong with one call. */
export interface Faults {
  readonly lostRequest: number;
  readonly lostReply: number;
  /** No answer, and the append is written much later. */
  readonly late: number;
  /** Answered, and written once more later. */
  readonly duplicate: number;
  /**
   * That a repeat of what was written is answered as if it were not known. No server was seen to do that; but the rule
   * is that a wrong revision on a repeat means a look at the place, and so it must hold.
   */
  readonly forgetful: number;
  /**
   * That an append is refused for an event that nobody ever sees: a leader counts what is not replicated yet, and one
   * that dies takes it along.
   */
  readonly phantom: number;
  /**
   * The same of the repeat of an append that is under way still, and is written soon afterwards: the empty place at
   * which the repeat looks has decided nothing.
   */
  readonly phantomRepeat: number;
  readonly brokenRead: number;
  /** That a page ends early for what is in it, though not inside of an append that is all of it. */
  readonly cutPage: number;
  /** That a read which does not ask for the leader sees an older state. */
  readonly stale: number;
  readonly brokenSubscription: number;
  /** How likely a late append is to arrive, against what is on time. */
  readonly lateWeight: number;
}

export const NO_FAULTS: Faults = {
  lostRequest: 0,
  lostReply: 0,
  late: 0,
  duplicate: 0,
  forgetful: 0,
  phantom: 0,
  phantomRepeat: 0,
  brokenRead: 0,
  cutPage: 0,
  stale: 0,
  brokenSubscription: 0,
  lateWeight: 1,
};

/** What all processes share, and what is done to them. */
export interface Network {
  readonly server: SimulatedServer;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly tally: Tally;
  faults: Faults;
  /** Appends that got no answer and are going to be written late, by the ids of their first events. */
  readonly underWay: Map<string, () => void>;
  /** Who wrote tentatively last: the best moment for a crash. */
  inTheMiddle?: Life;
}

/** As many as an append has at most: a page has room for four that are as large as can be. */
const PAGE_EVENTS_MIN = 2;
/** Weight of a step that is likely to come between a look at its place and whatever follows. */
const SOON = 4;
const UNKNOWN: AppendAnswer = { kind: 'unknown', reason: 'the simulation lost the answer' };
const broken = (): StoreUnavailable => new StoreUnavailable('the simulation broke the connection');

/** The way of one life to the server: every call is a request that arrives some time and a reply that arrives later. */
export class Link implements EsdbLike {
  constructor(
    private readonly network: Network,
    private readonly life: Life,
  ) {}

  append(stream: string, expected: bigint, events: readonly ProposedEvent[]): Promise<AppendAnswer> {
    const { server, random, faults, tally, underWay } = this.network;
    const [{ id }] = events as readonly [ProposedEvent];
    const write = (): AppendAnswer => {
      if (events[0]?.metadata.includes('"slot"')) this.network.inTheMiddle = this.life;
      const isRepeat = server.at(stream, expected + 1n)?.id === id;
      if (!isRepeat || !random.chance(faults.forgetful)) return server.append(stream, expected, events);
      tally.count('forgetful');
      return { kind: 'wrong', actual: BigInt(server.eventsOf(stream).length - 1) };
    };
    const writeOrNot = (): AppendAnswer => {
      const end = BigInt(server.eventsOf(stream).length - 1);
      const first = underWay.get(id);
      if (expected !== end || !random.chance(first ? faults.phantomRepeat : faults.phantom)) return write();
      tally.count(first ? 'phantomRepeat' : 'phantom');
      if (first) this.way(first, SOON);
      return { kind: 'wrong', actual: end + BigInt(1 + random.below(2)) };
    };
    return new Promise((resolve) => {
      const reply = (answer: AppendAnswer): void => this.home(() => resolve(answer));
      const kind = chosen(random, faults, ['lostRequest', 'lostReply', 'late', 'duplicate']);
      if (kind) tally.count(kind);
      const late = (): void => {
        // By now it may meet anything; that it is written all the same is what matters.
        underWay.delete(id);
        if (write().kind === 'written') tally.count('writtenLate');
      };
      switch (kind) {
        case 'lostRequest':
          return this.home(() => resolve(UNKNOWN));
        case 'late':
          underWay.set(id, late);
          this.way(late, faults.lateWeight);
          return this.home(() => resolve(UNKNOWN));
        case 'lostReply':
          return this.way(() => {
            write();
            reply(UNKNOWN);
          });
        case 'duplicate':
          return this.way(() => {
            reply(write());
            this.way(late, faults.lateWeight);
          });
        default:
          return this.way(() => reply(writeOrNot()));
      }
    });
  }

  readStream(stream: string, options: ReadOptions): Promise<RawPage> {
    const { server, random, faults, tally } = this.network;
    return this.ask(() => {
      const isStale = !options.requiresLeader && random.chance(faults.stale);
      if (isStale) tally.count('stale');
      const length = isStale ? random.below(server.log.length + 1) : server.log.length;
      const page = pageOf(server.eventsOf(stream, length).map(rawOf), options);
      if (page.events.length <= PAGE_EVENTS_MIN || !random.chance(faults.cutPage)) return page;
      tally.count('cutPage');
      const kept = PAGE_EVENTS_MIN + random.below(page.events.length - PAGE_EVENTS_MIN);
      return { ...page, events: page.events.slice(0, kept), ended: false };
    });
  }

  readAllBackward({ before, max }: AllOptions): Promise<readonly RawEvent[]> {
    return this.ask(() => {
      const { log } = this.network.server;
      const earlier = before === 'end' ? log : log.filter(({ position }) => position < before);
      return earlier.slice(-max).reverse().map(rawOf);
    });
  }

  async *subscribe({ prefixes, after }: SubscribeOptions, signal: AbortSignal): AsyncGenerator<RawEvent | Checkpoint> {
    const { server, random, tally } = this.network;
    let next = server.log.findIndex(({ position }) => position > after);
    if (next < 0) next = server.log.length;
    while (!signal.aborted) {
      const from = next;
      await new Promise<void>((resolve) => {
        this.home(resolve, () => server.log.length > from);
      });
      if (random.chance(this.network.faults.brokenSubscription)) {
        tally.count('brokenSubscription');
        throw broken();
      }
      const burst = server.log.slice(next, next + 1 + random.below(4));
      next += burst.length;
      for (const event of burst) {
        if (prefixes.some((prefix) => event.stream.startsWith(prefix))) yield rawOf(event);
        else yield { checkpoint: event.position };
      }
      // A window is full now and then, whatever was in it.
      const last = burst.at(-1);
      if (last && random.chance(0.1)) yield { checkpoint: last.position };
    }
  }

  /** A request and its reply; the answer is that of the moment when the request arrives. */
  private ask<T>(answer: () => T): Promise<T> {
    const { random, faults, tally } = this.network;
    return new Promise((resolve, reject) => {
      if (random.chance(faults.brokenRead)) {
        tally.count('brokenRead');
        this.home(() => reject(broken()));
        return;
      }
      this.way(() => {
        const answered = answer();
        this.home(() => resolve(answered));
      });
    });
  }

  /** A step in the network: it outlives whoever sent it. */
  private way(run: () => void, weight = 10): void {
    this.network.scheduler.add({ weight, run });
  }

  /** A step in the process, if it lives then. */
  private home(run: () => void, ready?: () => boolean): void {
    if (this.life.over) return;
    const step: Step = { weight: 10, life: this.life, run };
    this.network.scheduler.add(ready ? { ...step, ready } : step);
  }
}

/** At most one of the faults. */
function chosen<Kind extends keyof Faults>(random: Random, faults: Faults, kinds: readonly Kind[]): Kind | undefined {
  let at = random.unit();
  for (const kind of kinds) {
    at -= faults[kind];
    if (at < 0) return kind;
  }
  return undefined;
}
