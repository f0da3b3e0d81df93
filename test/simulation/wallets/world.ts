import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeBase32 } from '@florin/encoding';
import { Random } from '../random.js';
import { Scheduler } from '../scheduler.js';
import { Tally } from '../tally.js';
import { Bank } from './bank.js';
import { Books } from './books.js';
import { Broken } from './broken.js';
import { Exchange } from './exchange.js';
import { fixedKey } from './fixed-keys.js';
import { History } from './history.js';
import { chooseMove } from './moves.js';
import { Officer } from './officer.js';
import { NOTHING_PLANTED, type Plant } from './plants.js';
import { checkAcknowledged } from './replies.js';
import { simulatedConfig } from './settings.js';
import type { VirtualProcess } from './virtual-process.js';
import { Wallet } from './wallet.js';

export interface Size {
  readonly seed: number;
  readonly wallets: number;
  /** Of each wallet. */
  readonly steps: number;
}

export interface Outcome {
  readonly tally: Tally;
  /** Of all events and answers. */
  readonly digest: string;
  readonly events: number;
  readonly answers: number;
}

interface PlannedCrash {
  /** Until it is due. */
  turns: number;
  /** What it waits for then, in so many turns at most. */
  readonly wanted?: 'asked' | 'unanswered';
  readonly patience: number;
  /** Whether another one follows while the exchange starts. */
  readonly again: boolean;
}

/** Of the requests of the exchange to its bank, and of its answers. */
const REQUESTS_LOST = 0.02;
/** Of the transfers: their account is not there. */
const TRANSFERS_REFUSED = 0.25;
/** How many wallets do something at a time. */
const BUSY_MAX = 10;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
/** How far time jumps now and then: over the end of purses, and a few times over that of reserves. */
const JUMPS_MS = [5 * MINUTE_MS, HOUR_MS, 5 * HOUR_MS, 20 * HOUR_MS];
/** What a request takes from one thing that it waits for to the next, and more. */
const SETTLING_TURNS = 4;
/** Longer than any purse or reserve lives. */
const END_JUMP_MS = 80 * HOUR_MS;
/** Steps at which nothing waits for its turn, before time has to pass. */
const IDLE_TURNS = 8;
/** How long a crash waits for a commit to fall into. */
const CRASH_TURNS = 200;
const STUCK_TURNS = 5_000;

/** Everybody there is: the exchange, its bank, its officer, and people with wallets; and what happens to them. */
export class World {
  readonly tally = new Tally();
  readonly history = new History();
  readonly bank: Bank;
  readonly exchange: Exchange;
  readonly officer: Officer;
  readonly wallets: Wallet[];
  readonly masterPub: Uint8Array;
  isEnding = false;
  private readonly random: Random;
  private readonly scheduler: Scheduler;
  private readonly folder = mkdtempSync(join(tmpdir(), 'florin-simulation-'));
  private readonly busy = new Set<Promise<void>>();
  private failure: Error | undefined;
  private idle = 0;
  private crashes = 0;
  private crashing: PlannedCrash | undefined;

  constructor(
    private readonly size: Size,
    private readonly process: VirtualProcess,
    private readonly plant: Plant = NOTHING_PLANTED,
  ) {
    const { seed } = size;
    this.random = new Random(seed);
    this.scheduler = new Scheduler(this.random, 0, SETTLING_TURNS);
    const refuses = (): boolean => this.isLost(TRANSFERS_REFUSED);
    this.bank = new Bank(() => Math.floor(process.nowMs() / 1000), refuses);
    process.network = (url, init) => this.reachBank(url, init);
    this.exchange = new Exchange({
      scheduler: this.scheduler,
      tally: this.tally,
      config: simulatedConfig(this.folder),
      plant,
      nowUs: () => process.nowMs() * 1000,
      onCrash: () => process.forgetTimers(),
      onFault: (fault) => this.fail(new Broken(fault)),
    });
    this.officer = new Officer(this);
    const master = JSON.parse(fixedKey({ kind: 'master' }, 0).content) as { pub: string };
    this.masterPub = decodeBase32(master.pub, 32);
    this.wallets = Array.from({ length: size.wallets }, (_, i) => {
      return new Wallet(this, `wallet ${i + 1}`, new Random(seed * 1_000_003 + i));
    });
  }

  /** @throws Broken when a property does not hold */
  async run(): Promise<Outcome> {
    try {
      await this.exchange.start();
      await this.live();
      await this.end();
      const { rows } = this.exchange.committed;
      const books = new Books();
      books.replay(rows);
      books.compare(this.bank, this.tally);
      checkAcknowledged(this.history.acknowledged, rows);
      const digest = this.history.digest({ rows });
      return { tally: this.tally, digest, events: rows.length, answers: this.history.answers };
    } finally {
      rmSync(this.folder, { recursive: true, force: true });
    }
  }

  /** Lets others go on first. */
  pause(): Promise<void> {
    return new Promise((resolve) => this.scheduler.add({ weight: 0.3, run: resolve }));
  }

  /** Runs beside what the wallets do. */
  private begin(work: Promise<unknown>): void {
    const done: Promise<void> = work.then(
      () => {
        this.busy.delete(done);
      },
      (error) => this.fail(error),
    );
    this.busy.add(done);
  }

  private fail(error: unknown): void {
    this.failure ??= error instanceof Error ? error : new Error(String(error));
  }

