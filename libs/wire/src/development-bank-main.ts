import { resolve } from 'node:path';
import { startDevelopmentBank } from './development-bank.js';
import type { GatewayCredentials } from './gateway-transport.js';

/*
 * The development bank as a process of its own. Configured by the environment:
 *   FLORIN_DATA               folder of the ledger (`data`)
 *   FLORIN_BANK_PORT          port (8090); 0 picks one
 *   FLORIN_BANK_HOST          address to listen on (127.0.0.1)
 *   FLORIN_BANK_PAYTO_HOST    host in payto URIs (localhost)
 *   FLORIN_BANK_CURRENCY      (EUR)
 *   FLORIN_BANK_ACCOUNT       name of the exchange's account (exchange)
 *   FLORIN_BANK_USER          user of the wire gateway (exchange), with FLORIN_BANK_PASSWORD
 *   FLORIN_BANK_TOKEN         bearer token of the wire gateway, instead of user and password
 * Without password and token the gateway is open to whoever reaches the port.
 */

const environment = process.env;

const bank = await startDevelopmentBank({
  folder: resolve(environment.FLORIN_DATA || 'data'),
  port: readPort(environment.FLORIN_BANK_PORT || '8090'),
  host: environment.FLORIN_BANK_HOST || '127.0.0.1',
  paytoHost: environment.FLORIN_BANK_PAYTO_HOST || 'localhost',
  currency: environment.FLORIN_BANK_CURRENCY || 'EUR',
  exchangeAccount: environment.FLORIN_BANK_ACCOUNT || 'exchange',
  ...readCredentials(),
}).catch((error: unknown) => {
  console.error(`the development bank cannot start: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
});

console.log(`ready ${bank.url}`);
console.log(`wire gateway ${bank.gatewayUrl}`);
console.log(`account ${bank.exchangePayto}`);

let closing = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, close);

/** Ctrl-C under npm comes twice: from the terminal and from npm. The second must not end what the first closes. */
function close(): void {
  if (!closing) void bank.close();
  closing = true;
}

function readPort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  console.error(`FLORIN_BANK_PORT is ${JSON.stringify(text)}; allowed is a port from 0 to 65535`);
  process.exit(1);
}

function readCredentials(): { readonly credentials?: GatewayCredentials } {
  const { FLORIN_BANK_USER: user = 'exchange', FLORIN_BANK_PASSWORD: password, FLORIN_BANK_TOKEN: token } = environment;
  if (token) return { credentials: { kind: 'bearer', token } };
  return password ? { credentials: { kind: 'basic', user, password } } : {};
}
