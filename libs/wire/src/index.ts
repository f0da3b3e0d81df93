export { type DevelopmentBank, type DevelopmentBankOptions, startDevelopmentBank } from './development-bank.js';
export { DEVELOPMENT_BANK } from './development-bank-routes.js';
export * from './gateway-client.js';
export * from './gateway-errors.js';
export * from './gateway-rows.js';
export type { GatewayCredentials } from './gateway-transport.js';
export * from './subject.js';
export * from './transfer.js';
export * from './wirewatch.js';
