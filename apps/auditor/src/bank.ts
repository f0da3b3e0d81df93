/** What the comparison with the bank found out besides its findings. */
export interface BankComparison {
  readonly accounts: readonly {
    readonly account: string;
    readonly credits: number;
    readonly debits: number;
    /** Units: everything in less everything out. */
    readonly balance: bigint;
  }[];
  readonly balance: bigint;
}
