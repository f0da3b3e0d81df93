import { StoreUnavailable } from '@florin/event-store';
import { Random } from '../random.js';
import { Scheduler } from '../scheduler.js';
import { Tally } from '../tally.js';
import { type Faults, type Network, NO_FAULTS } from './link.js';
import { Oracle } from './oracle.js';
import type { Plant } from './plant.js';
import { type Disk, emptyDisk, Process, type Record } from './process.js';
import { type Answered, BrokenProperty, checkAll } from './properties.js';
import { SimulatedServer } from './server.js';
import { type Answer, anyCommand, type Command, INSTANCE, STREAMS, twoThatFollow } from './workload.js';

const STEPS_MAX = 12_000;
const LOOK_EVERY = 25;
const TRIES = 4;
/** In the end, when nothing fails any more, everything has to be answered. */
const PROBES = 40;
/** Steps for which a power cut waits for something to be half done. */
const POWER_CUT_WAIT = 300;
/** And for which it is left so: somebody who takes it for done may write that down. */
const LINGER_MAX = 100;
const READERS = 4;
const READS = 3;
const HEALTHY_LEASE_MS = 1_000;

/** One run of everything, all of it drawn from a seed. */
export class Schedule {
  readonly tally = new Tally();
  private readonly random: Random;
  private readonly network: Network;
  private readonly record: Record = { pages: [], conflicts: [], commits: [], units: [], ends: [], faults: [] };
  private readonly disks: Disk[];
  private readonly answered: Answered[] = [];
  private readonly processes: Process[];
  private leaseMs: number;
  private readonly burst: number;
  private readonly crashes: number;
  private busy = 0;
  /** Nobody asks for anything any more: what lies about is left to the sweepers. */
  private haveAllGone = false;

  constructor(
    seed: number,
    private readonly plant: Plant,
  ) {
    const random = new Random(seed);
    this.random = random;
    const scheduler = new Scheduler(random, random.pick([0.2, 1, 5]));
    const server = new SimulatedServer();
    this.network = { server, scheduler, random, tally: this.tally, faults: anyFaults(random), underWay: new Map() };
    this.leaseMs = plant.leaseMs ?? random.pick([1, 20, 200, 1_000, 5_000]);
    this.burst = random.pick([0, 0.5, 1]);
    this.crashes = random.pick([0, 0.002, 0.01]);
    this.disks = Array.from({ length: 2 + random.below(2) }, emptyDisk);
    this.processes = this.disks.map((_, i) => this.boot(i));
    const anybody = (): Process => random.pick(this.processes);
    const commands = 2 + random.below(5);
    for (let i = 0; i < commands; i++) this.later(() => this.client(anyCommand(random, `c${i}`), anybody));
    if (random.chance(0.5)) this.later(() => this.customer());
    // Where nobody reads, only the sweeper settles what a crash left.
    const readers = random.pick([0, READERS]);
    for (let i = 0; i < readers; i++) this.later(() => this.reader());
  }