  /** All steps of all wallets, and what happens to everybody meanwhile. */
  private async live(): Promise<void> {
    const { wallets, steps } = this.size;
    const total = wallets * steps;
    const incidents = this.incidents(total);
    const acting = new Set<Wallet>();
    let left = [...this.wallets];
    for (let begun = 0; begun < total || this.busy.size > 0; ) {
      if (begun < total && acting.size < BUSY_MAX && this.random.chance(0.3)) {
        for (const happen of incidents.get(begun) ?? []) await happen();
        incidents.delete(begun);
        const idle = left.filter((wallet) => !acting.has(wallet));
        if (idle.length > 0) {
          const wallet = this.random.pick(idle);
          begun += 1;
          wallet.steps += 1;
          if (wallet.steps === steps) left = left.filter((other) => other !== wallet);
          acting.add(wallet);
          this.begin(chooseMove(wallet, begun / total)(wallet).finally(() => acting.delete(wallet)));
        }
      }
      await this.turn();
      await this.crashIfDue();
    }
  }

  /** What happens before the step of that number. */
  private incidents(total: number): Map<number, (() => Promise<void> | void)[]> {
    const at = new Map<number, (() => Promise<void> | void)[]>();
    const plan = (count: number, happen: () => Promise<void> | void, from = 0.02): void => {
      for (let i = 0; i < count; i += 1) {
        const step = Math.floor(total * (from + this.random.unit() * (0.97 - from)));
        at.set(step, [...(at.get(step) ?? []), happen]);
      }
    };
    plan(Math.max(4, Math.ceil(total / 1000)), () => this.planCrash());
    plan(Math.max(6, Math.ceil(total / 400)), () => this.process.advance(this.random.pick(JUMPS_MS)));
    plan(Math.max(4, Math.ceil(total / 300)), () => this.begin(this.officer.decideCases()));
    plan(Math.max(4, Math.ceil(total / 600)), () => this.begin(this.officer.decideTransfers()), 0.4);
    plan(2, () => this.begin(this.revokeOne()), 0.4);
    return at;
  }

  /** Falls anywhere in what goes on, by turns before a commit and before its reply; some fall into a start. */
  private planCrash(): void {
    this.crashes += 1;
    const wanted = this.crashes % 2 === 0 ? 'asked' : 'unanswered';
    this.crashing = { turns: this.random.below(40), wanted, patience: CRASH_TURNS, again: this.crashes % 4 === 2 };
  }

  private async crashIfDue(): Promise<void> {
    const due = this.crashing;
    if (!due) return;
    due.turns -= 1;
    if (due.turns > 0) return;
    if (due.wanted && this.exchange.underWay[due.wanted] === 0 && due.turns > -due.patience) return;
    this.crashing = due.again ? { turns: this.random.below(20), patience: 0, again: false } : undefined;
    if (!due.wanted) this.tally.count('crash while starting');
    await this.restart();
  }

  private async turns(count: number): Promise<void> {
    for (let left = count; left > 0; left -= 1) await this.turn();
  }

  private async restart(): Promise<void> {
    await this.exchange.crash();
    await this.exchange.start();
  }

  private async revokeOne(): Promise<void> {
    const { denominations, revoked } = await (this.wallets[0] as Wallet).keys();
    const held = this.wallets.flatMap(({ coins }) => coins.map(({ coin }) => Buffer.from(coin.denominationHash)));
    const standing = [...denominations.values()].filter(({ name }) => !revoked.has(name));
    const inUse = standing.filter(({ key }) => held.some((hash) => hash.equals(key.hash)));
    await this.officer.revoke(this.random.pick(inUse.length > 0 ? inUse : standing).name);
  }

  /** Nobody begins anything new; what is open is asked for until it is known, and all times run out. */
  private async end(): Promise<void> {
    this.isEnding = true;
    for (const wallet of this.wallets) this.begin(wallet.settle());
    await this.untilNobodyIsBusy();
    this.begin(this.officer.decideCases());
    await this.untilNobodyIsBusy();
    for (let quiet = 0; quiet < 3; ) {
      const before = this.exchange.committed.rows.length;
      this.process.advance(END_JUMP_MS);
      this.begin(this.officer.decideTransfers());
      await this.turns(2_000);
      quiet = this.exchange.committed.rows.length === before ? quiet + 1 : 0;
    }
  }

  private async untilNobodyIsBusy(): Promise<void> {
    while (this.busy.size > 0) await this.turn();
  }

  /** One thing that waits for its turn happens, and a little time passes. */
  private async turn(): Promise<void> {
    if (this.failure) throw this.failure;
    this.process.advance(this.random.below(20));
    if (await this.scheduler.step()) {
      this.idle = 0;
      return;
    }
    this.idle += 1;
    if (this.idle % IDLE_TURNS === 0) this.process.advance(this.process.nextTimerMs ?? 0);
    if (this.idle > STUCK_TURNS) throw new Broken('everybody waits for somebody');
  }

  /** A request of the exchange to its bank: it may be lost on the way there or back. */
  private async reachBank(url: string, init: RequestInit): Promise<Response> {
    const { park } = this.exchange;
    const lost = (): never => {
      this.tally.count('request to the bank lost');
      throw new TypeError('the connection is gone');
    };
    await park(() => (this.isLost(REQUESTS_LOST) ? lost() : undefined));
    const body = init.body as string | undefined;
    const { transfers = (order: string) => [order] } = this.plant;
    const bodies = url.endsWith('/transfer') && body !== undefined ? transfers(body) : [body];
    for (const extra of bodies.slice(0, -1)) await this.bank.answer(new URL(url), extra);
    const response = await this.bank.answer(new URL(url), bodies.at(-1));
    return park(() => (this.isLost(REQUESTS_LOST) ? lost() : response));
  }

  private isLost(probability: number): boolean {
    return !this.isEnding && this.random.chance(probability);
  }
}
