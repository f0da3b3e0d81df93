/** Exports of an endless history, line by line, as a file or a feed has them. */
import type { SourceEvent } from '@florin/auditor';
import { decodeBase32 } from '@florin/encoding';
import {
  checkpointText,
  exportEventLine,
  exportHeaderLine,
  exportTailLine,
  Frontier,
  signedNote,
  storedLeaf,
} from '@florin/event-store';
import { wallet } from '../e2e/support/oracle.js';
import { Endless } from './endless.js';

export class EndlessExport {
  private readonly heads = new Map<number, string>();
  readonly origin: string;

  private constructor(
    readonly events: readonly SourceEvent[],
    private readonly logKey: Endless['logKey'],
  ) {
    this.origin = `florin/endless/${logKey.pub.slice(0, 16)}`;
  }

  /** @param count how many events at least; of two thousand, all come at once */
  static async of(count: number): Promise<EndlessExport> {
    const endless = new Endless();
    const events: SourceEvent[] = [];
    for await (const { items } of endless.stretches(count)) events.push(...(items as SourceEvent[]));
    return new EndlessExport(events, endless.logKey);
  }

  /** The same log with other events: what the holder of its key can sign. */
  changed(change: (event: SourceEvent) => SourceEvent): EndlessExport {
    return new EndlessExport(this.events.map(change), this.logKey);
  }

  /** The same log when it had fewer events: a whole number of units. */
  upTo(size: number): EndlessExport {
    return new EndlessExport(this.events.slice(0, size), this.logKey);
  }

  /** @param first index of the first event @param end of the log as its head shows it @param next behind the last */
  lines(wanted: { first?: number; end?: number; next?: number } = {}): string[] {
    const { first = 0, end = this.events.length } = wanted;
    const { next = end } = wanted;
    const events = this.events.slice(first, next).map(({ text, ...event }) => {
      return exportEventLine({ ...event, data: JSON.parse(text) });
    });
    const header = exportHeaderLine({ origin: this.origin, first, exportedAt: 1 });
    return [header, ...events, exportTailLine({ head: this.head(end), next })];
  }

  /** Index of the first event of the unit that event `index` belongs to. */
  unitOf(index: number): number {
    return this.events[index]?.unitFirst ?? this.events.length;
  }

  private head(size: number): string {
    const known = this.heads.get(size) ?? this.newHead(size);
    this.heads.set(size, known);
    return known;
  }

  private newHead(size: number): string {
    const frontier = Frontier.empty();
    for (const event of this.events.slice(0, size)) frontier.append(storedLeaf(event));
    const text = checkpointText({ origin: this.origin, size, root: frontier.root() });
    const signature = wallet.eddsa.sign(new TextEncoder().encode(text), this.logKey.seed);
    return signedNote(text, { name: this.origin, logPub: decodeBase32(this.logKey.pub, 32), signature });
  }
}
