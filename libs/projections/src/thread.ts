import { Worker } from 'node:worker_threads';
import { UnappliableEvent } from './file.js';
import type { OpenRequest, Reply, RequestName, Requests } from './protocol.js';

/** The thread kept dying, or was closed: nothing can be asked any more. */
export class ViewsThreadLost extends Error {
  override readonly name = 'ViewsThreadLost';
}

/** The id of an `open` that nobody waits for. */
const REOPENING = 0;

interface Pending {
  readonly name: RequestName;
  readonly args: unknown;
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
}

export interface ThreadOptions {
  /** Module that the thread runs. */
  readonly program: URL;
  /** How often in a row it may die without having applied anything, before it is given up. 0: at once. */
  readonly deathsMax: number;
  /** Room for young objects: 8 MiB unless said otherwise, for a thread that lives long and does little at a time. */
  readonly youngMib?: number;
  /** Told of every death that is made good by a new thread. */
  readonly onRestart?: (error: Error) => void;
}

/** Whoever owns a file of views and answers requests about it, one after the other. */
export type ViewsOwner = Pick<ViewsThread, 'open' | 'request' | 'close' | 'kill'>;

/**
 * The main thread's end of a thread that owns a file of views. A thread that dies is started again on the same file;
 * it gets the requests that were not answered once more, in their order, which all of them allow.
 */
export class ViewsThread {
  private readonly pending = new Map<number, Pending>();
  private readonly ended: Promise<void>;
  private worker: Worker;
  private lastId = 0;
  private deaths = 0;
  private opened: OpenRequest | undefined;
  private lost: Error | undefined;
  private end: () => void = () => undefined;

  constructor(private readonly options: ThreadOptions) {
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
    this.worker = this.start();
  }

  /** @throws UnappliableEvent, ViewsThreadLost, or an Error with what the thread's one said */
  request<N extends RequestName>(name: N, args: Requests[N]['args']): Promise<Requests[N]['answer']> {
    if (this.lost) return Promise.reject(this.lost);
    return new Promise((resolve, reject) => {
      this.lastId += 1;
      this.pending.set(this.lastId, { name, args, resolve, reject });
      this.worker.postMessage({ id: this.lastId, name, args });
    });
  }

  /** Opens the file that the thread owns from now on, also after a death. */
  async open(request: OpenRequest): Promise<Requests['open']['answer']> {
    const answer = await this.request('open', request);
    this.opened = request;
    return answer;
  }

  /** Lets the requests before it finish, closes the file and waits for the thread's end. */
  async close(): Promise<void> {
    if (!this.lost) await this.request('close', undefined);
    this.lost ??= new ViewsThreadLost('the views are closed');
    await this.ended;
  }

  /** Ends the thread at once, whatever it is doing; for scratch files. */
  async kill(): Promise<void> {
    this.giveUp(new ViewsThreadLost('the thread was stopped'));
    await this.worker.terminate();
  }

  private start(): Worker {
    const { program, youngMib = 8 } = this.options;
    const worker = new Worker(program, { resourceLimits: { maxYoungGenerationSizeMb: youngMib } });
    let cause = new Error('the thread of the views ended');
    worker.on('message', (reply: Reply) => this.settle(reply));
    worker.on('messageerror', (error) => {
      cause = error;
    });
    worker.on('error', (error) => {
      cause = error instanceof Error ? error : new Error(String(error));
    });
    worker.on('exit', () => this.exited(cause));
    return worker;
  }

  private settle({ id, answer, error }: Reply): void {
    if (id === REOPENING && error) this.giveUp(errorOf(error));
    const request = this.pending.get(id);
    if (!request) return;
    this.pending.delete(id);
    if (request.name === 'apply' && !error) this.deaths = 0;
    if (error) request.reject(errorOf(error));
    else request.resolve(answer as never);
    if (request.name === 'close') this.lost ??= new ViewsThreadLost('the views are closed');
  }

  private exited(cause: Error): void {
    if (this.lost || this.deaths >= this.options.deathsMax) {
      this.giveUp(new ViewsThreadLost(`the thread of the views is gone: ${cause.message}`, { cause }));
      this.end();
      return;
    }
    this.deaths += 1;
    this.options.onRestart?.(cause);
    this.worker = this.start();
    if (this.opened) this.worker.postMessage({ id: REOPENING, name: 'open', args: this.opened });
    for (const [id, { name, args }] of this.pending) this.worker.postMessage({ id, name, args });
  }

  private giveUp(error: Error): void {
    this.lost ??= error;
    for (const { reject } of this.pending.values()) reject(this.lost);
    this.pending.clear();
  }
}

function errorOf({ name, message, stack }: NonNullable<Reply['error']>): Error {
  const error = name === 'UnappliableEvent' ? new UnappliableEvent(message) : new Error(`${name}: ${message}`);
  if (stack) error.stack = stack;
  return error;
}
