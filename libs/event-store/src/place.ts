/** Where a ledger lies, for the tools beside the exchange: what they are told as the exchange is. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

type Environment = Readonly<Record<string, string | undefined>>;

export interface LedgerPlace {
  /** The data folder, as it was named. */
  readonly data: string;
  /** Connection string of an EventStoreDB; without it the ledger is in the data folder. */
  readonly store?: string;
  /** The name of the exchange in the store. */
  readonly instance?: string;
}

/**
 * The place that an exchange uses which is started in the same environment: FLORIN_DATA and FLORIN_STORE, else the
 * settings that FLORIN_CONFIG names, else what `npm start` uses.
 * @throws Error if there are such settings and they cannot be read
 */
export function ledgerPlace({ FLORIN_CONFIG, FLORIN_DATA, FLORIN_STORE }: Environment): LedgerPlace {
  const settings = FLORIN_CONFIG ? readSettingsFile(FLORIN_CONFIG) : {};
  const said = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
  const store = FLORIN_STORE || said(settings.store);
  const instance = said(settings.instance);
  return {
    data: FLORIN_DATA || (said(settings.data) ?? 'data'),
    ...(store !== undefined && isEsdb(store) && { store }),
    ...(instance !== undefined && { instance }),
  };
}

/** Whether this is the connection string of an EventStoreDB, rather than a file, a URL or `embedded`. */
export const isEsdb = (text: string): boolean => /^esdb(\+discover)?:/.test(text);

/**
 * A YAML file of settings, unchecked.
 * @throws Error that names the file, and shows nothing of it: a password may stand at the place that is wrong
 */
export function readSettingsFile(path: string): Record<string, unknown> {
  let settings: unknown;
  try {
    settings = parse(readFileSync(path, 'utf8'), { merge: true });
  } catch (error) {
    throw new Error(`${path} cannot be read: ${(error as Error).message.split('\n')[0]}`);
  }
  if (typeof settings !== 'object' || settings === null) throw new Error(`${path} holds no settings`);
  return settings as Record<string, unknown>;
}
