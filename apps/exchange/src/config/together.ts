/** What no single setting can say: what settings demand of each other, and what only development may have. */
import { formatAmount, UNITS_PER_VALUE } from '@florin/encoding';
import type { Settings } from './config.js';
import { refuse } from './reader.js';

const RSA_BITS: readonly number[] = [1024, 2048, 3072, 4096];
const PRODUCTION_RSA_BITS_MIN = 2048;
const PRODUCTION_SECRET_LENGTH_MIN = 12;

/** @throws ConfigError */
export function checkTogether(config: Settings): void {
  checkRoundUnit(config);
  checkDenominations(config);
  checkWireAccounts(config);
  for (const method of new Set(config.wireFees.map((fees) => fees.method))) {
    checkPeriods(
      'wireFees',
      config.wireFees.map((fees) => (fees.method === method ? fees : undefined)),
    );
  }
  checkPeriods('globalFees', config.globalFees);
  if (config.mode === 'production') checkProduction(config);
  else if (config.masterPub) refuse('masterPub', config.masterPub, 'nothing in development: the key folder holds one');
}

function checkRoundUnit({ roundUnit, currency }: Settings): void {
  const isOnePart = roundUnit < UNITS_PER_VALUE || roundUnit % UNITS_PER_VALUE === 0n;
  if (roundUnit > 0n && isOnePart) return;
  const shown = formatAmount({ currency, units: roundUnit });
  refuse('roundUnit', shown, 'an amount above zero, of whole units or of a fraction of one');
}

function checkDenominations({ denominations, keySchedule, currency }: Settings): void {
  if (denominations.length === 0) refuse('denominations', denominations, 'at least one');
  const names = new Set<string>();
  for (const [index, { value, cipher, bits, ageGroups, withdrawFor }] of denominations.entries()) {
    const path = `denominations[${index}]`;
    const shown = formatAmount({ currency, units: value });
    if (value <= 0n) refuse(`${path}.value`, shown, 'an amount above zero');
    if (cipher === 'RSA' && !RSA_BITS.includes(bits)) refuse(`${path}.bits`, bits, RSA_BITS.join(', '));
    const name = `${cipher} ${value} ${ageGroups}`;
    if (names.has(name)) refuse(`${path}.value`, shown, 'each value once for each cipher, with and without age groups');
    names.add(name);
    const { overlap } = keySchedule;
    if (overlap >= withdrawFor) {
      refuse('keySchedule.overlap', `${overlap} seconds`, `less than ${path}.withdrawFor, ${withdrawFor} seconds`);
    }
  }
  const { overlap, signingKeyFor } = keySchedule;
  if (overlap >= signingKeyFor) {
    refuse(
      'keySchedule.overlap',
      `${overlap} seconds`,
      `less than keySchedule.signingKeyFor, ${signingKeyFor} seconds`,
    );
  }
}

function checkWireAccounts({ wireAccounts, developmentBank }: Settings): void {
  if (wireAccounts.length === 0) refuse('wireAccounts', wireAccounts, 'at least one');
  for (const [index, { name, payto, gateway }] of wireAccounts.entries()) {
    const path = `wireAccounts[${index}]`;
    if (wireAccounts.findIndex((other) => other.name === name) !== index) {
      refuse(`${path}.name`, name, 'a name of its own for each account');
    }
    if (developmentBank) continue;
    if (payto === undefined) refuse(`${path}.payto`, payto, 'a payto URI, where there is no development bank');
    if (gateway === undefined) refuse(`${path}.gateway`, gateway, 'a URL, where there is no development bank');
  }
}

/** Two fees for one moment would let the exchange choose; clients refuse that. */
function checkPeriods(
  name: string,
  periods: readonly ({ readonly from: number; readonly to: number } | undefined)[],
): void {
  for (const [index, period] of periods.entries()) {
    if (!period) continue;
    const shown = (seconds: number): string => new Date(seconds * 1000).toISOString();
    if (period.from >= period.to)
      refuse(`${name}[${index}].to`, shown(period.to), `a date after ${shown(period.from)}`);
    const overlaps = periods.slice(0, index).some((other) => other && other.from < period.to && period.from < other.to);
    if (overlaps) refuse(`${name}[${index}].from`, shown(period.from), 'periods that do not overlap');
  }
}

function checkProduction(settings: Settings): void {
  const { developmentBank, baseUrl, masterPub, denominations, wireAccounts, store } = settings;
  if (developmentBank) refuse('developmentBank', developmentBank, 'nothing in production');
  if (!baseUrl?.startsWith('https://')) refuse('baseUrl', baseUrl, 'an https URL in production');
  if (/[?&]tls=false\b/i.test(store)) refuse('store', '(tls=false)', 'a server with TLS in production');
  if (!masterPub) refuse('masterPub', masterPub, 'the public key of the offline master key, in production');
  for (const [index, { cipher, bits }] of denominations.entries()) {
    if (cipher === 'RSA' && bits < PRODUCTION_RSA_BITS_MIN) {
      refuse(`denominations[${index}].bits`, bits, `at least ${PRODUCTION_RSA_BITS_MIN} in production`);
    }
  }
  for (const [index, { gateway, username, password, token }] of wireAccounts.entries()) {
    const path = `wireAccounts[${index}]`;
    if (!gateway?.startsWith('https://')) refuse(`${path}.gateway`, gateway, 'an https URL in production');
    if (token === undefined && username === undefined) refuse(`${path}.username`, username, 'a name in production');
    const secret = token === undefined ? 'password' : 'token';
    if ((token ?? password ?? '').length < PRODUCTION_SECRET_LENGTH_MIN) {
      const allowed = `at least ${PRODUCTION_SECRET_LENGTH_MIN} characters in production`;
      refuse(`${path}.${secret}`, (token ?? password) === undefined ? undefined : '(not shown)', allowed);
    }
  }
}
