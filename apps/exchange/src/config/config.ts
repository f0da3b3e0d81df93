/** The one configuration of an exchange: a YAML file and a few environment variables, read once, checked completely. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { parseAmount, validatePayto } from '@florin/encoding';
import { readSettingsFile } from '@florin/event-store';
import * as read from './reader.js';
import { ConfigError, type Reader } from './reader.js';
import { checkTogether } from './together.js';

const PAYTO_HINT = 'a payto URI, as payto://iban/DE75512108001245126199?receiver-name=Exchange';

const payto: Reader<string> = (value, path) => {
  try {
    if (typeof value === 'string' && validatePayto(value) === undefined) return value;
  } catch {
    // not even a URI
  }
  return read.refuse(path, value, PAYTO_HINT);
};

/** An IP address, or a network as 10.0.0.0/8. */
const network: Reader<string> = (value, path) => {
  const [address = '', bits] = typeof value === 'string' ? value.split('/') : [];
  const family = isIP(address);
  const fits = bits === undefined || (/^[0-9]{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
  return family !== 0 && fits
    ? (value as string)
    : read.refuse(path, value, 'an IP address, or a network as 10.0.0.0/8');
};

/** A text that is published: a wrong path is found now, not when somebody asks for it. */
const readableFile: Reader<string> = (value, path) => {
  try {
    if (typeof value === 'string' && readFileSync(value).length > 0) return value;
  } catch {
    // not there, a folder, or of another user
  }
  return read.refuse(path, value, 'a file that can be read');
};

/** A connection string may hold a password: what looks like one is not shown. */
const store: Reader<string> = (value, path) => {
  if (typeof value === 'string' && /^(embedded|esdb(\+discover)?:\/\/\S+)$/.test(value)) return value;
  return read.refuse(path, String(value).includes('@') ? '(not shown)' : value, 'embedded, or esdb://...');
};

/** `8:10:12`: ages at which groups begin, as the mask of crypto.md 7; 0 is no age restriction. */
const ageMask: Reader<number> = (value, path) => {
  if (value === undefined || value === null || value === '') return 0;
  const ages =
    typeof value === 'string' && /^[0-9]{1,2}(:[0-9]{1,2})*$/.test(value) ? value.split(':').map(Number) : [];
  const rising = ages.every((age, index) => age > (ages[index - 1] ?? 0) && age < 32);
  if (ages.length === 0 || !rising) read.refuse(path, value, 'rising ages below 32, as 8:10:12:14:16:18:21');
  return ages.reduce((mask, age) => mask + 2 ** age, 1);
};

const MIB = 1024 * 1024;

/** What one client, or one request, may ask for. */
const limits = read.object({
  bodyBytes: read.optional(read.integer(MIB / 16, 64 * MIB), 16 * MIB),
  requestsPerSecond: read.optional(read.integer(1, 100_000), undefined),
  burst: read.optional(read.integer(1, 1_000_000), undefined),
  trustedProxies: read.optional(read.list(network), []),
});

/** The settings of one exchange in its currency. */
function settings(currency: string) {
  const amount: Reader<bigint> = (value, path) => {
    try {
      if (typeof value !== 'string') throw new TypeError();
      return parseAmount(value, currency).units;
    } catch {
      return read.refuse(path, value, `an amount, as ${currency}:1.50`);
    }
  };
  const limit = read.object({ threshold: amount, window: read.optional(read.duration, Number.POSITIVE_INFINITY) });
  return read.object({
    instance: read.text('lower case letters and digits, as florin', /^[a-z0-9]{1,32}$/),
    mode: read.oneOf('development', 'production'),
    currency: read.text('1 to 11 upper case letters', /^[A-Z]{1,11}$/),
    roundUnit: amount,
    baseUrl: read.optional(read.baseUrl, undefined),
    host: read.optional(read.text('an address to listen on'), '127.0.0.1'),
    port: read.port,
    adminHost: read.optional(read.text('an address to listen on'), '127.0.0.1'),
    adminPort: read.port,
    store: read.optional(store, 'embedded'),
    storePatience: read.optional(read.duration, 120),
    data: read.text('a folder'),
    keys: read.optional(read.text('a folder'), undefined),
    masterPub: read.optional(read.text('52 characters of base32', /^[0-9A-Z]{52}$/), undefined),
    signers: read.optional(read.integer(1, 64), undefined),
    reserves: read.object({ closingDelay: read.duration, legalDelay: read.duration }),
    purses: read.object({ maxDeposits: read.integer(1, 128) }),
    denominations: read.list(
      read.object({
        value: amount,
        cipher: read.oneOf('RSA', 'CS'),
        bits: read.optional(read.integer(1024, 4096), 2048),
        ageGroups: ageMask,
        feeWithdraw: amount,
        feeDeposit: amount,
        feeRefresh: amount,
        feeRefund: amount,
        withdrawFor: read.duration,
        depositFor: read.duration,
        legalFor: read.duration,
      }),
    ),
    keySchedule: read.object({
      overlap: read.duration,
      lookahead: read.duration,
      signingKeyFor: read.duration,
      signingKeyLegalFor: read.duration,
    }),
    wireAccounts: read.list(
      read.object({
        name: read.text('letters, digits and -', /^[a-z0-9][a-z0-9-]{0,31}$/),
        payto: read.optional(payto, undefined),
        gateway: read.optional(read.baseUrl, undefined),
        username: read.optional(read.text('a name'), undefined),
        password: read.optional(read.secret, undefined),
        token: read.optional(read.secret, undefined),
      }),
    ),
    wireFees: read.list(
      read.object({
        method: read.text('a payto method'),
        from: read.instant,
        to: read.instant,
        wireFee: amount,
        closingFee: amount,
      }),
    ),
    globalFees: read.list(
      read.object({
        from: read.instant,
        to: read.instant,
        historyFee: amount,
        accountFee: amount,
        purseFee: amount,
        purseTimeout: read.duration,
        historyExpiration: read.duration,
        purseAccountLimit: read.integer(0, 1_000_000),
      }),
    ),
    legitimization: read.object({
      kycUrl: read.optional(read.text('a URL; {row} and {h_payto} stand for the case'), undefined),
      withdraw: read.optional(limit, undefined),
      reserveWithdraw: read.optional(limit, undefined),
      p2pReceive: read.optional(limit, undefined),
    }),
    limits: read.optional(limits, limits({}, 'limits')),
    developmentBank: read.optional(read.object({ port: read.port, account: read.text('an account name') }), undefined),
    terms: read.optional(readableFile, undefined),
    privacy: read.optional(readableFile, undefined),
    logLevel: read.optional(read.oneOf('debug', 'info', 'warn', 'error', 'silent'), 'info'),
  });
}

/** What the file and the environment say, checked. */
export type Settings = ReturnType<ReturnType<typeof settings>>;

/** With the folders as absolute paths. */
export type ReadSettings = Settings & { readonly keys: string };

/** What the environment may say instead of the file, and where it stands there. */
const ENVIRONMENT: Readonly<Record<string, string>> = {
  FLORIN_DATA: 'data',
  FLORIN_STORE: 'store',
  FLORIN_PORT: 'port',
  FLORIN_ADMIN_PORT: 'adminPort',
  FLORIN_BANK_PORT: 'developmentBank.port',
};

/**
 * @param path the YAML file
 * @throws ConfigError naming the setting, its value and what is allowed
 */
export function readConfig(path: string, environment: Readonly<Record<string, string | undefined>>): ReadSettings {
  let file: Record<string, unknown>;
  try {
    file = readSettingsFile(path);
  } catch (error) {
    throw new ConfigError((error as Error).message);
  }
  for (const [name, setting] of Object.entries(ENVIRONMENT)) {
    const value = environment[name];
    if (value !== undefined && value !== '') override(file, { name, setting, value });
  }
  const currency = typeof file.currency === 'string' ? file.currency : 'XXX';
  const config = settings(currency)(file, '');
  checkTogether(config);
  return { ...config, data: resolve(config.data), keys: resolve(config.keys ?? `${config.data}/keys`) };
}

/** A port of the environment is checked here, so that a refusal names the variable. */
function override(
  file: Record<string, unknown>,
  { name, setting, value }: { name: string; setting: string; value: string },
): void {
  const checked = /port$/i.test(setting) ? read.port(value, name) : value;
  if (setting !== 'developmentBank.port') file[setting] = checked;
  else if (file.developmentBank) file.developmentBank = { ...(file.developmentBank as object), port: checked };
}
