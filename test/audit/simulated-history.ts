/**
 * node simulated-history.js SEED WALLETS STEPS FILE: lives through a simulation of wallets, and writes its events as an
 * export and what its bank did, into FILE and FILE.bank. A program of its own, for time is virtual in its process.
 */
import { writeFileSync } from 'node:fs';
import { exportEventLine, exportHeaderLine } from '@florin/event-store';
import { VirtualProcess } from '../simulation/wallets/virtual-process.js';

const [seed, wallets, steps] = process.argv.slice(2, 5).map(Number) as [number, number, number];
const [file] = process.argv.slice(5) as [string];
const virtual = new VirtualProcess(seed);
virtual.install();
// Nothing that takes time or chance may be loaded before they are virtual.
const { World } = await import('../simulation/wallets/world.js');
const { formatAmount, timestampJson } = await import('@florin/encoding');
const { BASE_URL, CURRENCY } = await import('../simulation/wallets/settings.js');

const world = new World({ seed, wallets, steps }, virtual);
await world.run(); // a run that breaks off fails whoever asked for it: half a history shows less than its test says

const lines = [exportHeaderLine({ origin: 'a simulation', first: 0, exportedAt: 0 })];
let unitFirst = 0;
for (const [index, row] of world.exchange.committed.rows.entries()) {
  const { stream, number, type, version, writtenAtUs, text } = row;
  lines.push(exportEventLine({ index, unitFirst, stream, number, type, version, writtenAtUs, data: JSON.parse(text) }));
  if (row.position === BigInt(index)) unitFirst = index + 1;
}
writeFileSync(file, lines.join(''));

const money = (units: bigint): string => formatAmount({ currency: CURRENCY, units });
const incoming_transactions = world.bank.credits.map(({ row, amount, reservePub, debitAccount, at }) => ({
  type: 'RESERVE',
  row_id: row,
  date: timestampJson(at),
  amount: money(amount),
  debit_account: debitAccount,
  reserve_pub: reservePub,
}));
const outgoing_transactions = world.bank.debits.map(({ row, amount, wtid, creditAccount, at }) => ({
  row_id: row,
  date: timestampJson(at),
  amount: money(amount),
  wtid,
  credit_account: creditAccount,
  exchange_base_url: BASE_URL,
}));
const accounts = { credit_account: 'payto://x-taler-bank/bank.simulation/exchange?receiver-name=Exchange' };
const bank = { ...accounts, debit_account: accounts.credit_account, incoming_transactions, outgoing_transactions };
writeFileSync(`${file}.bank`, JSON.stringify(bank));
process.exit(0);
