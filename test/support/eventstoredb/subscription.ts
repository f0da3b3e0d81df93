import { randomUUID } from 'node:crypto';
import { consumerTooSlow, streamDeleted } from './errors.js';
import { type EventFilter, subscriptionFilter } from './filter.js';
import type { RecordedEvent } from './log.js';
import { tombstoneRevision } from './log.js';
import { caughtUpMessage, checkpointMessage, confirmationMessage, eventMessage } from './messages.js';
import type { StandInNode } from './node.js';
import type { streams } from './protocol.js';
import type { Sender } from './sender.js';
import { firstVisible, streamAt } from './stream-state.js';

/** What a subscription hands out: from an index of the log on, what matches, with a checkpoint now and then. */
interface Subject {
  readonly start: number;
  readonly matches: EventFilter;
  readonly checkpointEvery: number;
  /** The stream, if it is one: its tombstone ends the subscription. */
  readonly stream?: string;
}

/** Facts, Subscriptions: `fromPosition` is exclusive, and compared by its commit position alone. */
export function subscribeToAll(node: StandInNode, sender: Sender, options: streams.ReadReq.Options): Promise<void> {
  const { log, length } = node.replica;
  const all = options.getAll();
  const position = all?.getPosition();
  const filterOptions = options.getFilter();
  const filter = filterOptions === undefined ? undefined : subscriptionFilter(filterOptions);
  let start = all?.hasEnd() ? length : 0;
  if (position !== undefined) start = log.indexOf(BigInt(position.getCommitPosition()) + 1n);
  return new Subscription(node, sender, {
    start,
    matches: filter?.matches ?? (() => true),
    checkpointEvery: filter?.checkpointEvery ?? Number.POSITIVE_INFINITY,
  }).run();
}

/** Facts, Subscriptions: `fromRevision` is exclusive. A stream that does not exist yet is waited for. */
export function subscribeToStream(
  node: StandInNode,
  sender: Sender,
  options: streams.ReadReq.Options,
  stream: string,
): Promise<void> {
  const state = streamAt(node.replica, stream);
  if (state.tombstoned) throw streamDeleted(stream);
  const from = options.getStream();
  let after = from?.hasRevision() ? BigInt(from.getRevision()) : -1n;
  if (from?.hasEnd()) after = state.lastRevision;
  const hidden = BigInt(firstVisible(state, Date.now())) - 1n;
  if (hidden > after) after = hidden;
  const next = state.events.find((event) => event.revision > after);
  return new Subscription(node, sender, {
    stream,
    start: next?.index ?? node.replica.length,
    matches: (event) => event.stream === stream && event.revision > after,
    checkpointEvery: Number.POSITIVE_INFINITY,
  }).run();
}

class Subscription {
  readonly #node: StandInNode;
  readonly #sender: Sender;
  readonly #subject: Subject;
  #cursor: number;
  #live = false;
  #saidCaughtUp = false;
  #failure: Error | undefined;
  #wake: () => void = () => {};

  constructor(node: StandInNode, sender: Sender, subject: Subject) {
    this.#node = node;
    this.#sender = sender;
    this.#subject = subject;
    this.#cursor = subject.start;
  }

  abort(): void {
    this.#failure ??= consumerTooSlow();
    this.#wake();
  }

  /** Hands out history, then whatever is written, until the client has gone. */
  async run(): Promise<void> {
    const forgetAdvance = this.#node.replica.onAdvance(() => this.#wake());
    const forget = this.#node.addSubscription(this);
    void this.#sender.cancelled.then(() => this.#wake());
    try {
      await this.#sender.send(confirmationMessage(randomUUID()));
      let looked = 0;
      while (!this.#sender.closed) {
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#cursor >= this.#node.replica.length) {
          await this.#sayCaughtUp();
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          continue;
        }
        const event = this.#node.replica.log.at(this.#cursor);
        this.#cursor += 1;
        if (this.#cursor >= this.#node.replica.length) this.#live = true;
        if (this.#subject.matches(event)) await this.#handOut(event);
        looked += 1;
        if (looked % this.#subject.checkpointEvery === 0) {
          await this.#send(checkpointMessage(event.position, this.#node.version));
        }
      }
    } finally {
      forget();
      forgetAdvance();
    }
  }

  /** Facts, Subscriptions: "caught-up signal: none from this server"; 23.10 gives one. */
  async #sayCaughtUp(): Promise<void> {
    this.#live = true;
    if (this.#saidCaughtUp || this.#node.version === '22.10') return;
    this.#saidCaughtUp = true;
    await this.#send(caughtUpMessage());
  }

  async #handOut(event: RecordedEvent): Promise<void> {
    if (event.stream === this.#subject.stream && event.revision === tombstoneRevision)
      throw streamDeleted(event.stream);
    await this.#send(eventMessage(event));
  }

  /**
   * Facts, Subscriptions: history flows no faster than the client takes it and nothing is lost; once live, a client
   * that leaves events waiting for too long is cut off.
   */
  async #send(message: streams.ReadResp): Promise<void> {
    const { events, ms } = this.#node.slowConsumer;
    const sent = this.#sender.send(message);
    if (sent === undefined) return;
    if (!this.#live) return this.#orFailed(sent);
    const watch = setInterval(() => {
      const waiting = this.#node.replica.length - this.#cursor;
      if (waiting > events && !this.#node.gate.closed) this.abort();
    }, ms);
    try {
      await this.#orFailed(sent);
    } finally {
      clearInterval(watch);
    }
  }

  /** Waits for the client, unless the subscription is aborted meanwhile. */
  #orFailed(sent: Promise<void>): Promise<void> {
    const failed = new Promise<void>((resolve) => {
      this.#wake = () => {
        if (this.#failure !== undefined) resolve();
      };
    });
    return Promise.race([sent, failed]);
  }
}
