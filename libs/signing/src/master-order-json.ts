import { encodeDenominationPub, parseDenominationPub } from '@florin/crypto';
import {
  type Amount,
  canonicalJson,
  decodeBase32,
  durationJson,
  EncodingError,
  encodeBase32,
  formatAmount,
  kindOf,
  parseAmount,
  parseDuration,
  parseJson,
  parseTimestamp,
  timestampJson,
} from '@florin/encoding';
import { denominationHashOf, type MasterOrder } from './master-orders.js';

/*
 * Orders as JSON: the members of the management request that they become, without its signatures, and `order` with
 * their kind. Denominations and signing keys are as `GET /management/keys` lists them.
 * Source: protocol/endpoints.md B7
 */

export type OrderJson = Readonly<Record<string, unknown>> & { readonly order: MasterOrder['kind'] };

/** A management request, relative to the base URL of the exchange. */
export interface ManagementRequest {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** An order and the master key's signatures for it, base32 by the names of `orderMessages`. */
export interface SignedOrder {
  readonly order: MasterOrder;
  readonly signatures: Readonly<Record<string, string>>;
}

export function orderJson(order: MasterOrder): OrderJson {
  return { order: order.kind, ...membersOf(order) };
}

function membersOf(order: MasterOrder): Readonly<Record<string, unknown>> {
  switch (order.kind) {
    case 'denomination':
      return {
        value: formatAmount(order.value),
        stamp_start: timestampJson(order.start),
        stamp_expire_withdraw: timestampJson(order.expireWithdraw),
        stamp_expire_deposit: timestampJson(order.expireDeposit),
        stamp_expire_legal: timestampJson(order.expireLegal),
        denom_pub: encodeDenominationPub(order.pub),
        fee_withdraw: formatAmount(order.fees.withdraw),
        fee_deposit: formatAmount(order.fees.deposit),
        fee_refresh: formatAmount(order.fees.refresh),
        fee_refund: formatAmount(order.fees.refund),
      };
    case 'signing-key':
      return {
        key: order.exchangePub,
        stamp_start: timestampJson(order.start),
        stamp_expire: timestampJson(order.expire),
        stamp_end: timestampJson(order.end),
      };
    case 'log-key':
      return { log_pub: order.logPub, validity_start: timestampJson(order.start) };
    case 'denomination-revocation':
      return { h_denom_pub: order.denominationHash };
    case 'signing-key-revocation':
      return { exchange_pub: order.exchangePub };
    case 'wire-account':
      return {
        payto_uri: order.paytoUri,
        validity_start: timestampJson(order.start),
        credit_restrictions: [],
        debit_restrictions: [],
      };
    case 'wire-account-end':
      return { payto_uri: order.paytoUri, validity_end: timestampJson(order.end) };
    case 'wire-fees':
      return {
        wire_method: order.method,
        fee_start: timestampJson(order.start),
        fee_end: timestampJson(order.end),
        wire_fee: formatAmount(order.wireFee),
        closing_fee: formatAmount(order.closingFee),
      };
    case 'global-fees':
      return {
        fee_start: timestampJson(order.start),
        fee_end: timestampJson(order.end),
        history_fee: formatAmount(order.historyFee),
        account_fee: formatAmount(order.accountFee),
        purse_fee: formatAmount(order.purseFee),
        purse_timeout: durationJson(order.purseTimeoutUs),
        history_expiration: durationJson(order.historyExpirationUs),
        purse_account_limit: order.purseAccountLimit,
      };
    case 'extensions':
      return { extensions: JSON.parse(order.manifest) as unknown };
    case 'officer':
      return {
        officer_pub: order.officerPub,
        officer_name: order.name,
        is_active: order.active,
        read_only: order.readOnly,
        change_date: timestampJson(order.changedAt),
      };
  }
}

/** @throws EncodingError naming the member that is malformed */
export function parseOrder(json: unknown): MasterOrder {
  const m = new Members(json);
  const kind = m.text('order') as MasterOrder['kind'];
  switch (kind) {
    case 'denomination':
      return {
        kind,
        pub: m.read('denom_pub', parseDenominationPub),
        value: m.amount('value'),
        fees: {
          withdraw: m.amount('fee_withdraw'),
          deposit: m.amount('fee_deposit'),
          refresh: m.amount('fee_refresh'),
          refund: m.amount('fee_refund'),
        },
        start: m.instant('stamp_start'),
        expireWithdraw: m.instant('stamp_expire_withdraw'),
        expireDeposit: m.instant('stamp_expire_deposit'),
        expireLegal: m.instant('stamp_expire_legal'),
      };
    case 'signing-key':
      return {
        kind,
        exchangePub: m.bytes('key', 32),
        start: m.instant('stamp_start'),
        expire: m.instant('stamp_expire'),
        end: m.instant('stamp_end'),
      };
    case 'log-key':
      return { kind, logPub: m.bytes('log_pub', 32), start: m.instant('validity_start') };
    case 'denomination-revocation':
      return { kind, denominationHash: m.bytes('h_denom_pub', 64) };
    case 'signing-key-revocation':
      return { kind, exchangePub: m.bytes('exchange_pub', 32) };
    case 'wire-account':
      return { kind, paytoUri: m.text('payto_uri'), start: m.instant('validity_start') };
    case 'wire-account-end':
      return { kind, paytoUri: m.text('payto_uri'), end: m.instant('validity_end') };
    case 'wire-fees':
      return {
        kind,
        method: m.text('wire_method'),
        start: m.instant('fee_start'),
        end: m.instant('fee_end'),
        wireFee: m.amount('wire_fee'),
        closingFee: m.amount('closing_fee'),
      };
    case 'global-fees':
      return {
        kind,
        start: m.instant('fee_start'),
        end: m.instant('fee_end'),
        historyFee: m.amount('history_fee'),
        accountFee: m.amount('account_fee'),
        purseFee: m.amount('purse_fee'),
        purseTimeoutUs: m.read('purse_timeout', parseDuration),
        historyExpirationUs: m.read('history_expiration', parseDuration),
        purseAccountLimit: m.count('purse_account_limit'),
      };
    case 'extensions':
      return { kind, manifest: m.read('extensions', (value) => canonicalJson(parseJson(JSON.stringify(value)))) };
    case 'officer':
      return {
        kind,
        officerPub: m.bytes('officer_pub', 32),
        name: m.text('officer_name'),
        active: m.flag('is_active'),
        readOnly: m.flag('read_only'),
        changedAt: m.instant('change_date'),
      };
    default:
      throw new EncodingError('an order that is known', `"${String(kind).slice(0, 40)}"`);
  }
}

/** The requests that carry signed orders to the exchange, in their order; keys travel together. */
export function managementRequests(signed: readonly SignedOrder[]): ManagementRequest[] {
  const requests: ManagementRequest[] = [];
  const keys = { denom_sigs: [] as object[], signkey_sigs: [] as object[] };
  for (const { order, signatures } of signed) {
    switch (order.kind) {
      case 'denomination':
        keys.denom_sigs.push({ h_denom_pub: denominationHashOf(order.pub), ...signatures });
        break;
      case 'signing-key':
        keys.signkey_sigs.push({ exchange_pub: order.exchangePub, ...signatures });
        break;
      default:
        requests.push({ path: pathOf(order), body: { ...membersOf(order), ...signatures } });
    }
  }
  if (keys.denom_sigs.length + keys.signkey_sigs.length > 0) requests.push({ path: 'management/keys', body: keys });
  return requests;
}

function pathOf(order: Exclude<MasterOrder, { readonly kind: 'denomination' | 'signing-key' }>): string {
  switch (order.kind) {
    case 'denomination-revocation':
      return `management/denominations/${order.denominationHash}/revoke`;
    case 'signing-key-revocation':
      return `management/signkeys/${order.exchangePub}/revoke`;
    case 'log-key':
      return 'management/log-key';
    case 'wire-account':
      return 'management/wire';
    case 'wire-account-end':
      return 'management/wire/disable';
    case 'wire-fees':
      return 'management/wire-fee';
    case 'global-fees':
      return 'management/global-fee';
    case 'extensions':
      return 'management/extensions';
    case 'officer':
      return 'management/aml-officers';
  }
}

/** The members of an object of unknown origin. */
class Members {
  private readonly members: Readonly<Record<string, unknown>>;

