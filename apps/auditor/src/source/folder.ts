import { DamagedStore, FolderObserver, type Head } from '@florin/event-store';
import { type Source, SourceError, type SourceEvent, type Stretch } from './source.js';

/** The data folder of an exchange on this machine, whether it runs or not. */
export class FolderSource implements Source {
  private readonly observer: FolderObserver;

  constructor(readonly name: string) {
    this.observer = new FolderObserver(name);
  }

  async origin(): Promise<string> {
    return (await this.head()).origin;
  }

  async size(): Promise<number> {
    return (await this.head()).size;
  }

  async *read(first: number): AsyncGenerator<Stretch> {
    const head = await this.head();
    for await (const items of this.rows(first, head.size)) yield { items };
    yield { items: [], head };
  }

  async events(indexes: readonly number[]): Promise<Map<number, SourceEvent>> {
    const found = new Map<number, SourceEvent>();
    for (const index of indexes) {
      for await (const items of this.rows(index, index + 1)) {
        for (const item of items) if ('text' in item) found.set(index, item);
      }
    }
    return found;
  }

  close(): Promise<void> {
    return this.observer.close();
  }

  private async head(): Promise<Head> {
    try {
      return await this.observer.head();
    } catch (error) {
      throw new SourceError(`${this.name}: ${(error as Error).message}`);
    }
  }

  private async *rows(first: number, end: number) {
    try {
      yield* this.observer.rows(first, end);
    } catch (error) {
      if (!(error instanceof DamagedStore)) throw error;
      throw new SourceError(`${this.name}: ${error.message}`);
    }
  }
}
