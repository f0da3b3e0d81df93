import { storedLeaf } from '../leaf.js';
import { DamagedStore, type JsonObject, type Position, type RecordedEvent } from '../port.js';

export const EVENT_COLUMNS =
  'idx, stream, number, type, version, data, written_at_us, unit_first, unit_last, unit_size, leaf';

/** A row of `events` as SQLite gives it in raw mode, before anything is known about it. */
export type RawRow = readonly unknown[];

/** A row of `events` that has columns of the right kinds; whether it is true is not looked at. */
export interface ObservedRow {
  readonly index: number;
  readonly stream: string;
  readonly number: number;
  readonly type: string;
  readonly version: number;
  /** The data as it is stored. */
  readonly text: string;
  readonly writtenAtUs: number;
  readonly unitFirst: number;
  readonly unitLast: number;
  /** 32 bytes: the hash that the tree holds for this event. */
  readonly leaf: Uint8Array;
}

/** A row that agrees with itself. */
export type EventRow = ObservedRow;

/** @returns undefined if a column is of the wrong kind */
export function observedRow(raw: RawRow): ObservedRow | undefined {
  const [index, stream, number, type, version, text, writtenAtUs, unitFirst, unitLast, , leaf] = raw;
  const isWhole =
    isCount(index) &&
    typeof stream === 'string' &&
    isCount(number) &&
    typeof type === 'string' &&
    isCount(version) &&
    version < 2 ** 32 &&
    typeof text === 'string' &&
    isCount(writtenAtUs) &&
    isCount(unitFirst) &&
    isCount(unitLast) &&
    leaf instanceof Uint8Array;
  return isWhole ? { index, stream, number, type, version, text, writtenAtUs, unitFirst, unitLast, leaf } : undefined;
}

/** @throws DamagedStore unless the row has the right types, a possible place in its unit, and its leaf's content */
export function checkedRow(raw: RawRow): EventRow {
  const row = observedRow(raw);
  if (!row) {
    throw new DamagedStore(`event ${String(raw[0])} has a column of the wrong kind`);
  }
  const { index, unitFirst, unitLast, leaf } = row;
  const unitSize = raw[9];
  if (unitFirst > index || unitLast < index || unitLast - unitFirst + 1 !== unitSize) {
    throw new DamagedStore(`event ${index} has an impossible place in its unit`);
  }
  if (Buffer.compare(storedLeaf(row), leaf) !== 0) throw new DamagedStore(`event ${index} is not what was committed`);
  return row;
}

/** Follows rows in global order and notices where one is missing or a unit is torn. */
export class UnitWalk {
  private unit: EventRow | undefined;

  /** @param next index of the row that must come first, the first of a unit unless `insideUnit` */
  constructor(
    private next: number,
    private readonly insideUnit = false,
  ) {}

  /** @returns whether this row ends its unit @throws DamagedStore */
  step(row: EventRow): boolean {
    if (row.index !== this.next) throw new DamagedStore(`event ${this.next} is missing`);
    const { unit } = this;
    const fits = unit
      ? row.unitFirst === unit.unitFirst && row.unitLast === unit.unitLast && follows(row, unit)
      : this.insideUnit || row.unitFirst === row.index;
    if (!fits) throw new DamagedStore(`event ${row.index} does not fit its neighbours in the unit`);
    this.next += 1;
    const isLast = row.index === row.unitLast;
    this.unit = isLast ? undefined : row;
    return isLast;
  }
}

/** Whether a row can come next in its unit: another stream, or the next event of the same one. */
function follows(row: EventRow, before: EventRow): boolean {
  return row.stream !== before.stream || row.number === before.number + 1;
}

/** Rows on their way between threads: `PACKED` values for each, which is the cheapest form to be cloned. */
export type PackedRows = (string | number)[];
const PACKED = 8;

export function packRow(into: PackedRows, row: EventRow): void {
  into.push(row.index, row.unitLast, row.stream, row.number, row.type, row.version, row.text, row.writtenAtUs);
}

export function* unpackRows(packed: PackedRows): Generator<RecordedEvent> {
  for (let at = 0; at < packed.length; at += PACKED) {
    yield {
      stream: packed[at + 2] as string,
      number: packed[at + 3] as number,
      index: packed[at] as number,
      position: BigInt(packed[at + 1] as number) as Position,
      type: packed[at + 4] as string,
      version: packed[at + 5] as number,
      data: JSON.parse(packed[at + 6] as string) as JsonObject,
      writtenAtUs: packed[at + 7] as number,
    };
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
