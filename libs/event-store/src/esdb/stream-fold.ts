import { DamagedStore, NO_EVENTS, type Position, type RecordedEvent, type StreamPage } from '../port.js';
import { type Entry, type NumberedEntry, recorded } from './envelope.js';
import { revisionOf, type Standing } from './revision.js';
import type { Tentative, Verdict } from './slots.js';

/** What a stretch of a stream has come to, read from its first event on. */
export class StreamFold {
  readonly committed: { readonly entry: NumberedEntry; readonly position: Position }[] = [];
  /** A tentative append, until the next append or its slot tells what became of it. */
  pending: NumberedEntry[] | undefined;
  chars = 0;
  /** The revision of the last event taken, of whatever kind. */
  end = -1n;
  /** After the last committed event; unknown before the first one. */
  standing: Standing | undefined;
  private count: number | undefined;
  private open: NumberedEntry[] = [];

  /** @param fromNumber what comes before it is folded, and not kept */
  constructor(private readonly fromNumber: number) {}

  get isEmpty(): boolean {
    return this.end < 0n;
  }

  /** @throws DamagedStore if it does not fit what came before */
  add(entry: Entry): void {
    this.end = entry.raw.revision;
    if (entry.kind === 'marker') return;
    if (entry.part !== this.open.length) throw new DamagedStore(`${entry.stream} has an append with a gap`);
    this.open.push(entry);
    if (entry.part < entry.parts - 1) return;
    const append = this.open;
    this.open = [];
    this.addAppend(append, entry);
  }

  decidePending(verdict: Verdict): void {
    const pending = this.pending ?? [];
    this.pending = undefined;
    if (verdict.kind === 'committed') this.commit(pending, verdict.position);
  }

  /** The first events of it, as a page that does not reach to the end of the stream. */
  page(limit: number): StreamPage {
    const kept = this.committed.slice(0, limit);
    const last = kept.at(-1);
    const revision = last ? revisionOf(standingAfter(last.entry, last.position)) : NO_EVENTS;
    return {
      events: kept.map(({ entry, position }): RecordedEvent => recorded(entry, position)),
      revision,
      complete: false,
    };
  }

  private addAppend(append: NumberedEntry[], last: NumberedEntry): void {
    const { number, after } = append[0] as NumberedEntry;
    const pending = this.pending?.[0];
    // Whoever appends knows what became of the append before: it counts, or it does not.
    if (pending && number === pending.number + pending.parts)
      this.decidePending({ kind: 'committed', position: after });
    else this.pending = undefined;
    if (this.count !== undefined && this.count !== number) {
      throw new DamagedStore(`${last.stream} has ${this.count} events where one has the number ${number}`);
    }
    this.count = number;
    if (last.kind === 'tentative') this.pending = append;
    else this.commit(append, last.raw.position as Position);
  }

  private commit(append: readonly NumberedEntry[], position: Position): void {
    for (const entry of append) {
      this.count = entry.number + 1;
      this.standing = standingAfter(entry, position);
      if (entry.number < this.fromNumber) continue;
      this.committed.push({ entry, position });
      this.chars += entry.raw.size;
    }
  }
}

export function standingAfter({ number, raw }: NumberedEntry, position: Position): Standing {
  return { count: number + 1, position, physical: raw.revision };
}

/** @throws DamagedStore unless the entries are one whole tentative append */
export function tentativeOf(entries: readonly Entry[]): Tentative {
  const kept = entries.filter((entry) => entry.kind === 'tentative');
  const first = kept[0];
  if (!first || kept.length !== entries.length || first.parts !== kept.length) {
    throw new DamagedStore('a tentative append has lost some of its events');
  }
  return { entries: kept, first };
}