  /** @throws BrokenProperty */
  async run(): Promise<void> {
    const { scheduler } = this.network;
    const powerCutAt = this.random.chance(0.5) ? this.random.below(400) : Number.POSITIVE_INFINITY;
    const linger = this.random.below(LINGER_MAX);
    let halfDoneAt: number | undefined;
    await this.until(() => {
      const over = scheduler.taken - powerCutAt;
      if (this.busy === 0 || over >= POWER_CUT_WAIT) return true;
      halfDoneAt = over >= 0 && this.isHalfDone() ? (halfDoneAt ?? scheduler.taken) : undefined;
      return halfDoneAt !== undefined && scheduler.taken - halfDoneAt >= linger;
    }, true);
    this.haveAllGone = this.random.chance(0.5);
    this.network.faults = NO_FAULTS;
    // What only a memory knows is lost: the sweepers begin anew, at their bookmark. From here on progress is asked for,
    // which needs a lease that writers can keep.
    const isHealthy = this.leaseMs >= HEALTHY_LEASE_MS;
    this.leaseMs = Math.max(this.leaseMs, HEALTHY_LEASE_MS);
    if (!isHealthy || this.random.chance(0.7)) this.restartAll();
    await this.until(() => this.busy === 0 && this.isQuiet(), false);
    const fresh = this.boot(this.disks.push(emptyDisk()) - 1);
    for (const stream of STREAMS) this.later(() => this.readWhole(fresh, stream));
    const probe = { alternatives: [[]], events: 1, memberEvents: 1 };
    STREAMS.forEach((to, i) => {
      this.later(() => this.client({ ...probe, id: `probe${i}`, to }, () => fresh, PROBES));
    });
    for (let i = 0; i < READERS; i++) this.later(() => fresh.readAll());
    await this.until(() => this.busy === 0 && this.isQuiet(), false);
    this.checkFaults();
    const { server } = this.network;
    const { record, disks, answered } = this;
    checkAll({ server, record, disks, answered });
    this.count();
  }

  /** The whole log as the server has it, for those who replay a seed. */
  story(): string[] {
    return this.network.server.log.map(({ position, stream, revision, type, data, metadata }) => {
      const { command } = JSON.parse(data) as { command?: string };
      return `${position} ${revision}@${stream} ${type} ${command ?? ''} ${metadata}`;
    });
  }

  /** Damage that somebody met is a mistake of the protocol: nothing is damaged in the simulation. */
  private checkFaults(): void {
    const [fault] = this.record.faults;
    if (fault instanceof BrokenProperty) throw fault;
    if (fault !== undefined) throw new BrokenProperty('no false alarm', String(fault));
  }

  private count(): void {
    const { server, scheduler } = this.network;
    const oracle = new Oracle(server, `${INSTANCE}.`);
    this.tally.count('steps', scheduler.taken);
    this.tally.count('pages read', this.record.pages.length);
    this.tally.count('conflicts', this.record.conflicts.length);
    this.tally.count('tentative events', oracle.tentative.length);
    this.tally.count('void events', oracle.void.length);
    this.tally.count('void markers', server.log.filter(({ type }) => type === 'void-marker').length);
    for (const { facts } of oracle.units) {
      const streams = new Set(facts.map(({ stream }) => stream)).size;
      this.tally.count(streams > 1 ? 'units on several streams' : 'units on one stream');
    }
  }

  private async until(done: () => boolean, mayCrash: boolean): Promise<void> {
    const { scheduler } = this.network;
    for (let steps = 0; ; steps++) {
      if (steps % LOOK_EVERY === 0 && done()) return;
      this.checkFaults();
      if (steps > STEPS_MAX) throw new BrokenProperty('no stuck stream', `nothing is done after ${steps} steps`);
      if (mayCrash && this.random.chance(this.crashes)) {
        this.crashSomebody();
      }
      if (!(await scheduler.step()) && !done()) throw new BrokenProperty('no stuck stream', 'everybody waits for ever');
    }
  }

  private boot(i: number): Process {
    const { network, record, plant, leaseMs, burst } = this;
    const disk = this.disks[i] as Disk;
    return new Process({ name: `process ${i}`, network, record, disk, plant, leaseMs, burst });
  }

  private crashSomebody(): void {
    const { random, network, processes } = this;
    const inTheMiddle = processes.findIndex(({ life }) => life === network.inTheMiddle);
    this.tally.count('crash');
    if (random.chance(0.3)) this.restartAll();
    else if (inTheMiddle >= 0 && random.chance(0.5)) this.restart(inTheMiddle);
    else this.restart(random.below(processes.length));
  }

  private restartAll(): void {
    for (let i = 0; i < this.processes.length; i++) this.restart(i);
  }

  private restart(i: number): void {
    this.processes[i]?.crash();
    this.processes[i] = this.boot(i);
  }

