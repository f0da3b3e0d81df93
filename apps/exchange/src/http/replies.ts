/**
 * What endpoints answer when they succeed, for the description of the interface. It stands beside the controllers in
 * `*.replies.ts`; the tests compare every answer that they get with it, member by member.
 */
import { SetMetadata } from '@nestjs/common';
import { amount, base32, type Schema, schemaOf, timestamp } from './wire-fields.js';

/** By status; undefined for an answer without a body. */
export type ReplySchemas = { readonly [status: number]: Schema | undefined };

const REPLIES_METADATA = 'florin:replies';

/** The successes of an endpoint. One without this answers text, or nothing. */
export const Replies = (schemas: ReplySchemas): MethodDecorator => SetMetadata(REPLIES_METADATA, schemas);

export const repliesOf = (handler: object): ReplySchemas | undefined =>
  Reflect.getMetadata(REPLIES_METADATA, handler) as ReplySchemas | undefined;

type Members = { readonly [name: string]: Schema };

/** An object that has the members `always`, and may have those of `sometimes`. */
export const objectOf = (always: Members, sometimes: Members = {}): Schema => ({
  type: 'object',
  properties: { ...always, ...sometimes },
  required: Object.keys(always),
});

export const arrayOf = (items: Schema): Schema => ({ type: 'array', items });

/** An object of any names, whose values are alike. */
export const mapOf = (values: Schema): Schema => ({ type: 'object', additionalProperties: values });

export const only = (value: string | number | boolean): Schema => ({ const: value });

export const AMOUNT = schemaOf(amount);
/** A key, or another 32 bytes. */
export const KEY = schemaOf(base32(32));
/** A signature, a hash, or another 64 bytes. */
export const LONG = schemaOf(base32(64));
export const TIME = schemaOf(timestamp);
export const DURATION = objectOf({ d_us: { oneOf: [{ type: 'integer', minimum: 0 }, only('forever')] } });
export const TEXT: Schema = { type: 'string' };
export const COUNT: Schema = { type: 'integer', minimum: 0 };
export const YES_OR_NO: Schema = { type: 'boolean' };
export const BASE64: Schema = { type: 'string', contentEncoding: 'base64' };
/** A full payto URI. */
export const PAYTO: Schema = { type: 'string', pattern: '^payto://' };
/** An integer of a key or of a signature, in base32. */
export const BIG: Schema = { type: 'string', pattern: '^[0-9A-Z]+$' };

/** What the exchange's online key signed, and which key that was. */
export const SIGNED = { exchange_sig: LONG, exchange_pub: KEY };
