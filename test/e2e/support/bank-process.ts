/** The development bank as a process of its own: it lives on when the exchange is killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExchangeOptions } from '../../support/exchange.js';
import { CURRENCY } from './offers.js';

const PROGRAM = fileURLToPath(new URL('../../../../libs/wire/dist/development-bank-main.js', import.meta.url));

export interface BankProcess {
  readonly bankUrl: string;
  /** Makes an exchange use this bank, with its credentials. */
  configure(settings: Parameters<NonNullable<ExchangeOptions['configure']>>[0]): void;
  stop(): Promise<void>;
}

export async function startBank(): Promise<BankProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'florin-bank-'));
  const child: ChildProcess = spawn(process.execPath, [PROGRAM], {
    env: { ...process.env, FLORIN_DATA: folder, FLORIN_BANK_PORT: '0', FLORIN_BANK_CURRENCY: CURRENCY },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const lines = await new Promise<string>((resolve, reject) => {
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (/^account /m.test(output)) resolve(output);
    });
    void ended.then(() => reject(new Error(`the bank ended:\n${output}`)));
  });
  const said = (name: string): string => new RegExp(`^${name} (\\S+)$`, 'm').exec(lines)?.[1] ?? '';
  return {
    bankUrl: said('ready'),
    configure(settings) {
      delete settings.developmentBank;
      settings.wireAccounts = [{ name: 'exchange-account-1', payto: said('account'), gateway: said('wire gateway') }];
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
