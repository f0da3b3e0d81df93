/** What an event says, in words. */
import { type AnyEvent, type Category, EventCodec, EventFormatError } from '@florin/domain';
import { formatAmount } from '@florin/encoding';
import { categoryOf, type ExportedEvent } from '@florin/event-store';
import { dateText } from '../cli.js';

/** Keys and hashes are told apart by their beginning. */
export const short = (key: string): string => (key.length > 14 ? `${key.slice(0, 12)}…` : key);

/** Reads events of one currency, and puts them into words. */
export class Narrator {
  private readonly codec: EventCodec;

  constructor(private readonly currency: string) {
    this.codec = new EventCodec(currency);
  }

  amount = (units: bigint): string => formatAmount({ currency: this.currency, units });

  /** @throws EventFormatError if this Florin does not know the event */
  decode(event: ExportedEvent): AnyEvent {
    return this.codec.decode(categoryOf(event.stream) as Category, event);
  }

  /** An event that a newer Florin wrote is named by its type. */
  tell(event: ExportedEvent): string {
    try {
      return this.words(this.decode(event));
    } catch (error) {
      if (error instanceof EventFormatError) return `${event.type} (unknown to this version)`;
      throw error;
    }
  }

  private words(event: AnyEvent): string {
    const m = this.amount;
    const coins = (list: readonly unknown[]): string => (list.length === 1 ? '1 coin' : `${list.length} coins`);
    switch (event.type) {
      case 'ReserveFunded':
        return `${m(event.amount)} came from the bank (${event.wireAccount}, row ${event.bankRow})`;
      case 'CoinsWithdrawn':
        return `${coins(event.coins)} withdrawn for ${m(event.cost)}, fees included`;
      case 'CloseRequested':
        return (
          `the owner asked to close it; the balance of ${m(event.balance)} does not exceed the fee ` +
          `of ${m(event.closingFee)}`
        );
      case 'ReserveClosed':
        return (
          `closed (${event.cause}): ${m(event.debited)} left, ${m(event.wireAmount)} to be wired, fee ` +
          `${m(event.closingFee)}, rounding ${m(event.dust)}`
        );
      case 'CoinsRecouped':
        return `${coins(event.coins)} of a revoked denomination gave back ${m(event.amount)}`;
      case 'PurseRequested':
        return `asked for the purse ${short(event.pursePub)} of ${m(event.target)}, for a fee of ${m(event.purseFee)}`;
      case 'RequestedPurseDeleted':
        return `the purse ${short(event.pursePub)} that it had asked for was deleted`;
      case 'PurseMergedIntoReserve':
        return `received ${m(event.target)} from the purse ${short(event.pursePub)}`;
      case 'PurseCreated':
        return `created to hold ${m(event.target)} until ${dateText(event.expiresAt)}, with ${coins(event.deposits)}`;
      case 'PurseDeposited':
        return `${coins(event.deposits)} paid ${m(sumOf(event.deposits))}, fees included`;
      case 'PurseContractAdded':
        return 'its encrypted contract was added';
      case 'PurseMerged':
        return (
          `merged into the reserve ${short(event.reservePub)}: ${m(event.credited)} credited, ` +
          `${m(event.depositFees)} ` +
          `deposit fees, ${m(event.excess)} too much`
        );
      case 'PurseExpired':
        return 'expired; its coins get everything back';
      case 'PurseDeleted':
        return 'deleted by its owner; its coins get everything back';
      case 'PurseCoinsRefunded':
        return `${coins(event.coins)} got back ${m(sumOf(event.coins))}`;
      case 'CoinSpentIntoPurse':
        return (
          `${first(event.firstSight && m(event.firstSight.value))}paid ${m(event.amount)} (fee ` +
          `${m(event.depositFee)}) into the purse ${short(event.pursePub)}`
        );
      case 'CoinRefundedFromPurse':
        return `got back ${m(event.amount)} from the purse ${short(event.pursePub)}`;
      case 'CoinRecouped':
        return (
          `${first(event.firstSight && m(event.firstSight.value))}gave ${m(event.amount)} back to ` +
          `the reserve ${short(event.reservePub)}`
        );
      case 'CreditBooked':
        return event.kind === 'unusable'
          ? `row ${event.row} of the bank is no credit of a reserve: ${event.reason ?? ''}`
          : `row ${event.row} of the bank: ${event.amount === undefined ? '' : m(event.amount)} for ` +
              `${short(event.subjectPub ?? '')}`;
      case 'TransferRequested':
        return (
          `${m(event.amount)} ordered from ${event.wireAccount}, for closing ${event.closing} of the ` +
          `reserve ${short(event.reservePub)}, try ${event.attempt}`
        );
      case 'TransferConfirmed':
        return `the bank confirms it in row ${event.bankRow}`;
      case 'TransferRejected':
        return `the bank refuses it for good: ${event.reason}`;
      case 'TransferFailed':
        return (
          `given up by ${short(event.decidedBy)} and ordered again as ` +
          `${short(event.nextRequestUid)}: ${event.reason}`
        );
      case 'TransferRedirected':
        return `redirected by ${short(event.decidedBy)} as ${short(event.nextRequestUid)}: ${event.reason}`;
      case 'LegitimizationRequired':
        return `case ${event.requirement}: ${event.rule} of ${m(event.amount)} needs to know the owner`;
      case 'LegitimizationDecided':
        return (
          `case ${event.requirement} ${event.approved ? 'approved' : 'refused'} by ` +
          `${short(event.officerPub)}: ${event.justification}`
        );
      case 'WithdrawalCounted':
        return `${m(event.amount)} withdrawn from the reserve ${short(event.reservePub)} count`;
      case 'ReceiptCounted':
        return `${m(event.amount)} received from the purse ${short(event.pursePub)} count`;
      case 'AccountOwnerBound':
        return `its owner signs with ${short(event.accountPub)}`;
      case 'NonceUsed':
        return `used by the reserve ${short(event.reservePub)}`;
      case 'ExchangeConfigured':
        return `the exchange is ${event.baseUrl}, in ${event.currency}, under the master key ${short(event.masterPub)}`;
      case 'LogKeyOffered':
        return `heads of the ledger are signed by ${short(event.logPub)}`;
      case 'SigningKeyOffered':
        return (
          `${short(event.exchangePub)} signs replies from ${dateText(event.start)} until ` + `${dateText(event.expire)}`
        );
      case 'SigningKeyRevoked':
        return `the signing key ${short(event.exchangePub)} is revoked`;
      case 'DenominationOffered':
        return (
          `${m(event.value)} (${event.key.cipher}${event.ageMask === 0 ? '' : ', with age groups'}) ` +
          `${short(event.denominationHash)} offered from ${dateText(event.start)}: withdrawn until ` +
          `${dateText(event.expireWithdraw)}, spent until ${dateText(event.expireDeposit)}`
        );
      case 'DenominationRevoked':
        return `the denomination ${short(event.denominationHash)} is revoked`;
      case 'WireAccountEnabled':
        return `the account ${event.account} is published: ${event.paytoUri}`;
      case 'WireAccountDisabled':
        return `the account ${event.paytoUri} is published no longer`;
      case 'WireFeesSet':
        return (
          `fees of ${event.method}: ${m(event.wireFee)} a transfer, ${m(event.closingFee)} a ` +
          `closing, until ${dateText(event.end)}`
        );
      case 'GlobalFeesSet':
        return (
          `global fees until ${dateText(event.end)}: account ${m(event.accountFee)}, purse ` +
          `${m(event.purseFee)}, history ${m(event.historyFee)}`
        );
      case 'ExtensionsSet':
        return `extensions: ${event.manifest}`;
      case 'OfficerEnrolled':
        return (
          `the officer ${event.name} (${short(event.officerPub)}) ` +
          `${event.active ? 'may decide' : 'may decide no longer'}`
        );
      default:
        return (event as AnyEvent).type;
    }
  }
}

const sumOf = (coins: readonly { readonly amount: bigint }[]): bigint =>
  coins.reduce((sum, { amount }) => sum + amount, 0n);

const first = (value: string | undefined): string => (value === undefined ? '' : `first seen, worth ${value}: `);
