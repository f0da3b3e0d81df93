/*
 * Many byte strings in one, for one cheap message between processes or threads:
 * u32 count | u32 length of each | the bytes
 */

const WORD = 4;

/** @returns a fresh array with a buffer of its own, so that it can be transferred */
export function pack(fields: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let offset = WORD * (1 + fields.length);
  const packed = new Uint8Array(fields.reduce((sum, field) => sum + field.length, offset));
  const header = new DataView(packed.buffer);
  header.setUint32(0, fields.length);
  fields.forEach((field, i) => {
    header.setUint32(WORD * (i + 1), field.length);
    packed.set(field, offset);
    offset += field.length;
  });
  return packed;
}

/** @returns views into `packed`. @throws RangeError if it is not what {@link pack} made */
export function unpack(packed: Uint8Array): Uint8Array[] {
  const header = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const count = header.getUint32(0);
  const fields: Uint8Array[] = [];
  let offset = WORD * (1 + count);
  for (let i = 0; i < count; i++) {
    const end = offset + header.getUint32(WORD * (i + 1));
    if (end > packed.length) throw new RangeError('a packed field reaches beyond the end');
    fields.push(packed.subarray(offset, end));
    offset = end;
  }
  if (offset !== packed.length) throw new RangeError('bytes are left over behind the packed fields');
  return fields;
}
