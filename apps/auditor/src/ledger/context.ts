/** What every part of the replay shares: findings, signature jobs, the open unit, and what damage makes uncertain. */
import type { EventRef, Finding, Findings } from '../findings.js';
import type { PackedMaps } from '../packed.js';
import type { Job } from '../signatures/jobs.js';
import type { Unit } from './unit.js';

export interface Context {
  readonly findings: Findings;
  readonly unit: Unit;
  readonly damage: Damage;
  /** When the event that is being applied was written: seconds. */
  readonly written: { at: number };
  /** What has as many entries as the ledger has events. */
  readonly packed: PackedMaps;
  /** Hands a signature to the workers. @param gains what the exchange gains if it is bad */
  readonly verify: (event: EventRef, job: Job, gains?: readonly bigint[]) => void;
}

/** Events that cannot be read leave their streams uncertain: what follows on them is not held against anybody. */
export class Damage {
  private streams = new Set<string>();
  /** Some event is gone or unreadable, and nobody knows whose it was. */
  private isBlind = false;

  /** Something happened of which nothing is known. */
  markUnknown(): void {
    this.isBlind = true;
  }

  mark(stream: string): void {
    this.streams.add(stream);
  }

  has(stream: string): boolean {
    return this.streams.size > 0 && this.streams.has(stream);
  }

  /** Whether any stream of this category (`<instance>.<category>-...`) is uncertain, as far as one can know. */
  touches(category: string): boolean {
    if (this.isBlind) return true;
    for (const stream of this.streams) if (stream.split(/[.-]/)[1] === category) return true;
    return false;
  }

  get any(): boolean {
    return this.isBlind || this.streams.size > 0;
  }

  save(): unknown {
    return { streams: this.streams, isBlind: this.isBlind };
  }

  load(saved: unknown): void {
    Object.assign(this, saved);
  }
}

/** Says what was found of an event. */
export type Report = (code: Finding['code'], detail: string, gain?: bigint) => void;

export function reporter({ findings }: Pick<Context, 'findings'>, event: EventRef): Report {
  return (code, detail, gain) => findings.add({ code, event, detail, ...(gain !== undefined && { gain }) });
}
