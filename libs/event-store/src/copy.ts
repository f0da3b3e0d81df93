/** Moves a ledger from one store to another: unit by unit in global order, so that the tree stays the same. */
import { eventLeaf } from './leaf.js';
import { type Committed, type CommittedUnit, type Position, START } from './port.js';
import { Frontier } from './tree.js';

export interface CopySource {
  readAll(after: Position): AsyncIterable<CommittedUnit>;
}

export interface CopyTarget extends CopySource {
  importUnit(unit: CommittedUnit): Promise<Committed>;
}

export interface CopyOptions {
  /** Units handed to the target at a time. */
  readonly atATime?: number;
  readonly signal?: AbortSignal;
  /** Events that are compared with what the target held already, copied, or read back. */
  readonly progress?: (step: 'comparing' | 'copying' | 'verifying', events: number) => void;
}

export interface Copied {
  /** Of the whole ledger, 32 bytes: the root of the tree over `events` events, in both stores. */
  readonly root: Uint8Array;
  readonly events: number;
  /** How many of them were not there before. */
  readonly copied: number;
}

/** The target holds something else than the source: nothing more is written to it. */
export class LedgersDiffer extends Error {
  override readonly name = 'LedgersDiffer';
}

const PROGRESS_EVENTS = 500;

/**
 * Makes the target hold what the source holds. What the target holds already, of a copy that broke off, is compared
 * event by event; afterwards everything is read back. Nobody may write to either of them meanwhile.
 * @throws LedgersDiffer; what the stores throw; the signal's reason: the next call goes on where this one was
 */
export async function copyLedger(source: CopySource, target: CopyTarget, options: CopyOptions = {}): Promise<Copied> {
  const { atATime = 1, signal, progress } = options;
  const tree = Frontier.empty();
  let reported = 0;
  const report = (step: Parameters<NonNullable<CopyOptions['progress']>>[0], events: number): void => {
    if (reported > events) reported = 0;
    if (events - reported < PROGRESS_EVENTS) return;
    reported = events;
    progress?.(step, events);
  };

  const units = source.readAll(START)[Symbol.asyncIterator]();
  try {
    for await (const there of target.readAll(START)) {
      signal?.throwIfAborted();
      const { value: ours } = (await units.next()) as { value: CommittedUnit | undefined };
      compare(ours, there);
      grow(tree, there);
      report('comparing', tree.size);
    }
    const before = tree.size;
    const underWay = new Set<Promise<unknown>>();
    let failure: unknown;
    for (;;) {
      const { value: unit, done } = await units.next();
      if (done || failure !== undefined || signal?.aborted) break;
      grow(tree, unit);
      const importing: Promise<unknown> = target.importUnit(unit).then(
        () => underWay.delete(importing),
        (error: unknown) => {
          underWay.delete(importing);
          failure ??= error;
        },
      );
      underWay.add(importing);
      if (underWay.size >= atATime) await Promise.race(underWay);
      report('copying', tree.size);
    }
    await Promise.all(underWay);
    if (failure !== undefined) throw failure instanceof Error ? failure : new Error(String(failure));
    signal?.throwIfAborted();
    const root = tree.root();
    await readBack(target, tree, (events) => report('verifying', events));
    return { root, events: tree.size, copied: tree.size - before };
  } finally {
    await units.return?.();
  }
}

async function readBack(target: CopySource, tree: Frontier, report: (events: number) => void): Promise<void> {
  const read = Frontier.empty();
  for await (const unit of target.readAll(START)) {
    grow(read, unit);
    report(read.size);
  }
  if (read.size === tree.size && Buffer.compare(read.root(), tree.root()) === 0) return;
  throw new LedgersDiffer(
    `the target holds ${read.size} events, and not the ${tree.size} of the source: somebody wrote to one of them, or ` +
      'the target does not keep what it is given',
  );
}

function compare(ours: CommittedUnit | undefined, { events }: CommittedUnit): void {
  const index = events[0]?.index ?? 0;
  const isSame =
    ours?.events.length === events.length &&
    events.every((event, i) => {
      const one = ours.events[i];
      return one?.index === event.index && Buffer.compare(eventLeaf(one), eventLeaf(event)) === 0;
    });
  if (isSame) return;
  throw new LedgersDiffer(
    ours
      ? `the target holds another unit at index ${index} than the source: it is not a copy that broke off`
      : `the target holds more than the source, from index ${index} on`,
  );
}

function grow(tree: Frontier, { events }: CommittedUnit): void {
  for (const event of events) tree.append(eventLeaf(event));
}
