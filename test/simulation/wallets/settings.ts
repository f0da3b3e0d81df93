/** The exchange that is simulated: the shipped configuration with small keys, low limits and short delays. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Config, readConfig } from '@florin/exchange';
import { parse, stringify } from 'yaml';
import { EXCHANGE_ACCOUNT, GATEWAY_URL } from './bank.js';

export const CURRENCY = 'KUDOS';
export const BASE_URL = 'http://exchange.simulation/';
export const WIRE_ACCOUNT = 'exchange-account-1';

const SHIPPED = fileURLToPath(new URL('../../../../apps/exchange/config/development.yaml', import.meta.url));
const YEARS = '5 years';

const denomination = (value: string, cipher: 'RSA' | 'CS', ageGroups = '') => ({
  value: `${CURRENCY}:${value}`,
  cipher,
  ...(cipher === 'RSA' ? { bits: 1024 } : {}),
  ageGroups,
  feeWithdraw: `${CURRENCY}:0.01`,
  feeDeposit: `${CURRENCY}:0.01`,
  feeRefresh: `${CURRENCY}:0.01`,
  feeRefund: `${CURRENCY}:0.01`,
  withdrawFor: YEARS,
  depositFor: YEARS,
  legalFor: '7 years',
});

/** @param folder for the file of settings, and of views */
export function simulatedConfig(folder: string): Config {
  const { developmentBank, ...shipped } = parse(readFileSync(SHIPPED, 'utf8'), { merge: true }) as Record<
    string,
    object
  >;
  const settings = {
    ...shipped,
    data: folder,
    baseUrl: BASE_URL,
    reserves: { closingDelay: '2 days', legalDelay: '7 years' },
    denominations: [
      denomination('1', 'RSA'),
      denomination('2', 'RSA'),
      denomination('5', 'RSA'),
      denomination('1', 'RSA', '8:12:16:18'),
      denomination('1', 'CS'),
      denomination('4', 'CS'),
    ],
    keySchedule: { overlap: '1 day', lookahead: '2 days', signingKeyFor: YEARS, signingKeyLegalFor: '7 years' },
    wireAccounts: [{ name: WIRE_ACCOUNT, payto: EXCHANGE_ACCOUNT, gateway: GATEWAY_URL }],
    legitimization: {
      withdraw: { threshold: `${CURRENCY}:150`, window: '30 days' },
      reserveWithdraw: { threshold: `${CURRENCY}:25` },
      p2pReceive: { threshold: `${CURRENCY}:25`, window: '30 days' },
    },
  };
  const path = join(folder, 'settings.yaml');
  writeFileSync(path, stringify(settings));
  return { ...readConfig(path, {}), baseUrl: BASE_URL };
}
