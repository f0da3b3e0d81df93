import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { KeyFolder } from './key-folder.js';
import { type Answer, type Ask, type JobName, type Order, type Reply, SigningRefused, STARTED } from './protocol.js';

/** The signer ended before it answered; nothing is known of the job, and it may be given to another one. */
export class SignerDied extends Error {
  override readonly name = 'SignerDied';
}

/** Who the signers run as, if not as the user of the exchange: then that one needs the right to change it. */
export interface SignerUser {
  readonly uid: number;
  readonly gid: number;
}

interface Waiting {
  readonly cost: number;
  readonly resolve: (answer: Answer<JobName>) => void;
  readonly reject: (error: Error) => void;
}

const PROGRAM = fileURLToPath(new URL('./signer.js', import.meta.url));

/** One signer process as the exchange sees it. Ends once, and with it every job that it has not answered. */
export class SignerProcess {
  /** Fulfilled when jobs can be given to it, refused when it ends before. */
  readonly started: Promise<void>;
  /** Fulfilled when the process is gone. */
  readonly ended: Promise<void>;
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, Waiting>();
  private outgoing: Order[] = [];
  private lastId = 0;
  private load = 0;
  private state: 'alive' | 'released' | 'gone' = 'alive';

  constructor(folder: KeyFolder, user: SignerUser | undefined) {
    this.child = fork(PROGRAM, [folder.path, folder.development ? 'development' : 'production'], {
      serialization: 'advanced',
      env: {},
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      ...user,
    });
    this.ended = new Promise((resolve) => {
      const end = () => {
        this.end();
        resolve();
      };
      this.child.on('exit', end);
      this.child.on('error', end); // it could not even be started
    });
    this.started = new Promise((resolve, reject) => {
      this.child.on('message', (message) => {
        if (message === STARTED) resolve();
        else for (const reply of message as Reply[]) this.settle(reply);
      });
      void this.ended.then(() => reject(new SignerDied('the signer ended while it started')));
    });
    this.started.catch(() => {}); // nobody has to wait for it
    this.child.on('disconnect', () => {
      if (this.alive) this.kill();
    });
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  get alive(): boolean {
    return this.state === 'alive';
  }

  /** How many jobs it has not answered. */
  get jobs(): number {
    return this.waiting.size;
  }

  /** The sum of what these jobs cost. */
  get cost(): number {
    return this.load;
  }

  /**
   * Gives it a job.
   * @param cost about how many blind signatures it is worth
   * @throws SignerDied, SigningRefused
   */
  ask<J extends JobName>(job: J, ask: Ask<J>, cost = 0): Promise<Answer<J>> {
    if (!this.alive) return Promise.reject(new SignerDied('the signer is gone'));
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { cost, resolve: resolve as Waiting['resolve'], reject });
      this.load += cost;
      this.outgoing.push({ id, job, ask } as Order);
      if (this.outgoing.length === 1) setImmediate(() => this.send());
    });
  }

  /** Ends it at once. */
  kill(): void {
    this.child.kill('SIGKILL');
  }

  /** Lets it end by itself, as it does when the exchange is gone. */
  release(): void {
    if (this.alive) this.state = 'released';
    this.send();
    if (this.child.connected) this.child.disconnect();
  }

  private send(): void {
    const orders = this.outgoing;
    this.outgoing = [];
    // A failure to send is the end of the channel, and is heard of as such.
    if (orders.length > 0) this.child.send(orders, () => {});
  }

  private settle(reply: Reply): void {
    const waiting = this.waiting.get(reply.id);
    if (waiting === undefined) return;
    this.waiting.delete(reply.id);
    this.load -= waiting.cost;
    if ('fault' in reply) waiting.reject(new SigningRefused(reply.fault.kind, reply.fault.message));
    else waiting.resolve(reply.answer);
  }

  private end(): void {
    this.state = 'gone';
    const jobs = [...this.waiting.values()];
    this.waiting.clear();
    for (const { reject } of jobs) reject(new SignerDied('the signer ended before it answered'));
  }
}