  /** Begins something at some time. */
  private later(work: () => Promise<void>): void {
    this.busy += 1;
    const run = (): void => {
      work().then(
        () => {
          this.busy -= 1;
        },
        (error: unknown) => this.record.faults.push(error),
      );
    };
    this.network.scheduler.add({ weight: 2, run });
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => this.network.scheduler.add({ weight: 2, run: resolve }));
  }

  /** A wallet: it asks some process, and asks again when it gets no answer. */
  private async client(command: Command, at: () => Process, triesMax = TRIES): Promise<void> {
    for (let tried = 1; ; tried++) {
      if (this.haveAllGone && triesMax === TRIES) return;
      const since = this.network.server.log.length;
      const answer = await this.ask(at(), command);
      this.tally.count(typeof answer === 'string' ? answer : answer.kind);
      if (typeof answer !== 'string') {
        const only = command.alternatives.length === 1;
        this.answered.push({ command: command.id, to: command.to, only, answer, since });
        if (answer.kind !== 'overtaken') return;
      }
      if (tried === triesMax && triesMax === TRIES) return;
      if (tried === triesMax) throw new BrokenProperty('no stuck stream', `${command.id} is not answered`);
      await this.pause();
    }
  }

  /** Somebody whose second request rests on his first, made where other processes than the first one know better. */
  private async customer(): Promise<void> {
    const [first, second] = twoThatFollow(this.random);
    const [one, other] = this.random.shuffled(this.processes.map((_, i) => i)) as [number, number];
    const at = (i: number) => () => this.processes[i] as Process;
    const warm = at(other)();
    const known = warm.warmUp(second.alternatives.flat().map(({ stream }) => stream));
    await warm.untilDeath(known).catch(unlessUnavailable);
    await this.client(first, at(one));
    await this.client(second, at(other));
  }

  private async ask(process: Process, command: Command): Promise<Answer | 'no answer' | 'unavailable'> {
    try {
      return await process.handle(command);
    } catch (error) {
      unlessUnavailable(error);
      return 'unavailable';
    }
  }

  private async reader(): Promise<void> {
    for (let i = 0; i < READS; i++) {
      const process = this.random.pick(this.processes);
      try {
        await process.untilDeath(process.readSomething());
      } catch (error) {
        unlessUnavailable(error);
      }
      await this.pause();
    }
  }

  private async readWhole(process: Process, stream: string): Promise<void> {
    for (let fromNumber = 0; ; ) {
      const page = await process.read(stream, { fromNumber, limit: 3 });
      fromNumber += page.events.length;
      if (page.complete) return;
    }
  }

  /** Something is undecided, and others went on behind it: the best moment to lose all that memories hold. */
  private isHalfDone(): boolean {
    const { undecided, units } = new Oracle(this.network.server, `${INSTANCE}.`);
    const last = units.at(-1)?.position;
    return last !== undefined && undecided.some(({ position }) => position < last);
  }

  /** Every late append has arrived, everything is decided, and every subscriber has the last unit. */
  private isQuiet(): boolean {
    if (this.network.scheduler.hasTravellers) return false;
    const { undecided, units } = new Oracle(this.network.server, `${INSTANCE}.`);
    return undecided.length === 0 && this.disks.every(({ applied }) => applied.length >= units.length);
  }
}

function unlessUnavailable(error: unknown): void {
  if (!(error instanceof StoreUnavailable)) throw error;
}

function anyFaults(random: Random): Faults {
  const level = (): number => random.pick([0, 0, 0.03, 0.12, 0.3]);
  return {
    lostRequest: level() / 2,
    lostReply: level() / 2,
    late: level(),
    duplicate: level(),
    forgetful: level(),
    phantom: level() / 2,
    phantomRepeat: random.pick([0, 0.9]),
    brokenRead: level() / 2,
    cutPage: random.pick([0, 0.5]),
    stale: 0.5,
    brokenSubscription: level() / 4,
    lateWeight: random.pick([0.2, 1, 5]),
  };
}
