/** `list` of denominations, signing keys, bank accounts, fees and officers: what the master key has signed so far. */
import { formatAgeGroups } from '@florin/crypto';
import { EventCodec, type KeyBook, keyBook, Streams } from '@florin/domain';
import { formatAmount } from '@florin/encoding';
import type { Command } from 'commander';
import { type Cli, dateText } from '../cli.js';
import { type LedgerSource, withLedger } from '../ledger/source.js';
import type { Shown } from '../output.js';
import { AdminError } from '../running.js';

type Lister = (book: KeyBook, about: { readonly now: number; money(units: bigint): string }) => Shown[];

/** Adds `list` to a group; it reads the ledger, so it works whether the exchange runs or not. */
export function listCommand(cli: Cli, group: Command, lister: Lister): void {
  group
    .command('list')
    .description('what the master key has signed so far, oldest first, with what holds now')
    .action(() =>
      withLedger(cli.data, async (ledger) => {
        const { book, currency } = await bookOf(ledger);
        const money = (units: bigint): string => formatAmount({ currency, units });
        const now = Math.floor(Date.now() / 1000);
        cli.output.table(lister(book, { now, money }), 'there are none');
      }),
    );
}

async function bookOf(ledger: LedgerSource): Promise<{ book: KeyBook; currency: string }> {
  const instance = (await ledger.head()).origin.split('/')[1] ?? '';
  let keys: ReturnType<Streams['keys']> | undefined;
  let book = keyBook.initial();
  for await (const event of ledger.stream(`${instance}.keys`)) {
    if (typeof event.data.currency === 'string')
      keys ??= new Streams(instance, new EventCodec(event.data.currency)).keys();
    if (keys) book = keys.evolve(book, keys.decode(event));
  }
  if (!book.terms) throw new AdminError('the ledger is empty');
  return { book, currency: book.terms.currency };
}

const timely = (now: number, { start, end }: { start: number; end: number }, holds: string): string =>
  now < start ? 'not yet' : now < end ? holds : 'over';

export const denominations: Lister = ({ denominations: offers, revoked }, { now, money }) =>
  [...offers.values()].map((one) => {
    const withdrawn = timely(now, { start: one.start, end: one.expireWithdraw }, 'withdrawn');
    const state = withdrawn === 'over' && now < one.expireDeposit ? 'spent only' : withdrawn;
    return {
      value: money(one.value),
      cipher: one.key.cipher,
      age_groups: one.ageMask === 0 ? null : formatAgeGroups(one.ageMask),
      state: revoked.has(one.denominationHash) ? 'revoked' : state,
      h_denom_pub: one.denominationHash,
      withdrawn_from: dateText(one.start),
      withdrawn_until: dateText(one.expireWithdraw),
      spent_until: dateText(one.expireDeposit),
      fee_withdraw: money(one.feeWithdraw),
      fee_deposit: money(one.feeDeposit),
      fee_refresh: money(one.feeRefresh),
      fee_refund: money(one.feeRefund),
    };
  });

export const signingKeys: Lister = ({ signingKeys: offers, revokedSigningKeys }, { now }) =>
  [...offers.values()].map(({ exchangePub, start, expire, end }) => ({
    exchange_pub: exchangePub,
    state: revokedSigningKeys.has(exchangePub) ? 'revoked' : timely(now, { start, end: expire }, 'signs'),
    from: dateText(start),
    until: dateText(expire),
    legal_until: dateText(end),
  }));

export const wireAccounts: Lister = ({ accounts, accountChanges }) =>
  [...accountChanges].map(([uri, { enabled, at }]) => ({
    account: accounts.get(uri)?.account ?? null,
    state: enabled ? 'enabled' : 'disabled',
    since: dateText(at),
    payto_uri: uri,
  }));

export const fees: Lister = ({ wireFees, globalFees }, { now, money }) => [
  ...wireFees.map((one) => ({
    fees: `wire ${one.method}`,
    state: timely(now, one, 'holds'),
    from: dateText(one.start),
    until: dateText(one.end),
    wire_fee: money(one.wireFee),
    closing_fee: money(one.closingFee),
    history_fee: null,
    account_fee: null,
    purse_fee: null,
    purse_timeout: null,
    history_expiration: null,
    purse_account_limit: null,
  })),
  ...globalFees.map((one) => ({
    fees: 'global',
    state: timely(now, one, 'holds'),
    from: dateText(one.start),
    until: dateText(one.end),
    wire_fee: null,
    closing_fee: null,
    history_fee: money(one.historyFee),
    account_fee: money(one.accountFee),
    purse_fee: money(one.purseFee),
    purse_timeout: `${one.purseTimeoutUs / 1e6} s`,
    history_expiration: `${one.historyExpirationUs / 1e6} s`,
    purse_account_limit: one.purseAccountLimit,
  })),
];

export const officers: Lister = ({ officers: enrolled }) =>
  [...enrolled.values()].map(({ officerPub, name, active, readOnly, changedAt }) => ({
    officer_pub: officerPub,
    name,
    state: !active ? 'dismissed' : readOnly ? 'reads' : 'decides',
    since: dateText(changedAt),
  }));
