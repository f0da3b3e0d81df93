export * from './amount.js';
export * from './base32.js';
export * from './bytes.js';
export * from './errors.js';
export * from './time.js';
