import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket, type Server as TcpServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Server, type ServerCredentials } from '@grpc/grpc-js';
import { lastingPort } from '../ports.js';
import type { AccessRules } from './access.js';
import { type AppendAnswer, type AppendRequest, append } from './append.js';
import type { Cluster } from './cluster.js';
import type { Endpoint } from './errors.js';
import type { Faults } from './faults.js';
import { Gate } from './gate.js';
import { GatedSocket } from './gated-socket.js';
import type { LateWrites } from './late-writes.js';
import type { Replica } from './replica.js';
import { addServices, type ServerVersion } from './services.js';

export interface NodeOptions {
  readonly index: number;
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly credentials: ServerCredentials;
  readonly cluster: Cluster;
  readonly replica: Replica;
  readonly rules: AccessRules;
  readonly faults: Faults;
  readonly lateWrites: LateWrites;
  readonly slowConsumer: SlowConsumerLimits;
  readonly version: ServerVersion;
}

/** A live subscriber with more than `events` waiting that has taken nothing for `ms` is cut off. */
export interface SlowConsumerLimits {
  readonly events: number;
  readonly ms: number;
}

/** What a service knows of the connection it answers on. */
export interface Connection {
  reset(): void;
}

/** The answer to an append; `timeout` where there is no leader, `reset` where the connection is to be cut instead. */
export type AppendOutcome = AppendAnswer | { readonly kind: 'timeout' } | { readonly kind: 'reset' };

const largestMessageBytes = 17 * 1_024 * 1_024;

/** One server of a stand-in: a port, its connections, and what it has got of the log. */
export class StandInNode {
  readonly index: number;
  readonly instanceId = randomUUID();
  readonly host: string;
  /** Closed while the node is suspended. */
  readonly gate = new Gate();
  readonly cluster: Cluster;
  readonly replica: Replica;
  readonly rules: AccessRules;
  readonly faults: Faults;
  readonly slowConsumer: SlowConsumerLimits;
  readonly version: ServerVersion;
  readonly #credentials: ServerCredentials;
  readonly #lateWrites: LateWrites;
  readonly #connections = new Set<GatedSocket>();
  readonly #subscriptions = new Set<{ abort(): void }>();
  readonly #up = new Gate();
  #port: number;
  #listener: TcpServer | undefined;
  #life = 0;
  #refusals: { leader: Endpoint | undefined; left: number } | undefined;

  constructor(options: NodeOptions) {
    this.index = options.index;
    this.host = options.host;
    this.#port = options.port;
    this.#credentials = options.credentials;
    this.cluster = options.cluster;
    this.replica = options.replica;
    this.rules = options.rules;
    this.faults = options.faults;
    this.#lateWrites = options.lateWrites;
    this.slowConsumer = options.slowConsumer;
    this.version = options.version;
    this.#up.close();
  }

  get port(): number {
    return this.#port;
  }

