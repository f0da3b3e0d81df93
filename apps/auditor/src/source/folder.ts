import { DamagedStore, FolderObserver, type Head } from '@florin/event-store';
import { type Source, SourceError, type Stretch } from './source.js';

/** The data folder of an exchange on this machine, whether it runs or not. */
export class FolderSource implements Source {
  private readonly observer: FolderObserver;

  constructor(readonly name: string) {
    this.observer = new FolderObserver(name);
  }

  async size(): Promise<number> {
    return (await this.head()).size;
  }

  async *read(first: number): AsyncGenerator<Stretch> {
    const head = await this.head();
    for await (const items of this.rows(first, head.size)) yield { items };
    yield { items: [], head };
  }

  consistencyProof(from: number, to: number): Promise<Uint8Array[]> {
    return this.observer.consistencyProof(from, to);
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
