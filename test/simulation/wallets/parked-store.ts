import type {
  Committed,
  CommittedUnit,
  EventStore,
  MemoryImage,
  MemoryStore,
  Position,
  ReadStream,
  StreamAppend,
  StreamPage,
} from '@florin/event-store';
import type { Park } from './signers.js';

/**
 * The store as a process sees it whose requests and replies travel: each waits for its turn, so that a crash may come
 * before a commit as well as between the commit and its reply.
 */
export class ParkedStore implements EventStore {
  /** Commits on their way to the store, and those whose replies are on their way back. */
  asked = 0;
  unanswered = 0;

  constructor(
    protected readonly store: MemoryStore,
    protected readonly park: Park,
  ) {}

  /** What a crash leaves of it. */
  left(): MemoryImage {
    return this.store.snapshot();
  }

  async commit(unit: readonly StreamAppend[]): Promise<Committed> {
    this.asked += 1;
    const committed = await this.park(() => {
      this.asked -= 1;
      const outcome = this.store.commit(unit);
      this.unanswered += 1;
      return outcome.catch((error: unknown) => {
        this.unanswered -= 1;
        throw error;
      });
    });
    return this.park(() => {
      this.unanswered -= 1;
      return committed;
    });
  }

  readStream(stream: string, options?: ReadStream): Promise<StreamPage> {
    return this.park(() => this.store.readStream(stream, options));
  }

  readAll(after: Position): AsyncIterable<CommittedUnit> {
    return this.store.readAll(after);
  }

  subscribe(after: Position, signal: AbortSignal): AsyncIterable<CommittedUnit> {
    return this.store.subscribe(after, signal);
  }

  lastPosition(): Promise<Position> {
    return this.store.lastPosition();
  }

  close(): Promise<void> {
    return this.store.close();
  }
}
