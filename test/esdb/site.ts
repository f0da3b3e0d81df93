/**
 * Several exchange processes on one event store, with one mounted key folder and one bank, as an operator runs them.
 * The store is the stand-in, or the server that FLORIN_TEST_EVENTSTORE names.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BankProcess, startBank } from '../e2e/support/bank-process.js';
import { type Call, type Reply, send } from '../e2e/support/http.js';
import { eventually } from '../e2e/support/reserves.js';
import {
  type ExchangeOptions,
  type RunningExchange,
  type Settings,
  smallKeys,
  startExchange,
} from '../support/exchange.js';
import { copyPrivately } from '../support/folders.js';
import { freshInstance } from './tools.js';

/** What wallets know the exchange by; in the tests nothing listens there. */
export const PUBLIC_URL = 'http://exchange.invalid/';

export interface Node extends RunningExchange {
  readonly name: string;
}

interface NodeOptions extends Pick<ExchangeOptions, 'onLog'> {
  /** Its key folder, if not that of all. */
  readonly keys?: string;
  /** What only this node has otherwise. */
  readonly change?: (settings: Settings) => void;
}

export class Site {
  readonly instance = freshInstance();
  readonly folder = mkdtempSync(join(tmpdir(), 'florin-site-'));
  readonly keys = join(this.folder, 'keys');
  readonly nodes: Node[] = [];
  private readonly data = new Map<string, string>();

  private constructor(
    private readonly store: string,
    readonly bank: BankProcess,
  ) {}

  /** Nodes are started one after the other: the first one makes the keys. */
  static async start(store: string, ...names: string[]): Promise<Site> {
    const site = new Site(store, await startBank());
    try {
      for (const name of names) await site.startNode(name);
      return site;
    } catch (error) {
      await site.close();
      throw error;
    }
  }

  /** What names the store. */
  get env(): Readonly<Record<string, string>> {
    return { FLORIN_STORE: this.store };
  }

  /** A copy of the key folder as it is now, as a mount that has gone stale. */
  copyOfKeys(): string {
    const copy = join(this.folder, 'copy-of-keys');
    copyPrivately(this.keys, copy);
    return copy;
  }

  /** A node, or one that was stopped or killed once more, on its data and its port. */
  async startNode(
    name: string,
    { keys = this.keys, change = () => undefined, ...options }: NodeOptions = {},
  ): Promise<Node> {
    const earlier = this.nodes.findIndex((node) => node.name === name);
    const data = this.data.get(name) ?? mkdtempSync(join(tmpdir(), 'florin-node-'));
    this.data.set(name, data);
    const started = await startExchange({
      ...options,
      data,
      configure: (settings) => {
        this.configure(settings, keys);
        change(settings);
      },
      env: this.env,
      ...(earlier >= 0 && { ports: (this.nodes[earlier] as Node).ports }),
    });
    const baseUrl = `http://127.0.0.1:${started.ports.exchange}/`;
    const node = { ...started, name, baseUrl, bankUrl: this.bank.bankUrl };
    if (earlier >= 0) this.nodes[earlier] = node;
    else this.nodes.push(node);
    return node;
  }

  /** Waits until all nodes say the same. */
  async expectSame(read: (baseUrl: string) => Promise<unknown>): Promise<void> {
    await eventually(async () => {
      const seen = await Promise.all(this.nodes.map(({ baseUrl }) => read(baseUrl)));
      return seen.every((one) => JSON.stringify(one) === JSON.stringify(seen[0])) ? true : undefined;
    });
  }

  async close(): Promise<void> {
    for (const node of this.nodes) await node.kill();
    await this.bank.stop();
    for (const folder of [this.folder, ...this.data.values()]) rmSync(folder, { recursive: true, force: true });
  }

  /** Few and small keys: the tests are about the store. */
  configure(settings: Settings, keys: string): void {
    smallKeys(settings);
    const [first] = settings.denominations;
    settings.denominations = [first, { ...first, value: 'KUDOS:1' }, { ...first, value: 'KUDOS:1', cipher: 'CS' }];
    settings.signers = 1;
    settings.instance = this.instance;
    settings.baseUrl = PUBLIC_URL;
    settings.keys = keys;
    this.bank.configure(settings);
  }
}

/** What a wallet does when a node has gone, or answers 503 with Retry-After: the same again, at another node. */
export async function persistently(
  nodes: () => readonly { readonly baseUrl: string }[],
  path: string,
  call: Call,
  onReply: (reply: Reply) => void = () => undefined,
): Promise<Reply> {
  for (let turn = 0; ; turn += 1) {
    const candidates = nodes();
    const { baseUrl } = candidates[turn % candidates.length] ?? { baseUrl: '' };
    const reply = await send(`${baseUrl}${path}`, call).catch(() => undefined);
    if (reply) onReply(reply);
    if (reply && reply.status !== 503) return reply;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
