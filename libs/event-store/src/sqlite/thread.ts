/** Asking a worker thread: what is asked within a turn of the event loop travels together, and so do the answers. */
import { type MessagePort, Worker } from 'node:worker_threads';
import { StoreUnavailable } from '../port.js';
import { errorOf, type Fault, faultOf } from './faults.js';
import { Outbox } from './outbox.js';

// biome-ignore lint/suspicious/noExplicitAny: a table of functions of any kind
export type Operations = Record<string, (...args: any[]) => unknown>;
type Answer<Ops extends Operations, Op extends keyof Ops> = Awaited<ReturnType<Ops[Op]>>;
type Question = [id: number, op: string, args: unknown[]];
type Reply = [id: number, value: unknown, fault?: Fault];

/** The threads handle short-lived values: a large nursery would only cost memory. */
export const THREAD_LIMITS = { maxYoungGenerationSizeMb: 8 };

/** The answering side: calls the named operation, and sends back what it returns or throws. */
export function serve(port: MessagePort, operations: Operations): void {
  const replies = new Outbox<Reply>((batch) => port.postMessage(batch));
  const answer = async ([id, op, args]: Question): Promise<void> => {
    try {
      const value = await operations[op]?.(...args);
      replies.push([id, value]);
    } catch (error) {
      replies.push([id, undefined, faultOf(error)]);
    }
  };
  port.on('message', (questions: readonly Question[]) => {
    for (const question of questions) void answer(question);
  });
}

/** The asking side. */
export class Thread<Ops extends Operations> {
  private readonly worker: Worker;
  private readonly asked = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  private readonly ended: Promise<unknown>;
  private readonly questions = new Outbox<Question>((batch) => this.worker.postMessage(batch));
  private nextId = 0;
  private isClosing = false;
  private isEnded = false;

  /** @param died told when the thread ends without having been asked to */
  constructor(entry: URL, workerData: unknown, died: (error: Error) => void) {
    this.worker = new Worker(entry, { workerData, resourceLimits: THREAD_LIMITS });
    this.worker.on('message', (replies: readonly Reply[]) => {
      for (const reply of replies) this.settle(reply);
    });
    let reason = new Error('a thread of the event store ended');
    this.worker.on('error', (error) => {
      reason = error instanceof Error ? error : new Error(String(error));
    });
    this.ended = new Promise((resolve) => {
      this.worker.on('exit', () => {
        this.isEnded = true;
        for (const { reject } of this.asked.values()) reject(new StoreUnavailable(reason.message));
        this.asked.clear();
        if (!this.isClosing) died(reason);
        resolve(undefined);
      });
    });
  }

  ask<Op extends keyof Ops & string>(op: Op, ...args: Parameters<Ops[Op]>): Promise<Answer<Ops, Op>> {
    if (this.isClosing || this.isEnded) return Promise.reject(new StoreUnavailable('the event store is closed'));
    return this.post(op, args);
  }

  /** Lets what was asked finish, then ends the thread. */
  async close(): Promise<void> {
    if (!this.isClosing && !this.isEnded) {
      this.isClosing = true;
      await this.post('close', []).catch(() => {});
      await this.worker.terminate();
    }
    await this.ended;
  }

  private post<T>(op: string, args: unknown[]): Promise<T> {
    return new Promise((resolve, reject) => {
      this.nextId += 1;
      this.asked.set(this.nextId, { resolve, reject });
      this.questions.push([this.nextId, op, args]);
    });
  }

  private settle([id, value, fault]: Reply): void {
    const waiting = this.asked.get(id);
    this.asked.delete(id);
    if (fault) waiting?.reject(errorOf(fault));
    else waiting?.resolve(value as never);
  }
}
