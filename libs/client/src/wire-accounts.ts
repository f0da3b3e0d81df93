import { type Amount, EncodingError, message, parsePayto } from '@florin/encoding';
import { ExchangeMisbehaved } from './errors.js';
import type { KeysScope } from './keys.js';
import { amountIn, duration, instant, list, type Parser, type ReplyObject, signature, text, u32 } from './reply.js';

/*
 * Where money goes in and what it costs: the exchange's bank accounts, the fees of wire transfers, and the fees that
 * belong to no coin. All are signed by the master key.
 * Source: protocol/endpoints.md B1
 */

/** An account of the exchange that reserves are funded by transfer to. */
export interface WireAccount {
  /** Full URI. */
  readonly paytoUri: string;
  /** The payto method, such as `iban`. */
  readonly method: string;
  /** Where another currency is changed into the exchange's. */
  readonly conversionUrl: string | undefined;
  /** Restrictions on who may pay in, and who may be paid; as they came. */
  readonly creditRestrictions: readonly unknown[];
  readonly debitRestrictions: readonly unknown[];
}

/** Fees of one payto method from `start` on, until `end`. Seconds since 1970. */
export interface WireFee {
  readonly wireFee: Amount;
  /** Taken from a reserve that is closed. */
  readonly closingFee: Amount;
  readonly start: number;
  readonly end: number;
}

/** Fees of accounts and purses from `start` on, until `end`. Seconds since 1970, durations in microseconds. */
export interface GlobalFee {
  readonly historyFee: Amount;
  /** For one year of an opened account. */
  readonly accountFee: Amount;
  readonly purseFee: Amount;
  readonly historyExpirationUs: number;
  readonly purseTimeoutUs: number;
  /** Purses that an account may have open without a fee. */
  readonly purseAccountLimit: number;
  readonly start: number;
  readonly end: number;
}

/** Accounts as `/keys` has them, with restrictions. None in replies of 2023. @throws ExchangeMisbehaved */
export function readWireAccounts(keys: ReplyObject, { checker, masterPub }: KeysScope): WireAccount[] {
  const { hash } = checker.taler;
  return keys.optionalObjects('accounts').map((entry) => {
    const account = readAccount(entry);
    const debit = entry.read('debit_restrictions', list);
    const credit = entry.read('credit_restrictions', list);
    checker.require(`${entry.place}.master_sig`, {
      message: message('MasterWireDetails', {
        hWireDetails: hash.fullPayto(account.paytoUri),
        hConversionUrl: account.conversionUrl === undefined ? undefined : hash.text(account.conversionUrl),
        hDebitRestrictions: hash.json(debit),
        hCreditRestrictions: hash.json(credit),
      }),
      signature: entry.read('master_sig', signature),
      pub: masterPub,
    });
    return { ...account, creditRestrictions: credit, debitRestrictions: debit };
  });
}

/** Accounts as `/wire` had them until 2023: the signature covers the URI alone. @throws ExchangeMisbehaved */
export function readWireAccounts2023(wire: ReplyObject, { checker, masterPub }: KeysScope): WireAccount[] {
  return wire.objects('accounts').map((entry) => {
    const account = readAccount(entry);
    checker.require(`${entry.place}.master_sig`, {
      message: message('MasterWireDetails2023', { hWireDetails: checker.taler.hash.fullPayto(account.paytoUri) }),
      signature: entry.read('master_sig', signature),
      pub: masterPub,
    });
    return { ...account, creditRestrictions: [], debitRestrictions: [] };
  });
}

/** By payto method. @param member `wire_fees` in `/keys`, `fees` in `/wire`. @throws ExchangeMisbehaved */
export function readWireFees(reply: ReplyObject, member: string, scope: KeysScope): Map<string, readonly WireFee[]> {
  if (!reply.has(member)) return new Map();
  const methods = reply.object(member);
  const { checker, masterPub, currency } = scope;
  const amount = amountIn(currency);
  return new Map(
    Object.keys(methods.json).map((method) => {
      const fees = methods.objects(method).map((entry) => {
        const fee = {
          wireFee: entry.read('wire_fee', amount),
          closingFee: entry.read('closing_fee', amount),
          start: entry.read('start_date', instant),
          end: entry.read('end_date', instant),
        };
        checker.require(`${entry.place}.sig`, {
          message: message('MasterWireFee', {
            hWireMethod: checker.taler.hash.text(method),
            startDate: fee.start,
            endDate: fee.end,
            fees: { wire: fee.wireFee, closing: fee.closingFee },
          }),
          signature: entry.read('sig', signature),
          pub: masterPub,
        });
        return fee;
      });
      checkPeriods(`${methods.place}.${method}`, fees);
      return [method, fees] as const;
    }),
  );
}

/** @throws ExchangeMisbehaved */
export function readGlobalFees(keys: ReplyObject, { checker, masterPub, currency }: KeysScope): GlobalFee[] {
  const amount = amountIn(currency);
  const fees = keys.objects('global_fees').map((entry) => {
    const fee = {
      historyFee: entry.read('history_fee', amount),
      accountFee: entry.read('account_fee', amount),
      purseFee: entry.read('purse_fee', amount),
      historyExpirationUs: entry.read('history_expiration', duration),
      purseTimeoutUs: entry.read('purse_timeout', duration),
      purseAccountLimit: entry.read('purse_account_limit', u32),
      start: entry.read('start_date', instant),
      end: entry.read('end_date', instant),
    };
    checker.require(`${entry.place}.master_sig`, {
      message: message('MasterGlobalFee', {
        startDate: fee.start,
        endDate: fee.end,
        purseTimeout: fee.purseTimeoutUs,
        historyExpiration: fee.historyExpirationUs,
        fees: { history: fee.historyFee, account: fee.accountFee, purse: fee.purseFee },
        purseAccountLimit: fee.purseAccountLimit,
      }),
      signature: entry.read('master_sig', signature),
      pub: masterPub,
    });
    return fee;
  });
  checkPeriods(`${keys.place}.global_fees`, fees);
  return fees;
}

/** The entry that holds at `at`, in seconds. */
export function feeAt<Fee extends { readonly start: number; readonly end: number }>(
  fees: readonly Fee[],
  at: number,
): Fee | undefined {
  return fees.find(({ start, end }) => start <= at && at < end);
}

function readAccount(entry: ReplyObject) {
  const paytoUri = entry.read('payto_uri', payto);
  const conversionUrl = entry.optional('conversion_url', text);
  return { paytoUri, method: parsePayto(paytoUri).method, conversionUrl };
}

const payto: Parser<string> = (json) => {
  if (typeof json !== 'string') throw new EncodingError('a payto URI', 'no text');
  parsePayto(json);
  return json;
};

/** Two fees for one moment would let the exchange choose. */
function checkPeriods(place: string, fees: readonly { readonly start: number; readonly end: number }[]): void {
  const ordered = [...fees].sort((a, b) => a.start - b.start);
  ordered.forEach(({ start, end }, index) => {
    const next = ordered[index + 1];
    if (start < end && (next === undefined || end <= next.start)) return;
    throw new ExchangeMisbehaved('contradiction', place, 'periods are empty or overlap');
  });
}
