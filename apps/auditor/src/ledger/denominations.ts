/** Per denomination: what was issued and what came back. More back than out means that its key is in other hands. */
import { type EventRef, inMoney } from '../findings.js';
import type { Context } from './context.js';
import type { Totals } from './totals.js';

export interface Balance {
  /** Units, without fees. */
  readonly value: bigint;
  issuedCount: number;
  issued: bigint;
  /** Coins that were seen, each counted once. */
  seenCount: number;
  /** Units that coins spent, less what they got back. */
  spent: bigint;
  recouped: bigint;
}

export class DenominationLedger {
  private balances = new Map<string, Balance>();

  constructor(
    private readonly context: Context,
    private readonly totals: Totals,
  ) {}

  get all(): ReadonlyMap<string, Balance> {
    return this.balances;
  }

  issue(denominationHash: string, value: bigint): void {
    const balance = this.of(denominationHash, value);
    balance.issuedCount += 1;
    balance.issued += value;
    this.totals.sums.coins += value;
  }

  see(event: EventRef, denominationHash: string, value: bigint): void {
    const balance = this.of(denominationHash, value);
    balance.seenCount += 1;
    if (balance.seenCount <= balance.issuedCount || this.isUncertain) return;
    const detail = `${denominationHash}: coin ${balance.seenCount} of ${balance.issuedCount} that were issued`;
    this.context.findings.addOnce(denominationHash, { code: 'emergency-count', event, detail, gain: -value });
  }

  /** @param units negative for what a coin got back */
  spend(event: EventRef, denominationHash: string, units: bigint): void {
    const balance = this.of(denominationHash, 0n);
    balance.spent += units;
    this.totals.sums.coins -= units;
    this.judge(event, denominationHash, balance);
  }

  recoup(event: EventRef, denominationHash: string, units: bigint): void {
    const balance = this.of(denominationHash, 0n);
    balance.recouped += units;
    this.totals.sums.coins -= units;
    this.judge(event, denominationHash, balance);
  }

  save(): unknown {
    return this.balances;
  }

  load(saved: unknown): void {
    this.balances = saved as Map<string, Balance>;
  }

  private of(denominationHash: string, value: bigint): Balance {
    let balance = this.balances.get(denominationHash);
    if (!balance) {
      balance = { value, issuedCount: 0, issued: 0n, seenCount: 0, spent: 0n, recouped: 0n };
      this.balances.set(denominationHash, balance);
    }
    return balance;
  }

  private judge(event: EventRef, denominationHash: string, { issued, spent, recouped }: Balance): void {
    const over = spent + recouped - issued;
    if (over <= 0n || this.isUncertain) return;
    const detail = `${denominationHash}: redeemed ${inMoney(spent + recouped)} of ${inMoney(issued)} that were issued`;
    this.context.findings.addOnce(denominationHash, { code: 'emergency-value', event, detail, gain: -over });
  }

  /** A withdrawal that cannot be read issued coins that nobody counted. */
  private get isUncertain(): boolean {
    return ['reserve', 'coin', 'keys'].some((category) => this.context.damage.touches(category));
  }
}
