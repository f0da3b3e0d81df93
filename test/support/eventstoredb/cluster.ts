import { systemEvent } from './append.js';
import type { EventLog } from './log.js';
import type { StandInNode } from './node.js';

export interface ElectionOptions {
  /** How long there is no leader, in milliseconds. */
  readonly ms?: number;
  /** Index of the node that is to win; any other than the last leader by default. */
  readonly to?: number;
  /** Whether appends sent meanwhile, all answered as timed out, are written after it. Default false. */
  readonly keepAppends?: boolean;
}

const epochStream = '$epoch-information';

/**
 * Who leads. All nodes share one log, so that nothing acknowledged is ever lost with a leader (facts: "of 34,621
 * acknowledged appends 0 lost"); only the leader writes, and without a majority of running nodes there is none.
 */
export class Cluster {
  readonly log: EventLog;
  readonly #electionMs: number;
  #nodes: readonly StandInNode[] = [];
  #leader: StandInNode | undefined;
  #election: Election | undefined;

  constructor(log: EventLog, electionMs: number) {
    this.log = log;
    this.#electionMs = electionMs;
  }

  get nodes(): readonly StandInNode[] {
    return this.#nodes;
  }

  get leader(): StandInNode | undefined {
    return this.#leader;
  }

  /** Called once, when all nodes run. */
  form(nodes: readonly StandInNode[]): void {
    this.#nodes = nodes;
    this.#lead(nodes[0]);
  }

  /** Takes the leadership away and gives it to a node `ms` later; resolves when it is given. */
  elect({ ms = this.#electionMs, to, keepAppends = false }: ElectionOptions = {}): Promise<void> {
    const election = this.#begin(keepAppends);
    clearTimeout(election.timer);
    election.timer = setTimeout(() => this.#finish(to), ms);
    return election.over;
  }

  /** A node was killed or suspended. A lone node keeps the leadership: there is nobody to take it. */
  lost(node: StandInNode): void {
    if (node === this.#leader && this.#nodes.length > 1) void this.elect();
  }

  /** A node runs again. */
  back(): void {
    if (this.#election !== undefined && this.#election.timer === undefined) void this.elect();
  }

  /**
   * Runs a write on the leader, wherever it was received (facts, Appending: "append to a follower: forwarded to the
   * leader, succeeds"). While the leader is suspended it waits, as long as it takes.
   * @returns undefined if there was no leader, after the election (facts: "election": `DeadlineExceededError`)
   */
  async atLeader<T>(write: () => T): Promise<T | undefined> {
    const election = this.#election;
    if (election !== undefined) {
      await election.over;
      if (election.keepAppends) void this.atLeader(write);
      return undefined;
    }
    const leader = this.#leader;
    if (leader === undefined || leader.available) return write();
    await leader.whenAvailable();
    return this.atLeader(write);
  }

  close(): void {
    clearTimeout(this.#election?.timer);
  }

  #begin(keepAppends: boolean): Election {
    this.#leader?.replica.follow();
    this.#election ??= new Election(this.#leader, keepAppends);
    this.#leader = undefined;
    return this.#election;
  }

  #finish(to: number | undefined): void {
    const election = this.#election;
    if (election === undefined) return;
    election.timer = undefined;
    const candidates = this.#nodes.filter((node) => node.available);
    if (candidates.length * 2 <= this.#nodes.length) return;
    const wanted = candidates.find((node) => node.index === to);
    this.#lead(wanted ?? candidates.find((node) => node !== election.deposed) ?? candidates[0]);
    this.#election = undefined;
    election.end();
  }

  /** The server notes every new leader in the log, where readers of `$all` meet it. */
  #lead(node: StandInNode | undefined): void {
    if (node === undefined) return;
    this.#leader = node;
    node.replica.lead();
    const epoch = this.log.stream(epochStream).length;
    const note = JSON.stringify({ EpochNumber: epoch, LeaderInstanceId: node.instanceId });
    this.log.append(epochStream, BigInt(epoch), [systemEvent('$epoch-information', note)]);
  }
}

class Election {
  readonly deposed: StandInNode | undefined;
  readonly keepAppends: boolean;
  readonly over: Promise<void>;
  timer: NodeJS.Timeout | undefined;
  #end: () => void = () => {};

  constructor(deposed: StandInNode | undefined, keepAppends: boolean) {
    this.deposed = deposed;
    this.keepAppends = keepAppends;
    this.over = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  end(): void {
    this.#end();
  }
}
