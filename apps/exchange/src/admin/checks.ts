/** What `admin doctor` looks at whether the exchange runs or not: files, bank, disk. Each finding says what to do. */
import { existsSync, readdirSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '../config/config.js';
import type { Config } from '../runtime/tokens.js';
import { Gateways } from '../wire/gateways.js';

export interface Check {
  readonly name: string;
  /** `look`: it works, and somebody should know. */
  readonly state: 'good' | 'look' | 'bad';
  readonly found: string;
  readonly todo?: string;
}

export type Folders = Settings & { readonly keys: string };

const OTHERS = 0o077;
const SHOWN_MAX = 3;
const BANK_MS = 10_000;
const DISK_LOW_BYTES = 2 ** 30;
const DAY_S = 86_400;

export const good = (name: string, found: string): Check => ({ name, state: 'good', found });
export const look = (name: string, found: string, todo: string): Check => ({ name, state: 'look', found, todo });
export const bad = (name: string, found: string, todo: string): Check => ({ name, state: 'bad', found, todo });

/** What no single setting is wrong about, but somebody should know. */
export function configurationChecks(settings: Folders, now: number): Check[] {
  const { mode, currency, wireFees, globalFees } = settings;
  const name = 'configuration';
  const ending = [...wireFees, ...globalFees].filter(({ to }) => to > now && to < now + 30 * DAY_S);
  return [
    mode === 'production'
      ? good(name, `production, in ${currency}`)
      : look(
          name,
          `DEVELOPMENT, in ${currency}: the master key lies beside the data`,
          'no real money: mode: production',
        ),
    ...(ending.length === 0
      ? []
      : [look('fees', `${ending.length} end within 30 days`, 'add the next period, and have the master key sign it')]),
  ];
}

/** @param suspicion why the clock is not to be trusted, if so @param now whole seconds since 1970 */
export function clockChecks(suspicion: string | undefined, now: number): Check[] {
  const time = `it is ${new Date(now * 1000).toISOString()}`;
  if (suspicion === undefined) return [good('clock', time)];
  return [
    bad('clock', `${suspicion}; ${time}: nothing expires`, 'look at the clock; if it is right, admin clock trust'),
  ];
}

/** Ledger, views and keys are their owner's alone. */
export function permissionChecks({ data, keys }: Folders): Check[] {
  const paths = [
    data,
    keys,
    ...['', 'denominations', 'signing', 'accounts', 'planned'].map((part) => join(keys, part)),
  ];
  const files = [data, keys, join(keys, 'denominations'), join(keys, 'signing')].flatMap((folder) =>
    existsSync(folder)
      ? readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
          entry.isFile() ? join(folder, entry.name) : [],
        )
      : [],
  );
  const open = [...new Set([...paths, ...files])].filter((path) => {
    const found = statSync(path, { throwIfNoEntry: false });
    return found !== undefined && (found.mode & OTHERS) !== 0 && !path.endsWith('.yaml');
  });
  if (open.length === 0) return [good('permissions', 'data and keys are readable by their owner only')];
  const shown = open.slice(0, SHOWN_MAX).join(', ');
  return [
    bad(
      'permissions',
      `${open.length} files or folders are open to other users: ${shown}`,
      `chmod -R go= ${data} ${keys}`,
    ),
  ];
}

export function diskChecks({ data }: Folders): Check[] {
  const { bavail, bsize } = statfsSync(data);
  const free = bavail * bsize;
  const found = `${Math.floor(free / 2 ** 20)} MiB are free`;
  return [
    free < DISK_LOW_BYTES
      ? look('disk', found, 'make room: on a full disk nothing can be asked for')
      : good('disk', found),
  ];
}

/** Whether each gateway is there, knows the credentials, and is that of the account. */
export async function bankChecks(config: Config): Promise<Check[]> {
  const gateways = new Gateways(config);
  return Promise.all(
    config.wireAccounts.map(async ({ name, payto }): Promise<Check> => {
      const place = `bank ${name}`;
      const todo = 'look at gateway, username, password or token of this wire account';
      try {
        const gateway = gateways.of(name);
        const signal = AbortSignal.timeout(BANK_MS);
        await gateway.config(signal);
        const { creditAccount } = await gateway.historyIncoming({ limit: 1, signal });
        const paid = creditAccount?.split('?')[0];
        if (paid !== undefined && paid !== payto?.split('?')[0]) {
          return bad(
            place,
            `the gateway is that of ${paid}`,
            'payto and gateway of this wire account must be one account',
          );
        }
        return good(place, 'the wire gateway answers');
      } catch (error) {
        return bad(place, error instanceof Error ? error.message : String(error), todo);
      }
    }),
  );
}
