/** What the bank may show that the ledger does not say, and the other way round. */
import type { FindingCode } from '@florin/auditor';
import { newAccount } from '../e2e/support/reserves.js';
import { CURRENCY, type Data, noise, plus, textOf, unitsOf } from './insider.js';

/** The history of an account as a gateway shows it. */
export interface BankFile {
  readonly incoming_transactions: Data[];
  readonly outgoing_transactions: Data[];
}

export interface BankFraud {
  readonly codes: readonly [FindingCode, ...FindingCode[]];
  readonly what: string;
  readonly plant: (bank: BankFile) => void;
}

const fraud = (codes: BankFraud['codes'], what: string, plant: BankFraud['plant']): BankFraud => ({
  codes,
  what,
  plant,
});
const largest = ({ incoming_transactions: rows }: BankFile): Data =>
  rows.find(({ amount }) => amount === `${CURRENCY}:60`);
const LONG_AGO = { t_s: 1_700_000_000 };

export const BANK_FRAUDS: readonly BankFraud[] = [
  fraud(['bank-credit-unknown', 'bank-balance-short'], 'a credit that the bank never had', (bank) => {
    bank.incoming_transactions.splice(bank.incoming_transactions.indexOf(largest(bank)), 1);
  }),
  fraud(['bank-credit-unbooked'], 'a credit that was not booked', (bank) => {
    const row_id = Math.max(...bank.incoming_transactions.map((row) => row.row_id as number)) + 1;
    bank.incoming_transactions.push({ ...largest(bank), row_id, reserve_pub: noise(32), date: LONG_AGO });
  }),
  fraud(['bank-credit-amount-wrong'], 'a credit of a unit more', (bank) => {
    largest(bank).amount = plus(largest(bank).amount, 1n);
  }),
  fraud(['bank-credit-misattributed'], 'a credit for another reserve', (bank) => {
    largest(bank).reserve_pub = noise(32);
  }),
  fraud(['bank-credit-misattributed'], 'a proof of ownership that was booked for a reserve', (bank) => {
    const { reserve_pub, ...row } = largest(bank);
    const place = bank.incoming_transactions.indexOf(largest(bank));
    bank.incoming_transactions[place] = { ...row, type: 'KYCAUTH', account_pub: reserve_pub };
  }),
  fraud(['bank-credit-origin-wrong'], 'a credit of another sender', (bank) => {
    largest(bank).debit_account = newAccount();
  }),
  fraud(['bank-credit-date-wrong'], 'a credit of another time', (bank) => {
    largest(bank).date = LONG_AGO;
  }),
  fraud(['bank-debit-unjustified'], 'a payment that nobody ordered', (bank) => {
    const [row] = bank.outgoing_transactions;
    const row_id = Math.max(...bank.outgoing_transactions.map((one) => one.row_id as number)) + 1;
    bank.outgoing_transactions.push({ ...row, row_id, amount: textOf(1n), wtid: noise(32) });
  }),
  fraud(['bank-debit-repeated', 'bank-balance-short'], 'a payment that was made twice', (bank) => {
    const [row] = bank.outgoing_transactions;
    const row_id = Math.max(...bank.outgoing_transactions.map((one) => one.row_id as number)) + 1;
    bank.outgoing_transactions.push({ ...row, row_id });
  }),
  fraud(['bank-debit-amount-wrong'], 'a payment of a unit more', (bank) => {
    const [row] = bank.outgoing_transactions;
    row.amount = plus(row.amount, 1n);
  }),
  fraud(['bank-debit-target-wrong'], 'a payment to somebody else', (bank) => {
    (bank.outgoing_transactions[0] as Data).credit_account = newAccount();
  }),
  fraud(['bank-debit-subject-wrong'], 'a payment in the name of another exchange', (bank) => {
    (bank.outgoing_transactions[0] as Data).exchange_base_url = 'https://other.example/';
  }),
  fraud(['bank-debit-missing'], 'a confirmed payment that never left', (bank) => {
    bank.outgoing_transactions.shift();
  }),
  fraud(['bank-balance-short', 'bank-credit-amount-wrong'], 'an account that was emptied', (bank) => {
    largest(bank).amount = textOf(unitsOf('KUDOS:1'));
  }),
];
