/** What an order says, in words: whoever signs reads it first. */
import { formatAmount } from '@florin/encoding';
import { denominationHashOf, type MasterOrder } from '@florin/signing';
import { dateText } from '../cli.js';

export function orderInWords(order: MasterOrder): string {
  switch (order.kind) {
    case 'denomination': {
      const { pub, value, fees, start, expireWithdraw, expireDeposit, expireLegal } = order;
      const four = [fees.withdraw, fees.deposit, fees.refresh, fees.refund].map(formatAmount).join(', ');
      const ages = pub.ageMask === 0 ? '' : `, with age mask ${pub.ageMask}`;
      return (
        `offer a denomination of ${formatAmount(value)} (${pub.cipher}${ages}) ` +
        `${denominationHashOf(pub).slice(0, 12)}…: ` +
        `withdrawn from ${dateText(start)} until ${dateText(expireWithdraw)}, spent until ` +
        `${dateText(expireDeposit)}, ` +
        `in court until ${dateText(expireLegal)}; fees to withdraw, deposit, refresh, refund: ${four}`
      );
    }
    case 'signing-key':
      return (
        `let the key ${order.exchangePub} sign replies from ${dateText(order.start)} until ` +
        `${dateText(order.expire)}`
      );
    case 'log-key':
      return `let the key ${order.logPub} sign the heads of the ledger from ${dateText(order.start)} on`;
    case 'denomination-revocation':
      return `REVOKE the denomination ${order.denominationHash}: its coins buy nothing any more and are recouped`;
    case 'signing-key-revocation':
      return `REVOKE the signing key ${order.exchangePub}`;
    case 'wire-account':
      return `enable the bank account ${order.paytoUri} from ${dateText(order.start)} on`;
    case 'wire-account-end':
      return `disable the bank account ${order.paytoUri} from ${dateText(order.end)} on`;
    case 'wire-fees':
      return (
        `fees of ${order.method} from ${dateText(order.start)} until ${dateText(order.end)}: ` +
        `${formatAmount(order.wireFee)} a transfer, ${formatAmount(order.closingFee)} a closing`
      );
    case 'global-fees':
      return (
        `global fees from ${dateText(order.start)} until ${dateText(order.end)}: history ` +
        `${formatAmount(order.historyFee)}, account ${formatAmount(order.accountFee)} a year, purse ` +
        `${formatAmount(order.purseFee)}; purses last ${seconds(order.purseTimeoutUs)}, histories ` +
        `${seconds(order.historyExpirationUs)}, ${order.purseAccountLimit} purses an account are free`
      );
    case 'extensions':
      return `publish the extensions ${order.manifest}`;
    case 'officer':
      return (
        `${order.active ? 'let' : 'do not let'} the officer ${order.name} (${order.officerPub}) decide ` +
        `legitimizations ` +
        `from ${dateText(order.changedAt)} on${order.readOnly ? ', to read only' : ''}`
      );
  }
}

const seconds = (microseconds: number): string => `${microseconds / 1e6} s`;
