/**
 * What a unit says on several streams must be the same: a coin pays what its purse gets, a purse gives what its reserve
 * gets. Each side states its half while the unit is replayed; at its end the halves are compared.
 */
import type { FindingCode } from '../catalogue.js';
import { type EventRef, type Findings, inMoney } from '../findings.js';

/** How a kind of pair is judged. The giving side is what comes first in the name of the kind. */
interface PairKind {
  /** Only the taking side is there. */
  readonly invented: FindingCode;
  /** Only the giving side is there; undefined if that is allowed. */
  readonly withheld: FindingCode | undefined;
  readonly mismatch: FindingCode;
  /** One side says it twice; by default that the second time nothing is on the other side. */
  readonly twice?: FindingCode;
  readonly names: readonly [giving: string, taking: string];
}

export const PAIRS = {
  credit: {
    invented: 'credit-invented',
    withheld: 'credit-withheld',
    mismatch: 'credit-mismatch',
    names: ['bank row', 'reserve'],
  },
  owner: {
    invented: 'owner-mismatch',
    withheld: 'owner-mismatch',
    mismatch: 'owner-mismatch',
    names: ['bank row', 'account'],
  },
  deposit: {
    invented: 'deposit-without-coin',
    withheld: 'deposit-withheld',
    mismatch: 'deposit-mismatch',
    names: ['coin', 'purse'],
  },
  refund: {
    invented: 'purse-refund-invented',
    withheld: 'purse-refund-withheld',
    mismatch: 'purse-refund-wrong',
    names: ['purse', 'coin'],
  },
  recoup: {
    invented: 'recoup-invented',
    withheld: 'recoup-withheld',
    mismatch: 'recoup-mismatch',
    twice: 'coin-counted-twice',
    names: ['coin', 'reserve'],
  },
  merge: {
    invented: 'merge-invented',
    withheld: 'merge-withheld',
    mismatch: 'merge-mismatch',
    names: ['purse', 'reserve'],
  },
  order: {
    invented: 'transfer-unjustified',
    withheld: 'transfer-missing',
    mismatch: 'transfer-mismatch',
    names: ['closing', 'order'],
  },
  request: {
    invented: 'request-mismatch',
    withheld: 'request-mismatch',
    mismatch: 'request-mismatch',
    names: ['reserve', 'purse'],
  },
  deletion: {
    invented: 'request-mismatch',
    withheld: 'request-mismatch',
    mismatch: 'request-mismatch',
    names: ['purse', 'reserve'],
  },
  nonce: {
    invented: 'nonce-unclaimed',
    withheld: 'nonce-mismatch',
    mismatch: 'nonce-mismatch',
    twice: 'nonce-repeated',
    names: ['nonce', 'withdrawal'],
  },
  count: {
    invented: 'count-mismatch',
    withheld: undefined,
    mismatch: 'count-mismatch',
    names: ['reserve', 'account'],
  },
} as const satisfies Readonly<Record<string, PairKind>>;
export type PairName = keyof typeof PAIRS;

/** A fact of which one side knows nothing. */
export const ANYTHING = Symbol('anything');

/** One side of a pair. */
export interface Half {
  readonly event: EventRef;
  /** Units that move; a difference is named by it. */
  readonly units: bigint;
  /** Everything else that must be the same, in one order. */
  readonly facts: readonly (string | number | bigint | undefined | typeof ANYTHING)[];
}

interface Both {
  giving?: Half;
  taking?: Half;
}

export class Unit {
  private pairs = new Map<string, Both & { readonly kind: PairName }>();
  /** Some event of the unit could not be read: then nothing is said about halves that are missing. */
  private isTorn = false;

  constructor(private readonly findings: Findings) {}

  tear(): void {
    this.isTorn = true;
  }

  give(kind: PairName, id: string, half: Half): void {
    this.state(kind, id, 'giving', half);
  }

  take(kind: PairName, id: string, half: Half): void {
    this.state(kind, id, 'taking', half);
  }

  /** Compares what was stated, and begins the next unit. */
  close(): void {
    if (!this.isTorn) for (const [id, both] of this.pairs) this.judge(id, both);
    this.pairs = new Map();
    this.isTorn = false;
  }

  get isEmpty(): boolean {
    return this.pairs.size === 0;
  }

  private state(kind: PairName, id: string, side: 'giving' | 'taking', half: Half): void {
    const key = `${kind} ${id}`;
    const both = this.pairs.get(key) ?? { kind };
    if (both[side]) {
      const { twice, invented, withheld, mismatch }: PairKind = PAIRS[kind];
      const isTaking = side === 'taking';
      const code = twice ?? (isTaking ? invented : (withheld ?? mismatch));
      const detail = `${kind} ${id} stands twice in one unit`;
      this.findings.add({ code, event: half.event, detail, gain: isTaking || twice ? -half.units : half.units });
      return;
    }
    both[side] = half;
    this.pairs.set(key, both);
  }

  private judge(key: string, { kind, giving, taking }: Both & { readonly kind: PairName }): void {
    const { invented, withheld, mismatch, names }: PairKind = PAIRS[kind];
    const id = key.slice(kind.length + 1);
    const [giver, taker] = names;
    if (giving && taking) {
      const place = differing(giving, taking);
      if (giving.units === taking.units && place < 0) return;
      const detail =
        giving.units === taking.units
          ? `${giver} says ${factText(giving.facts[place])}, ${taker} ${factText(taking.facts[place])} of ${id}`
          : `${giver} says ${inMoney(giving.units)}, ${taker} says ${inMoney(taking.units)}, of ${id}`;
      const gain = giving.units - taking.units;
      this.findings.add({ code: mismatch, event: taking.event, detail, ...(gain !== 0n && { gain }) });
    } else if (taking) {
      const detail = `the ${taker} says ${id}, no ${giver} does`;
      this.findings.add({ code: invented, event: taking.event, detail, gain: -taking.units });
    } else if (giving && withheld) {
      const detail = `the ${giver} says ${id}, no ${taker} does`;
      this.findings.add({ code: withheld, event: giving.event, detail, gain: giving.units });
    }
  }
}

/** Facts that are whole numbers of any size are sums. */
const factText = (fact: Half['facts'][number]): string => (typeof fact === 'bigint' ? inMoney(fact) : String(fact));

/** The place of the first fact about which the sides differ, -1 if there is none. */
const differing = (one: Half, other: Half): number =>
  one.facts.findIndex((fact, place) => fact !== ANYTHING && fact !== other.facts[place]);
