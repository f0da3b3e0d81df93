export * from './amount.js';
export * from './base32.js';
export * from './bytes.js';
export * from './errors.js';
export * from './time.js';
export type { Field, FieldMap, FieldValues, Layout } from './layout.js';
export { FLORIN_PURPOSE } from './messages-florin.js';
export * from './purposes.js';
export * from './signed-messages.js';
