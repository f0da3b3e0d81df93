import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ErrorCode } from '@florin/encoding';
import { Ledger, type MemoryImage, MemoryStore } from '@florin/event-store';
import { type Config, createHttpService, Jobs, KeyRing, type Log, Offering, SystemClock } from '@florin/exchange';
import { Views } from '@florin/projections';
import { ViewsInProcess } from '@florin/projections/in-process';
import { AccountVault, Verifiers } from '@florin/signing';
import { type Life, type Scheduler, settled } from '../scheduler.js';
import type { Tally } from '../tally.js';
import { MemoryKeyFolder } from './fixed-keys.js';
import { ParkedStore } from './parked-store.js';
import type { Plant } from './plants.js';
import { LocalSigners, type Park } from './signers.js';

/** One request as bytes. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Path and query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** What the views show lags behind. */
const VIEWS_WEIGHT = 0.1;
/** Views are waited for as long as it takes, for time jumps here. */
const VIEWS_WAIT_MS = 1_000_000_000;

/** A start reads files, which takes one time longer than another; afterwards all wait for something. */
const SETTLING_TURNS = 200;

/** What a dead process waits for. */
const NEVER = new Promise<never>(() => undefined);

type Service = Awaited<ReturnType<typeof createHttpService>>;

/** What of the exchange lives as long as its process. */
interface Running {
  readonly life: Life;
  readonly store: ParkedStore;
  readonly memory: MemoryStore;
  readonly viewsFile: ViewsInProcess;
  /** Fulfilled when it answers requests. */
  readonly service: Promise<Service>;
  /** Fulfilled by the crash. */
  readonly gone: Promise<undefined>;
  readonly end: () => void;
}

export interface Surroundings {
  readonly scheduler: Scheduler;
  readonly tally: Tally;
  readonly config: Config;
  readonly plant: Plant;
  /** Microseconds since 1970. */
  readonly nowUs: () => number;
  /** The process is gone: what waited for time in it never wakes. */
  readonly onCrash: () => void;
  /** The views have stopped, or a request met a fault. */
  readonly onFault: (fault: string) => void;
}

/** The exchange as it ships, in this process, one life after the other: a crash leaves the store, keys and views. */
export class Exchange {
  readonly folder = new MemoryKeyFolder();
  private running: Running | undefined;
  private waiting: ((running: Running) => void)[] = [];
  private image: MemoryImage = { rows: [] };
  private crashes = 0;

  constructor(private readonly surroundings: Surroundings) {}

  /** Parks work of the present life until the scheduler picks it; for good if that life ends before. */
  get park(): Park {
    const life = this.running?.life;
    return (work) => this.parked(life, work);
  }

  /** Commits that are asked for, and those whose reply is on its way: what a crash now would cut off. */
  get underWay(): { readonly asked: number; readonly unanswered: number } {
    return this.running?.store ?? { asked: 0, unanswered: 0 };
  }

  /** What is committed. */
  get committed(): MemoryImage {
    return this.running?.memory.snapshot() ?? this.image;
  }

  /** Sends a request when the exchange is up. @returns undefined if it crashed before it answered */
  async send({ method, path, headers, body }: Call): Promise<Answer | undefined> {
    const payload = body === undefined ? {} : { payload: body };
    const request = { method, url: path, headers: { 'user-agent': 'wallet', ...headers }, ...payload };
    const reply = await this.ask((app) => app.inject(request));
    return reply && { status: reply.statusCode, headers: reply.headers as Record<string, string>, text: reply.body };
  }

  /** Commands a part of the service, as the admin port does. @returns undefined if it crashed before it answered */
  command<P, T>(part: { readonly prototype: P }, command: (part: P) => Promise<T>): Promise<T | undefined> {
    return this.ask((app) => command(app.get(part as never) as P));
  }

