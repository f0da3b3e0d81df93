import { writeU32 } from './bytes.js';
import { EncodingError } from './errors.js';
import { type FieldMap, type FieldValues, HEADER_SIZE, type Layout, sizeOf, writeFields } from './layout.js';
import { EXCHANGE_MESSAGES, HASHED_RECORDS } from './messages-exchange.js';
import { FLORIN_MESSAGES } from './messages-florin.js';
import { MASTER_MESSAGES } from './messages-master.js';
import { THIRD_PARTY_MESSAGES } from './messages-third-parties.js';
import { WALLET_MESSAGES } from './messages-wallet.js';

/** Every signed structure by name, one entry per layout. */
export const MESSAGES = {
  ...WALLET_MESSAGES,
  ...EXCHANGE_MESSAGES,
  ...MASTER_MESSAGES,
  ...THIRD_PARTY_MESSAGES,
  ...FLORIN_MESSAGES,
} as const;

export type MessageName = keyof typeof MESSAGES;
/** The fields of a structure, by name; see the layouts for units and for what may be absent. */
export type MessageFields<N extends MessageName> = FieldValues<(typeof MESSAGES)[N]['fields']>;

export type RecordName = keyof typeof HASHED_RECORDS;
export type RecordFields<N extends RecordName> = FieldValues<(typeof HASHED_RECORDS)[N]>;

/**
 * The exact bytes that are signed and verified: header (size, purpose) and the packed fields.
 * @throws EncodingError naming structure and field when a value has another type, length or range
 * Source: protocol/encoding.md section 4
 */
export function message<N extends MessageName>(name: N, fields: MessageFields<N>): Uint8Array {
  const layout: Layout = MESSAGES[name];
  const bytes = new Uint8Array(layout.size);
  writeU32(bytes, 0, layout.size);
  writeU32(bytes, 4, layout.purpose);
  writeNamed(name, bytes, HEADER_SIZE, layout.fields, fields);
  return bytes;
}

/** The packed fields of a record that is hashed, not signed: no header. @throws EncodingError as {@link message} */
export function record<N extends RecordName>(name: N, fields: RecordFields<N>): Uint8Array {
  const layout: FieldMap = HASHED_RECORDS[name];
  const bytes = new Uint8Array(sizeOf(layout));
  writeNamed(name, bytes, 0, layout, fields);
  return bytes;
}

function writeNamed(
  name: string,
  bytes: Uint8Array,
  offset: number,
  fields: FieldMap,
  values: Readonly<Record<string, unknown>>,
): void {
  try {
    writeFields(bytes, offset, fields, values);
  } catch (error) {
    if (error instanceof EncodingError) throw new EncodingError(`${error.expected} of ${name}`, error.got);
    throw error;
  }
}
