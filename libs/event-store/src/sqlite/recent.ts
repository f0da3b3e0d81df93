import type { CommittedUnit, Position } from '../port.js';

/** Whoever follows the store is some turns of the event loop behind, or reads what he missed. */
const EVENTS_MAX = 512;

/** The last units committed by this process, so that those who follow the store need not read them back. */
export class RecentUnits {
  private units: CommittedUnit[] = [];
  private events = 0;

  /** In global order. After a unit that does not come next (one between them was given up) it begins anew. */
  add(unit: CommittedUnit): void {
    const last = this.units.at(-1);
    if (last && previousOf(unit) !== last.position) this.clear();
    this.units.push(unit);
    this.events += unit.events.length;
    if (this.events <= EVENTS_MAX) return;
    const half = Math.ceil(this.units.length / 2);
    for (const { events } of this.units.splice(0, half)) this.events -= events.length;
  }

  /** All units after `position`, or nothing if the first of them is not held. */
  after(position: Position): readonly CommittedUnit[] | undefined {
    const first = this.units.findIndex((unit) => previousOf(unit) >= position);
    const unit = this.units[first];
    return unit && previousOf(unit) === position ? this.units.slice(first) : undefined;
  }

  private clear(): void {
    this.units = [];
    this.events = 0;
  }
}

/** The position of the unit before it: positions are dense, a unit's is the index of its last event. */
function previousOf({ events }: CommittedUnit): Position {
  return BigInt((events[0]?.index ?? 0) - 1) as Position;
}
