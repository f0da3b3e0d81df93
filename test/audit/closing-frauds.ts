/** What somebody inside might do with closings, and with the orders to pay them. */
import { decodeBase32, encodeBase32 } from '@florin/encoding';
import { deriveRequestUid, deriveWtid } from '@florin/wire';
import { oracle } from '../e2e/support/oracle.js';
import { type Fraud, fraud, home } from './frauds.js';
import { CENT, forged, type Insider, noise, plus, type Written } from './insider.js';

export const CLOSING_FRAUDS: readonly Fraud[] = [
  fraud('bad-signature-close', 'a close that nobody asked for', (insider) => {
    home(insider).data.reserveSignature = forged();
  }),
  fraud('close-arithmetic-wrong', 'a cent of a closing becomes dust', (insider) => {
    const closed = home(insider);
    closed.data.dust = plus(closed.data.dust, CENT);
    pay(insider, closed, -CENT);
  }),
  fraud('close-arithmetic-wrong', 'a closing that pays a unit more than was debited', (insider) => {
    pay(insider, home(insider), 1n);
  }),
  fraud('close-fee-wrong', 'a closing fee that is too high', (insider) => {
    const closed = home(insider);
    closed.data.closingFee = plus(closed.data.closingFee, CENT);
    pay(insider, closed, -CENT);
  }),
  fraud('close-target-wrong', 'a closing to the insider’s own account', (insider) => {
    const closed = home(insider);
    const target = { targetHash: noise(32), targetAccount: noise(32) };
    Object.assign(closed.data, target);
    Object.assign(insider.beside(closed, 'TransferRequested').data, target);
  }),
  fraud('close-number-wrong', 'a closing is left out of the count', (insider) => {
    rename(insider, home(insider), 2);
  }),
  fraud('close-id-wrong', 'a payment under a name of its own', (insider) => {
    const closed = home(insider);
    const wtid = noise(32);
    closed.data.wtid = wtid;
    insider.beside(closed, 'TransferRequested').data.wtid = wtid;
  }),
  fraud('close-repeated', 'one signature closes again', (insider) => {
    insider.repeat(insider.the('CloseRequested'));
  }),
  fraud('close-early', 'a reserve is closed before its time', (insider) => {
    const { data } = home(insider);
    data.cause = 'expiration';
    delete data.requestTimestamp;
    delete data.reserveSignature;
  }),
  fraud(['close-request-stale', 'bad-signature-close'], 'a request of an hour ago is served', (insider) => {
    home(insider).data.requestTimestamp -= 3600;
  }),
  fraud('close-refused-wrongly', 'a close is answered with zero though there is money', (insider) => {
    const refused = insider.the('CloseRequested');
    const funded = insider.the('ReserveFunded', ({ stream }) => stream === refused.stream);
    for (const event of insider.unitOf(funded)) event.data.amount = 'KUDOS:3';
    refused.data.balance = 'KUDOS:3';
  }),
  fraud('transfer-missing', 'a closing that nobody is paid for', (insider) => {
    const order = insider.beside(home(insider), 'TransferRequested');
    insider.remove(...insider.events.filter(({ stream }) => stream === order.stream));
  }),
  fraud('transfer-unjustified', 'an order to pay without a closing', (insider) => {
    const order = insider.beside(home(insider), 'TransferRequested');
    const closing = 7;
    const ids = transferNames(order.data.reservePub, closing, 1);
    const data = { ...order.data, ...ids, closing, at: Math.floor(order.writtenAtUs / 1e6) };
    insider.insert([{ stream: `transfer-${ids.requestUid}`, type: 'TransferRequested', data }], order);
  }),
  fraud('transfer-mismatch', 'a payment of one unit more than is owed', (insider) => {
    const order = insider.beside(home(insider), 'TransferRequested');
    order.data.amount = plus(order.data.amount, 1n);
  }),
  fraud('event-malformed', 'a number that no name of a payment can be made of', (insider) => {
    insider.beside(home(insider), 'TransferRequested').data.attempt = 2 ** 40;
  }),
  fraud('wire-account-unknown', 'an account that nobody enabled pays', (insider) => {
    insider.beside(home(insider), 'TransferRequested').data.wireAccount = 'thief';
  }),
  fraud('transfer-state-wrong', 'a transfer that is confirmed twice', (insider) => {
    insider.repeat(insider.the('TransferConfirmed'));
  }),
];

/** Changes what a closing wires, in the order as well. */
function pay(insider: Insider, closed: Written, units: bigint): void {
  closed.data.wireAmount = plus(closed.data.wireAmount, units);
  insider.beside(closed, 'TransferRequested').data.amount = closed.data.wireAmount;
}

function rename(insider: Insider, closed: Written, closing: number): void {
  const order = insider.beside(closed, 'TransferRequested');
  const ids = transferNames(order.data.reservePub, closing, 1);
  const stream = `${insider.instance}.transfer-${ids.requestUid}`;
  for (const event of insider.events.filter((one) => one.stream === order.stream)) event.stream = stream;
  Object.assign(order.data, ids, { closing });
  Object.assign(closed.data, ids, { closing });
}

/** As the exchange names its payments. */
function transferNames(reservePub: string, closing: number, attempt: number): { requestUid: string; wtid: string } {
  const origin = { reservePub: decodeBase32(reservePub, 32), closing, attempt };
  const { sha512 } = oracle.hash;
  return {
    requestUid: encodeBase32(deriveRequestUid(origin, sha512)),
    wtid: encodeBase32(deriveWtid(origin, sha512)),
  };
}