  get endpoint(): Endpoint {
    return { host: this.host, port: this.#port };
  }

  get running(): boolean {
    return this.#listener !== undefined;
  }

  /** Running and not suspended: takes part in elections. */
  get available(): boolean {
    return this.running && !this.gate.closed;
  }

  /** Resolves when the node is, or is again, able to do anything. */
  async whenAvailable(): Promise<void> {
    await this.#up.passed();
    await this.gate.passed();
  }

  /** Listens, on the same port as last time. Whatever the log holds is there at once. */
  async start(): Promise<void> {
    if (this.#listener !== undefined) return;
    // Not a port of the kernel's choice: it may choose the one that the node before had, and gRPC, which keeps the
    // connections of a process by their target, would give the first call a connection to that one.
    if (this.#port === 0) this.#port = await lastingPort();
    const listener = createServer((socket) => this.#accept(socket));
    listener.listen(this.#port, this.host);
    await once(listener, 'listening');
    this.#listener = listener;
    this.replica.release();
    this.#up.open();
    this.cluster.back();
  }

  /** As by SIGKILL: connections reset, appends not executed yet are gone, new connections refused. */
  async kill(): Promise<void> {
    const listener = this.#listener;
    if (listener === undefined) return;
    this.#listener = undefined;
    this.#life += 1;
    this.#up.close();
    this.replica.hold();
    const closed = once(listener, 'close');
    listener.close();
    this.reset();
    this.gate.open();
    this.cluster.lost(this);
    await closed;
  }

  /** Resets all connections; the node goes on. */
  reset(): void {
    for (const connection of this.#connections) connection.reset();
  }

  /** As by SIGSTOP: connections stay open, nothing is answered, what arrives is dealt with after `resume`. */
  suspend(): void {
    if (this.gate.closed) return;
    this.gate.close();
    this.replica.hold();
    for (const connection of this.#connections) connection.suspend();
    this.cluster.lost(this);
  }

  resume(): void {
    if (!this.gate.closed) return;
    this.gate.open();
    this.replica.release();
    for (const connection of this.#connections) connection.resumeReading();
    this.cluster.back();
  }

  /** Answers the next `times` calls that require a leader as if it were none, though it may be the leader. */
  refuseLeadership({ times = 1, leader }: { times?: number; leader?: Endpoint } = {}): void {
    this.#refusals = { leader, left: times };
  }

  /** The leader to be named to a call that requires one; undefined if this node is it. */
  otherLeader(): Endpoint | undefined {
    const refusals = this.#refusals;
    if (refusals !== undefined && refusals.left > 0) {
      refusals.left -= 1;
      return refusals.leader ?? this.cluster.leader?.endpoint ?? this.endpoint;
    }
    return this.cluster.leader === this ? undefined : this.cluster.leader?.endpoint;
  }

  /** Cuts off all subscriptions, as it does with a consumer that is too slow. */
  abortSubscriptions(): void {
    for (const subscription of this.#subscriptions) subscription.abort();
  }

  /** How many subscriptions are served at present. */
  get subscriptions(): number {
    return this.#subscriptions.size;
  }

  /** @returns the function that takes it off the list */
  addSubscription(subscription: { abort(): void }): () => void {
    this.#subscriptions.add(subscription);
    return () => this.#subscriptions.delete(subscription);
  }

  /** Takes an append as far as the faults that are switched on let it come. */
  async append(request: AppendRequest): Promise<AppendOutcome> {
    const life = this.#life;
    await this.gate.passed();
    if (life !== this.#life) return { kind: 'silent' };
    const fault = this.faults.onAppend(request.stream);
    const execute = async (): Promise<AppendOutcome> =>
      (await this.cluster.atLeader(() => append(this.cluster.log, request))) ?? { kind: 'timeout' };
    switch (fault?.kind) {
      case 'delay': {
        const answer = await execute();
        await sleep(fault.ms ?? 0, undefined, { ref: false });
        return answer;
      }
      case 'late-write':
        this.#lateWrites.add(execute, fault.ms);
        return { kind: 'silent' };
      case 'lost-reply':
        await execute();
        return { kind: 'reset' };
      case 'lost-request':
        return { kind: 'reset' };
      case 'duplicate': {
        const answer = await execute();
        this.#lateWrites.add(execute, fault.ms ?? 0);
        return answer;
      }
      case 'drop':
        return { kind: 'silent' };
      default:
        return execute();
    }
  }

  /** Every connection has a gRPC server of its own, so that a fault can cut exactly the one it answers on. */
  #accept(socket: Socket): void {
    const connection = new GatedSocket(socket, this.gate);
    this.#connections.add(connection);
    const server = new Server({ 'grpc.max_receive_message_length': largestMessageBytes });
    addServices(server, this, connection);
    const injector = server.createConnectionInjector(this.#credentials);
    connection.on('error', () => {}); // a peer that hangs up is no error of ours
    connection.on('close', () => {
      this.#connections.delete(connection);
      injector.destroy();
      server.forceShutdown();
    });
    injector.injectConnection(connection);
  }
}
