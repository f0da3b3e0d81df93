/** Where the money is: what the bank brought, what is owed to whom, what was earned and what was paid out. */

/** Units; every one of them is zero in the beginning. */
export interface Sums {
  /** Booked for reserves. */
  credited: bigint;
  /** Booked without a reserve: transfers that prove an owner, and what Florin cannot use. */
  otherCredits: bigint;
  /** Owed to the owners of reserves. */
  reserves: bigint;
  /** Owed to whoever holds coins: issued, not yet redeemed. */
  coins: bigint;
  /** Paid into purses that are not merged, not yet refunded. */
  purses: bigint;
  /** Ordered at the bank, not yet confirmed. */
  transfers: bigint;
  /** Confirmed by the bank. */
  paid: bigint;
  withdrawFees: bigint;
  depositFees: bigint;
  closingFees: bigint;
  /** What rounding down to the wired unit left over. */
  dust: bigint;
  purseFees: bigint;
  /** What was paid into merged purses above their targets. */
  excess: bigint;
}

/** The sums at one time, for a plot. */
export interface Sample {
  /** Seconds. */
  readonly at: number;
  readonly events: number;
  readonly sums: Sums;
}

const SAMPLES_MAX = 400;

export class Totals {
  sums: Sums = {
    credited: 0n,
    otherCredits: 0n,
    reserves: 0n,
    coins: 0n,
    purses: 0n,
    transfers: 0n,
    paid: 0n,
    withdrawFees: 0n,
    depositFees: 0n,
    closingFees: 0n,
    dust: 0n,
    purseFees: 0n,
    excess: 0n,
  };
  samples: Sample[] = [];
  private every = 1;
  private seen = 0;

  /** What the exchange owes. */
  get liabilities(): bigint {
    const { reserves, coins, purses, transfers } = this.sums;
    return reserves + coins + purses + transfers;
  }

  get income(): bigint {
    const { withdrawFees, depositFees, closingFees, dust, purseFees, excess } = this.sums;
    return withdrawFees + depositFees + closingFees + dust + purseFees + excess;
  }

  /** What came in and is neither owed, earned nor paid; zero if the books balance. */
  get difference(): bigint {
    return this.sums.credited - this.liabilities - this.income - this.sums.paid;
  }

  /** Takes a sample now and then; the more events there are, the further apart. */
  sample(at: number): void {
    this.seen += 1;
    if (this.seen % this.every !== 0) return;
    this.samples.push({ at, events: this.seen, sums: { ...this.sums } });
    if (this.samples.length <= SAMPLES_MAX) return;
    this.samples = this.samples.filter((_, place) => place % 2 === 1);
    this.every *= 2;
  }

  save(): unknown {
    return { sums: this.sums, samples: this.samples, every: this.every, seen: this.seen };
  }

  load(saved: unknown): void {
    Object.assign(this, saved);
  }
}
