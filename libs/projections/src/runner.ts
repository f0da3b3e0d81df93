/**
 * The main thread's side of the read models: follows the store, feeds the thread that owns `views.db`, and puts
 * questions to it.
 *
 *     store.subscribe -> batches (one is applied while the next is gathered) -> thread -> tables and checkpoint
 */
import { type EventStore, NOT_COUNTED, type Position, START } from '@florin/event-store';
import { type Batch, batches, type Checkpoint, earliest, feed, tipOf, wantedBy } from './batch.js';
import type { ViewCheckpoint } from './file.js';
import type { Moment, OnProgress, PastView, Site, Verification } from './maintenance.js';
import * as maintenance from './maintenance.js';
import { Maintenance, type MaintenanceObserver } from './maintenance-queue.js';
import type { RowSelection, TableRow } from './tables.js';
import { type ViewsOwner, ViewsThread, ViewsThreadLost } from './thread.js';
import type { QueryAnswer, QueryArguments, QueryName, ViewName } from './views.js';
import { PositionWaiters, StreamWatchers } from './waiters.js';

export interface ViewsOptions {
  /** Path of `views.db`, in a folder that exists. Scratch files beside it bear its name and one more word. */
  readonly path: string;
  readonly currency: string;
  /** Told once if the views stop by themselves: an event cannot be applied, the disk is full, the store is damaged. */
  readonly onFault: (error: ViewsStopped) => void;
  /** Told what was made good: a thread that died, a file that was begun anew. */
  readonly onNotice?: (message: string) => void;
  /** How long `caughtUpWith` waits, in milliseconds. */
  readonly waitMs?: number;
  /** The program of the threads, for one that serves more views. */
  readonly program?: URL;
  /** Owns the file in the place of a thread. */
  readonly owner?: ViewsOwner;
}

/** The views stand still for good; the cause says why. Nothing is answered any more, for it would be stale. */
export class ViewsStopped extends Error {
  override readonly name = 'ViewsStopped';
}

export interface Lag {
  /** The last unit applied, and how many events that makes. */
  readonly position: Position;
  readonly events: number;
  /** The last unit in the store; the same position if nothing is missing. */
  readonly storePosition: Position;
  /** When the last event applied since the start was written, whole microseconds since 1970. */
  readonly writtenAtUs: number | undefined;
}

const WAIT_MS = 5_000;
const DEATHS_MAX = 5;
/** A batch keeps questions waiting: some 20 ms with all views. */
const BATCH_EVENTS_MAX = 1_000;
const PROGRAM = new URL('./worker.js', import.meta.url);

export class Views {
  private readonly stopping = new AbortController();
  private readonly waiters = new PositionWaiters();
  private readonly watchers = new StreamWatchers();
  private readonly site: Site;
  private checkpoint: Checkpoint;
  private writtenAtUs: number | undefined;
  private following: Promise<void>;
  private applying: Promise<void> = Promise.resolve();
  private held: Promise<void> | undefined;
  private readonly maintenance = new Maintenance(() => {
    if (this.stopped) throw this.stopped;
  });
  private pastViews = 0;
  private stopped: ViewsStopped | undefined;

  private constructor(
    private readonly store: EventStore,
    private readonly options: ViewsOptions,
    private readonly thread: ViewsOwner,
    checkpoints: readonly ViewCheckpoint[],
  ) {
    this.checkpoint = earliest(checkpoints);
    this.site = {
      store,
      path: options.path,
      currency: options.currency,
      program: options.program ?? PROGRAM,
      signal: this.stopping.signal,
      checkpoint: () => this.checkpoint,
      standingStill: (work) => this.standingStill(work),
      replace: async (by) => void (await this.thread.request('replace', { by })),
    };
    this.following = this.follow(checkpoints).catch((error) => this.stop(error));
  }

  /**
   * Opens the file and follows the store from its checkpoint. A file that is damaged, of another schema or of another
   * ledger is begun anew. Returns at once: `caughtUpWith(await store.lastPosition())` says when all is there.
   */
  static async start(store: EventStore, options: ViewsOptions): Promise<Views> {
    const { path, currency, program = PROGRAM, onNotice = () => undefined } = options;
    maintenance.removeScratchFiles(path);
    const onRestart = (error: Error): void => onNotice(`the thread of the views was started again: ${error.message}`);
    const thread = options.owner ?? new ViewsThread({ program, deathsMax: DEATHS_MAX, onRestart });
    try {
      let checkpoints = await thread.open({ path, currency, mode: 'live' });
      if (!(await belongsTo(store, earliest(checkpoints)))) {
        onNotice(`${path} was made from another ledger and is built anew`);
        checkpoints = await thread.request('empty', undefined);
      }
      return new Views(store, options, thread, checkpoints);
    } catch (error) {
      await thread.kill();
      throw error;
    }
  }

  /**
   * Waits until all views have passed `position`, for instance the last one that this node committed.
   * @throws ViewsBehind if they do not in time (503), ViewsStopped
   */
  async caughtUpWith(position: Position): Promise<void> {
    if (this.stopped) throw this.stopped;
    if (position <= this.checkpoint.position) return;
    await this.waiters.wait(position, this.options.waitMs ?? WAIT_MS);
  }

