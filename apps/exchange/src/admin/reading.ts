/** What stands in an admin's request, read by the codecs of the wire classes. */
import { decodeBase32, encodeBase32 } from '@florin/encoding';
import { malformedField } from '../http/taler-error.js';
import type { Parser } from '../http/wire-fields.js';

/** The members of a request's body; none if it is no object. */
export type Body = Readonly<Record<string, unknown>>;

/** @throws TalerError 400/22 naming what `parse` refuses */
export function read<Value>(name: string, parse: Parser<Value>, json: unknown): Value {
  try {
    return parse(json);
  } catch (error) {
    throw malformedField(name, error instanceof Error ? error.message : 'malformed');
  }
}

/** A hash in the path as canonical base32. @throws TalerError 400/22 */
export const readHash = <Name extends string>(name: string, sizeBytes: number, text: string): Name =>
  read(name, () => encodeBase32(decodeBase32(text, sizeBytes)) as Name, text);
