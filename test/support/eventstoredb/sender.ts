import type { ServerWritableStream } from '@grpc/grpc-js';
import type { streams } from './protocol.js';

/** The answering side of a read: waits while the client takes no more, and notices when it has gone. */
export class Sender {
  readonly #call: ServerWritableStream<streams.ReadReq, streams.ReadResp>;
  /** Resolves when the client has cancelled the call or its connection is gone. */
  readonly cancelled: Promise<void>;
  #closed = false;
  #drained: () => void = () => {};

  constructor(call: ServerWritableStream<streams.ReadReq, streams.ReadResp>) {
    this.#call = call;
    this.cancelled = new Promise((resolve) => {
      call.on('cancelled', () => {
        this.#closed = true;
        this.#drained();
        resolve();
      });
    });
    call.on('drain', () => this.#drained());
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** @returns nothing if the client can take the next message at once, else what resolves as soon as it can */
  send(message: streams.ReadResp): Promise<void> | undefined {
    if (this.#closed || this.#call.write(message)) return undefined;
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
  }

  /** Resolves when all that was sent has been handed to the connection. */
  async flushed(): Promise<void> {
    while (!this.#closed && this.#call.writableLength > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