  /** Puts a question to the tables as they are. @throws ViewsStopped, and what the query throws */
  async ask<V extends ViewName, Q extends QueryName<V>>(
    view: V,
    query: Q,
    ...args: QueryArguments<V, Q>
  ): Promise<QueryAnswer<V, Q>> {
    if (this.stopped) throw this.stopped;
    try {
      return (await this.thread.request('ask', { view, query, args })) as QueryAnswer<V, Q>;
    } catch (error) {
      if (error instanceof ViewsThreadLost) this.stop(error);
      throw this.stopped ?? error;
    }
  }

  /** What stands in the tables of a view now, by table. */
  async rows(view: ViewName, selection: RowSelection): Promise<Record<string, TableRow[]>> {
    if (this.stopped) throw this.stopped;
    return this.thread.request('rows', { view, selection });
  }

  /**
   * For long polls: fulfilled when an event of `stream` was applied, when `signal` aborts or when the views stop. Call
   * it before asking, so that nothing falls in between.
   */
  changed(stream: string, signal: AbortSignal): Promise<void> {
    return this.stopped ? Promise.resolve() : this.watchers.next(stream, signal);
  }

  async lag(): Promise<Lag> {
    const { position, events } = this.checkpoint;
    return { position, events, storePosition: await this.store.lastPosition(), writtenAtUs: this.writtenAtUs };
  }

  /**
   * Builds one view anew, or all, from the first event while the present ones serve; then the new ones serve. Whoever
   * asks for a rebuild that is under way, or waits, gets that one.
   */
  rebuild(target: ViewName | 'all', observer: MaintenanceObserver = {}): Promise<void> {
    const name = `the rebuild of ${target}`;
    return this.maintenance.share(name, observer, (onProgress) => maintenance.rebuild(this.site, target, onProgress));
  }

  /** Builds one view, or all, from the first event and compares with the rows that serve. */
  verify(target: ViewName | 'all' = 'all', observer: MaintenanceObserver = {}): Promise<Verification> {
    const name = `the verification of ${target}`;
    return this.maintenance.queue(name, observer, (onProgress) => maintenance.verify(this.site, target, onProgress));
  }

  /**
   * A view as it was at `moment`, to be closed by the caller. @throws RangeError if the moment is a position after the
   * ledger's last, ViewsBehind if the serving views do not reach it in time
   */
  async stateAt<V extends ViewName>(view: V, moment: Moment, onProgress?: OnProgress): Promise<PastView<V>> {
    if ('position' in moment) {
      const last = await this.store.lastPosition();
      if (moment.position > last) throw new RangeError(`the ledger ends at position ${last}`);
      await this.caughtUpWith(moment.position);
    }
    this.pastViews += 1;
    return maintenance.PastView.build(this.site, { view, moment, number: this.pastViews }, onProgress);
  }

  /** Ends all work; what was applied stays. Past views are closed by those who asked for them. */
  async close(): Promise<void> {
    this.halt(new ViewsStopped('the views are closed'));
    await this.following;
    await this.maintenance.ended();
    await this.thread.close();
  }

  private async follow(checkpoints: readonly ViewCheckpoint[]): Promise<void> {
    const { position, events } = this.checkpoint;
    const units = this.store.subscribe(position, this.stopping.signal);
    const rules = { first: events, wanted: wantedBy(checkpoints), eventsMax: BATCH_EVENTS_MAX };
    await feed(batches(units, rules), (batch) => this.apply(batch));
    if (!this.stopped) throw new Error('the subscription to the store ended');
  }

  private async apply(batch: Batch): Promise<void> {
    while (this.held) await this.held;
    if (this.stopped) return;
    this.applying = this.thread.request('apply', batch).then(
      () => this.passed(batch),
      (error) => this.stop(error),
    );
    await this.applying;
  }

  private passed({ after, events, writtenAtUs }: Batch): void {
    this.checkpoint = after;
    this.writtenAtUs = writtenAtUs;
    this.waiters.passed(after.position);
    this.watchers.changed(events);
  }

  private async standingStill<Result>(work: () => Promise<Result>): Promise<Result> {
    let release = (): void => undefined;
    this.held = new Promise((resolve) => {
      release = () => {
        this.held = undefined;
        resolve();
      };
    });
    try {
      await this.applying;
      return await work();
    } finally {
      release();
    }
  }

  private stop(cause: unknown): void {
    if (this.stopped) return;
    const why = cause instanceof Error ? cause.message : String(cause);
    const stopped = new ViewsStopped(`the views have stopped: ${why}`, { cause });
    this.halt(stopped);
    this.options.onFault(stopped);
  }

  private halt(stopped: ViewsStopped): void {
    this.stopped ??= stopped;
    this.stopping.abort(this.stopped);
    this.waiters.fail(this.stopped);
    this.watchers.wakeAll();
  }
}

/**
 * Does the store hold the event that the views applied last, at the same place? The place, the content and the time to
 * the microsecond agree only if everything before is the same ledger; the first event alone would not tell a ledger
 * that was restored from a backup and went on differently.
 */
async function belongsTo(store: EventStore, { position, events, tip }: Checkpoint): Promise<boolean> {
  if (!tip) return position === START;
  const page = await store.readStream(tip.stream, { fromNumber: tip.number, limit: 1 });
  const event = page.events[0];
  if (!event || event.position !== position || tipOf(event).leaf !== tip.leaf) return false;
  return event.index === events - 1 || event.index === NOT_COUNTED;
}