  constructor(json: unknown) {
    if (typeof json !== 'object' || json === null || Array.isArray(json)) {
      throw new EncodingError('an object', kindOf(json));
    }
    this.members = json as Readonly<Record<string, unknown>>;
  }

  read<Value>(name: string, parse: (json: unknown) => Value): Value {
    try {
      return parse(this.members[name]);
    } catch (error) {
      if (!(error instanceof EncodingError)) throw error;
      throw new EncodingError(`${name}: ${error.expected}`, error.got);
    }
  }

  text(name: string): string {
    const value = this.members[name];
    if (typeof value !== 'string') throw new EncodingError(`${name}: a text`, kindOf(value));
    return value;
  }

  flag(name: string): boolean {
    const value = this.members[name];
    if (typeof value !== 'boolean') throw new EncodingError(`${name}: true or false`, kindOf(value));
    return value;
  }

  count(name: string): number {
    const value = this.members[name];
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw new EncodingError(`${name}: a whole number`, kindOf(value));
  }

  bytes(name: string, sizeBytes: number): string {
    const text = this.text(name);
    return this.read(name, () => encodeBase32(decodeBase32(text, sizeBytes)));
  }

  amount(name: string): Amount {
    const text = this.text(name);
    return this.read(name, () => parseAmount(text));
  }

  instant(name: string): number {
    return this.read(name, parseTimestamp);
  }
}
