/** Wallets that go on withdrawing whatever happens to nodes and servers, and the books that must agree afterwards. */
import { expect } from 'vitest';
import { costOf, expectCoins, newPlanchets, type Reserve, withdrawBody } from '../e2e/support/coins.js';
import type { Reply } from '../e2e/support/http.js';
import { type Offers, readOffers, units } from '../e2e/support/offers.js';
import { balanceOf, eventually, fundedReserve, summaryOf } from '../e2e/support/reserves.js';
import { type Node, persistently, type Site } from './site.js';

const FUNDS = '100';

/** Withdrawals one after the other for each reserve, until they are stopped; each is asked for until it is answered. */
export class Load {
  /** What was answered besides 200. */
  readonly refused: Reply[] = [];
  answered = 0;
  private readonly running: Promise<void>[];
  private isOver = false;

  private constructor(
    private readonly site: Site,
    private readonly offers: Offers,
    private readonly reserves: readonly Reserve[],
  ) {
    this.running = reserves.map((reserve, i) => this.withdraw(reserve, i));
  }

  /**
   * Withdraws from so many reserves while something happens, and looks into the books of all nodes afterwards: nothing
   * that was answered is lost, nothing counted twice. @throws whatever is refused with something else than 503
   */
  static async while(site: Site, work: (load: Load) => Promise<void>, reserves = 4): Promise<Load> {
    const [first] = site.nodes as [Node, ...Node[]];
    const funded = await Promise.all(Array.from({ length: reserves }, () => fundedReserve(first, FUNDS)));
    const load = new Load(site, await readOffers(first.baseUrl), funded);
    await work(load);
    load.isOver = true;
    await Promise.all(load.running);
    await load.checkBooks();
    return load;
  }

  /** Waits for so many more answers. */
  more(count: number): Promise<true> {
    const goal = this.answered + count;
    return eventually(async () => (this.answered >= goal ? true : undefined));
  }

  /** Whoever was put off was told so: 503 with Retry-After. */
  expectPutOffOnly(): void {
    for (const { status, headers, text } of this.refused) {
      expect(status, text).toBe(503);
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    }
  }

  private async withdraw(reserve: Reserve, first: number): Promise<void> {
    while (!this.isOver) {
      const planchets = newPlanchets(this.offers, '0.1');
      const call = { json: withdrawBody(reserve, planchets) };
      const nodes = (): Node[] => {
        const { nodes } = this.site;
        return nodes.map((_, i) => nodes[(first + i) % nodes.length] as Node);
      };
      const reply = await persistently(nodes, `reserves/${reserve.pub}/batch-withdraw`, call, (one) => {
        if (one.status !== 200) this.refused.push(one);
      });
      expectCoins(reply, planchets);
      this.answered += 1;
    }
  }

  private async checkBooks(): Promise<void> {
    const spent = BigInt(this.answered) * costOf(newPlanchets(this.offers, '0.1'));
    const expected = BigInt(this.reserves.length) * units(FUNDS) - spent;
    for (const { baseUrl } of this.site.nodes) {
      await eventually(async () => {
        const balances = await Promise.all(this.reserves.map((reserve) => balanceOf(baseUrl, reserve)));
        return balances.reduce((sum, one) => sum + one, 0n) === expected ? true : undefined;
      });
    }
    for (const reserve of this.reserves) await this.site.expectSame((baseUrl) => summaryOf(baseUrl, reserve));
  }
}
