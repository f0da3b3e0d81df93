import {
  type Committed,
  type CommittedUnit,
  NO_EVENTS,
  type RecordedEvent,
  type Revision,
  type StreamAppend,
  type StreamPage,
} from '../port.js';
import { appendsOf, firstOfUnit } from '../unit.js';
import { standingOf } from './revision.js';

const REVISIONS_MAX = 20_000;

export interface ImportTarget {
  commit(unit: readonly StreamAppend[], writtenAtUs: number): Promise<Committed>;
  /** The end of a stream. */
  readEnd(stream: string): Promise<StreamPage>;
}

/** Commits units of another store one after the other, at the same logical numbers and with the same times. */
export class UnitImporter {
  /** Of streams written lately; others are looked up. */
  private readonly revisions = new Map<string, Revision>();
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly target: ImportTarget) {}

  /** Units are handed in in global order. @throws RangeError if the unit does not come next; what `commit` throws */
  import({ events }: CommittedUnit): Promise<Committed> {
    const imported = this.last.then(() => this.next(events));
    this.last = imported.catch(() => undefined);
    return imported;
  }

  private async next(events: readonly RecordedEvent[]): Promise<Committed> {
    const { writtenAtUs } = firstOfUnit(events);
    for (const { stream, number } of events) if (number > 0) await this.look(stream);
    const appends = appendsOf(events, (stream, number) => {
      const revision = this.revisions.get(stream);
      const count = revision === undefined ? 0 : standingOf(revision).count;
      if (revision === undefined || count !== number) {
        throw new RangeError(`${stream} has ${count} events; number ${number} does not come next`);
      }
      return revision;
    });
    const committed = await this.target.commit(appends, writtenAtUs);
    for (const [stream, revision] of committed.revisions) this.remember(stream, revision);
    return committed;
  }

  /** Where a stream stands that was not written lately. */
  private async look(stream: string): Promise<void> {
    if (this.revisions.has(stream)) return;
    const { revision } = await this.target.readEnd(stream);
    if (revision !== NO_EVENTS) this.remember(stream, revision);
  }

  private remember(stream: string, revision: Revision): void {
    this.revisions.delete(stream);
    this.revisions.set(stream, revision);
    for (const oldest of this.revisions.keys()) {
      if (this.revisions.size <= REVISIONS_MAX) break;
      this.revisions.delete(oldest);
    }
  }
}
