/**
 * What the tree says about one event: stream, logical number, type, version, the writer's time and the data, each
 * integer of fixed size and each text preceded by its length, so that no two events give the same bytes.
 *
 *     u32 length, stream | u64 number | u32 length, type | u32 version | u64 writer's time (us) | u32 length, data
 *
 * All integers are big-endian, all texts UTF-8. The data is the JSON text as it is stored. `JSON.parse` and
 * `JSON.stringify` of it give the same bytes again, so the hash survives a move between stores.
 */

import type { RecordedEvent } from './port.js';
import { leafHash } from './tree.js';

/** The columns of an event that its leaf covers; `text` is its data as it is stored. */
export interface StoredEvent {
  readonly stream: string;
  readonly number: number;
  readonly type: string;
  readonly version: number;
  readonly writtenAtUs: number;
  readonly text: string;
}

const FIXED_BYTES = 4 + 8 + 4 + 4 + 8 + 4;

/** Hash of the leaf of a stored event, 32 bytes. */
export function storedLeaf({ stream, number, type, version, writtenAtUs, text }: StoredEvent): Uint8Array {
  // Three bytes hold any UTF-16 unit, so nothing is cut off, and nothing needs to be measured first.
  const bytes = Buffer.allocUnsafe(FIXED_BYTES + 3 * (stream.length + type.length + text.length));
  let end = writeText(bytes, stream, 0);
  end = writeU64(bytes, number, end);
  end = writeText(bytes, type, end);
  end = bytes.writeUInt32BE(version, end);
  end = writeU64(bytes, writtenAtUs, end);
  end = writeText(bytes, text, end);
  return leafHash(bytes.subarray(0, end));
}

/** Hash of the leaf of an event as readers get it, 32 bytes. */
export function eventLeaf(event: RecordedEvent): Uint8Array {
  return storedLeaf({ ...event, text: JSON.stringify(event.data) });
}

function writeText(target: Buffer, text: string, offset: number): number {
  const written = target.write(text, offset + 4, 'utf8');
  target.writeUInt32BE(written, offset);
  return offset + 4 + written;
}

function writeU64(target: Buffer, value: number, offset: number): number {
  target.writeUInt32BE(Math.floor(value / 2 ** 32), offset);
  return target.writeUInt32BE(value % 2 ** 32, offset + 4);
}
