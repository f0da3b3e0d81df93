/**
 * Mistakes that one could make in the commit protocol, each wrapped around the shipped code from outside. A simulation
 * that does not find one of them proves nothing.
 */
import { RevisionConflict } from '@florin/event-store';
import { type Filling, Slots, type Tentative, type Verdict } from '@florin/event-store/commit-protocol';
import { NOTHING_PLANTED, type Plant, partsWith } from './plant.js';
import { MISTAKES_IN_READING, VerdictByUnitAlone } from './plants-reading.js';
import { MISTAKES_IN_WRITING, UnitIdOfCommand } from './plants-writing.js';

/** Readers fill slots as ever; the writer that failed half-way only says so. */
class NoEarlyVoid extends Slots {
  private readers = 0;

  override async fill(slot: Parameters<Slots['fill']>[0], unit: string): Promise<Filling> {
    if (this.readers > 0) return super.fill(slot, unit);
    throw new RevisionConflict(slot.stream);
  }

  override async settle(tentative: Tentative): Promise<Verdict> {
    this.readers += 1;
    try {
      return await super.settle(tentative);
    } finally {
      this.readers -= 1;
    }
  }
}

const HARMLESS: readonly Plant[] = [
  {
    name: 'short-lease',
    mistake: 'the lease is shorter than any writer',
    leaseMs: 0,
  },
  {
    name: 'no-early-void',
    mistake: 'a writer that fails half-way leaves its slot to whoever meets what it left',
    parts: partsWith({ slots: NoEarlyVoid }),
  },
  {
    name: 'unit-id-kept-but-members-named',
    mistake: 'the unit id is that of the request; the member list still tells its attempts apart',
    parts: partsWith({ writer: UnitIdOfCommand }),
  },
  {
    name: 'members-not-named',
    mistake: 'a slot filled by the unit counts for all its events; the ids drawn anew still tell its attempts apart',
    parts: partsWith({ slots: VerdictByUnitAlone }),
  },
];

export const PLANTS: ReadonlyMap<string, Plant> = new Map(
  [NOTHING_PLANTED, ...MISTAKES_IN_WRITING, ...MISTAKES_IN_READING, ...HARMLESS].map((plant) => [plant.name, plant]),
);
