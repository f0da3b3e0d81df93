/** Forgetting a bank account: its key is destroyed, so its names are gone; hashes, sums and proofs stay. */
import type { AccountHash } from '@florin/domain';
import { formatAmount } from '@florin/encoding';
import type { FastifyInstance } from 'fastify';
import { malformedField, malformedParameter } from '../http/taler-error.js';
import { text } from '../http/wire-fields.js';
import type { AdminContext } from './admin.server.js';
import { type Body, read, readHash } from './reading.js';

const SHOWN_MAX = 10;

export function accountRoutes(server: FastifyInstance, { views, foundation }: AdminContext): void {
  const { config, ledger, vault, log } = foundation;

  server.post('/accounts/:h_payto/forget', async (request) => {
    const { h_payto } = request.params as { h_payto: string };
    const account = readHash<AccountHash>('h_payto', 32, h_payto);
    const reason = read('reason', text(1000), ((request.body ?? {}) as Body).reason ?? '');
    if (reason === '') throw malformedField('reason', 'forgetting needs its reason');
    await views.caughtUpWith(ledger.lastCommitted);
    const owed = await owedTo(account);
    if (owed.length > 0) throw malformedParameter('h_payto', `something is owed to it still: ${owed.join('; ')}`);
    const forgotten = await vault.forget(account);
    if (forgotten) log.warn({ account, reason }, 'an account was forgotten');
    return { h_payto: account, forgotten };
  });

  /** Why the account must be known still, in words. */
  async function owedTo(account: AccountHash): Promise<string[]> {
    const [reserves, transfers, cases] = await Promise.all([
      views.ask('reserve-summary', 'filledFrom', account, SHOWN_MAX),
      views.ask('transfers', 'owedTo', account, SHOWN_MAX),
      views.rows('legitimizations', { key: account, limit: 1000 }),
    ]);
    const open = Object.values(cases)
      .flat()
      .filter((row) => row.requirement !== undefined && row.approved === null);
    const money = (units: bigint): string => formatAmount({ currency: config.currency, units });
    return [
      ...reserves.map((reservePub) => `the reserve ${reservePub} holds money from it`),
      ...transfers.map(({ requestUid, amount }) => `the transfer ${requestUid} of ${money(amount)} has not arrived`),
      ...open.map(({ requirement }) => `the legitimization case ${String(requirement)} is open`),
    ];
  }
}