  /** Begins a life from what is committed. Requests may be sent at once; they wait for the start. */
  async start(): Promise<void> {
    const { scheduler, tally, nowUs, onFault, config, plant } = this.surroundings;
    const life = scheduler.begin();
    const park: Park = (work) => this.parked(life, work);
    const memory = new MemoryStore(nowUs, this.image);
    const store = new (plant.store ?? ParkedStore)(memory, park);
    const viewsFile = new ViewsInProcess((name) => {
      if (name === 'apply') return this.parked(life, () => undefined, VIEWS_WEIGHT);
      return life.over && name !== 'close' ? NEVER : Promise.resolve();
    });
    const signers = new LocalSigners(this.folder, park);
    await signers.load(this.folder.keyNames());
    const views = await Views.start(memory, {
      path: join(config.data, 'views.db'),
      currency: config.currency,
      owner: viewsFile,
      waitMs: VIEWS_WAIT_MS,
      onFault: (error) => onFault(error.message),
    });
    const app = await createHttpService({
      config,
      log: logTo(tally, onFault),
      clock: new SystemClock(),
      store,
      views,
      signers,
      verifiers: new Verifiers({ threads: 0, inlineMax: Number.POSITIVE_INFINITY }),
      vault: new AccountVault(this.folder),
      folder: this.folder,
      ledger: new (plant.ledger ?? Ledger)(store, { since: await memory.lastPosition() }),
    });
    await app.init();
    await settled(SETTLING_TURNS);
    let end = (): void => undefined;
    const gone = new Promise<undefined>((resolve) => {
      end = () => resolve(undefined);
    });
    const running = { life, store, memory, viewsFile, service: this.wakeUp(app), gone, end };
    this.running = running;
    for (const resolve of this.waiting.splice(0)) resolve(running);
  }

  /** Drops everything that is not in the store, the key folder or the file of views. */
  async crash(): Promise<void> {
    const { tally, onCrash, config } = this.surroundings;
    const { life, memory, store, viewsFile, end } = this.running as Running;
    tally.count('crash');
    tally.count('commit dropped by a crash', store.asked);
    tally.count('reply to a commit dropped by a crash', store.unanswered);
    this.image = store.left();
    const isWhole = this.image.rows.length === memory.snapshot().rows.length;
    this.running = undefined;
    life.end();
    void viewsFile.close(); // lets go of the file, as the end of a process does
    onCrash();
    end();
    await settled(SETTLING_TURNS);
    this.crashes += 1;
    if (isWhole && this.crashes % 4 !== 3) return;
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(config.data, `views.db${suffix}`), { force: true });
    tally.count('crash that lost the views');
  }

  private async ask<T>(question: (app: Service) => Promise<T>): Promise<T | undefined> {
    const { service, gone } = this.running ?? (await new Promise<Running>((resolve) => this.waiting.push(resolve)));
    return Promise.race([service.then(question), gone]);
  }

  /** As the program starts it. */
  private async wakeUp(app: Service): Promise<Service> {
    await app.get(KeyRing).start();
    await app.get(Offering).round();
    app.get(Jobs).start();
    return app;
  }

  private parked<T>(life: Life | undefined, work: () => Promise<T> | T, weight = 1): Promise<T> {
    if (!life || life.over) return NEVER;
    return new Promise((resolve, reject) => {
      const run = (): void => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      };
      this.surroundings.scheduler.add({ weight, life, run });
    });
  }
}

/** Counts what is logged as an error. Of requests only faults: the wallet that asked judges the others. */
function logTo(tally: Tally, onFault: (fault: string) => void): Log {
  const quiet = (): void => undefined;
  const error = (about: { readonly code?: number; readonly fault?: object }, words = ''): void => {
    if (words !== 'request failed') tally.count(`logged: ${words}`);
    else if (about.code === ErrorCode.GENERIC_INTERNAL_INVARIANT_FAILURE) onFault(JSON.stringify(about));
  };
  return { debug: quiet, info: quiet, warn: quiet, error } as Log;
}
