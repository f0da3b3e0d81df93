/** What an audit can find: a closed list of codes, and the collection of what was found. */
import { CATALOGUE, type FindingCode } from './catalogue.js';

/** The event that shows a finding. */
export interface EventRef {
  /** In the whole ledger, from 0. */
  readonly index: number;
  readonly stream: string;
  readonly number: number;
  readonly type: string;
  /** Seconds, as the event says; when it was written, where it does not. */
  readonly at: number;
}

export interface Finding {
  readonly code: FindingCode;
  /** Absent where no single event shows it. */
  readonly event?: EventRef;
  /** What was expected and what was there; no account URIs, no secrets. */
  readonly detail: string;
  /** Units by which the exchange (or its insider) is better off, negative if worse; absent where no sum follows. */
  readonly gain?: bigint;
}

/** An amount in the words of a finding; reports write it in the ledger's currency. */
export const inMoney = (units: bigint): string => `{${units}}`;

/** So many findings are kept whole; more are counted. */
const KEPT_MAX = 10_000;

export class Findings {
  readonly kept: Finding[] = [];
  readonly counts = new Map<FindingCode, number>();
  private readonly once = new Set<string>();

  /** @param hear told of each finding as it is made */
  constructor(private readonly hear: (finding: Finding) => void = () => {}) {}

  get total(): number {
    let total = 0;
    for (const count of this.counts.values()) total += count;
    return total;
  }

  add(finding: Finding): void {
    this.counts.set(finding.code, (this.counts.get(finding.code) ?? 0) + 1);
    if (this.kept.length < KEPT_MAX) this.kept.push(finding);
    this.hear(finding);
  }

  /** Adds what is true of a thing, once, however often it shows. */
  addOnce(about: string, finding: Finding): void {
    const key = `${finding.code} ${about}`;
    if (this.once.has(key)) return;
    this.once.add(key);
    this.add(finding);
  }

  /** In the order of the ledger; what no event shows comes last. */
  sorted(): Finding[] {
    return [...this.kept].sort((a, b) => (a.event?.index ?? Infinity) - (b.event?.index ?? Infinity) || 0);
  }

  save(): unknown {
    return { kept: this.kept, counts: this.counts, once: this.once };
  }

  load(saved: unknown): void {
    const { kept, counts, once } = saved as ReturnType<Findings['save']> & {
      kept: Finding[];
      counts: Map<FindingCode, number>;
      once: Set<string>;
    };
    this.kept.push(...kept);
    for (const [code, count] of counts) this.counts.set(code, count);
    for (const key of once) this.once.add(key);
  }
}

/** The title of a finding, for people. */
export const titleOf = (code: FindingCode): string => CATALOGUE[code].title;
