/**
 * What `/keys` publishes, for clients old and new in one reply: denominations in groups and flat, wire accounts, fees,
 * signing keys; each entry signed by the master key, the whole by an online key (endpoints.md B1).
 */
import type { KeyBook, OfferedDenomination } from '@florin/domain';
import {
  concat,
  decodeBase32,
  durationJson,
  encodeBase32,
  formatAmount,
  message,
  timestampJson,
} from '@florin/encoding';

export const PROTOCOL_VERSION = '24:0:12';

type Sha512 = (...parts: Uint8Array[]) => Uint8Array;

/** What the document needs besides the book. */
export interface KeysContext {
  readonly currency: string;
  readonly baseUrl: string;
  /** Seconds. */
  readonly now: number;
  /** The online key that signs, and since when it may. */
  readonly signingKey: { readonly exchangePub: string; readonly start: number };
  readonly sha512: Sha512;
}

export interface UnsignedKeys {
  /** Everything but the three signatures. */
  readonly body: Record<string, unknown>;
  /** Messages to sign with the online key, for `exchange_sig`, `eddsa_sig` and `denominations_sig`. */
  readonly messages: readonly [Uint8Array, Uint8Array, Uint8Array];
}

/**
 * The document at `now`. Its issue date is the last moment at which it changed, so that every node and every restart
 * publishes the same bytes.
 */
export function keysDocument(book: KeyBook, context: KeysContext): UnsignedKeys {
  const { currency, baseUrl, now, signingKey, sha512 } = context;
  const amount = (units: bigint): string => formatAmount({ currency, units });
  const all = [...book.denominations.values()].filter(({ denominationHash }) => !book.revoked.has(denominationHash));
  const offered = all.filter(({ expireDeposit }) => expireDeposit > now).sort(newestFirst);
  const expirations = all.map(({ expireDeposit }) => expireDeposit).filter((at) => at <= now);
  const issueDate = Math.max(book.changedAt, signingKey.start, ...expirations);
  const groups = grouped(offered);

  const body = {
    version: PROTOCOL_VERSION,
    base_url: baseUrl,
    currency,
    currency_specification: currencySpecification(currency),
    stefan_abs: amount(0n),
    stefan_log: amount(0n),
    stefan_lin: 0,
    asset_type: 'fiat',
    rewards_allowed: false,
    master_public_key: book.terms?.masterPub,
    reserve_closing_delay: durationJson((book.terms?.reserveClosingDelayS ?? 0) * 1e6),
    hard_limits: [],
    zero_limits: [],
    wads: [],
    signkeys: signingKeys(book, now),
    recoup: recoupList(book),
    accounts: wireAccounts(book, 'new'),
    wire_fees: wireFees(book, amount, now),
    denoms: offered.map((denomination) => flatDenomination(denomination, amount)),
    denominations: groups.map((group) => groupJson(group, amount)),
    auditors: [],
    global_fees: globalFees(book, amount, now),
    list_issue_date: timestampJson(issueDate),
    exchange_pub: signingKey.exchangePub,
    eddsa_pub: signingKey.exchangePub,
    ...(book.extensions && {
      extensions: JSON.parse(book.extensions.manifest) as unknown,
      extensions_sig: book.extensions.masterSignature,
    }),
  };
  const hashes = offered.map(({ denominationHash }) => decodeBase32(denominationHash, 64));
  const masterSignatures = groups.flat().map(({ masterSignature }) => decodeBase32(masterSignature, 64));
  const keySet = (hc: Uint8Array) => message('ExchangeKeySet', { listIssueDate: issueDate, hc });
  return {
    body,
    messages: [keySet(sha512(concat(...masterSignatures))), keySet(sha512(concat(...hashes))), keySet(xor(hashes))],
  };
}

const newestFirst = (a: OfferedDenomination, b: OfferedDenomination): number =>
  b.start - a.start || (a.denominationHash < b.denominationHash ? -1 : 1);

/** Denominations that differ only in key and stamps, in the order in which their newest key appears. */
function grouped(denominations: readonly OfferedDenomination[]): OfferedDenomination[][] {
  const groups = new Map<string, OfferedDenomination[]>();
  for (const denomination of denominations) {
    const { key, value, feeWithdraw, feeDeposit, feeRefresh, feeRefund, ageMask } = denomination;
    const name = [key.cipher, value, feeWithdraw, feeDeposit, feeRefresh, feeRefund, ageMask].join(' ');
    const group = groups.get(name);
    if (group) group.push(denomination);
    else groups.set(name, [denomination]);
  }
  return [...groups.values()];
}

function groupJson(group: readonly OfferedDenomination[], amount: (units: bigint) => string): object {
  const [first] = group as [OfferedDenomination];
  return {
    cipher: first.ageMask === 0 ? first.key.cipher : `${first.key.cipher}+age_restricted`,
    ...feesJson(first, amount),
    ...(first.ageMask === 0 ? {} : { age_mask: first.ageMask }),
    denoms: group.map(({ key, masterSignature, ...stamps }) => ({
      master_sig: masterSignature,
      ...stampsJson(stamps),
      ...(key.cipher === 'RSA' ? { rsa_pub: key.rsaPub } : { cs_pub: key.csPub }),
    })),
    hash: encodeBase32(xor(group.map(({ denominationHash }) => decodeBase32(denominationHash, 64)))),
  };
}

function flatDenomination(denomination: OfferedDenomination, amount: (units: bigint) => string): object {
  const { key, ageMask, masterSignature } = denomination;
  const pub =
    key.cipher === 'RSA'
      ? { cipher: 'RSA', age_mask: ageMask, rsa_public_key: key.rsaPub, rsa_pub: key.rsaPub }
      : { cipher: 'CS', age_mask: ageMask, cs_public_key: key.csPub, cs_pub: key.csPub };
  return {
    master_sig: masterSignature,
    ...stampsJson(denomination),
    denom_pub: pub,
    ...feesJson(denomination, amount),
  };
}

const feesJson = (denomination: OfferedDenomination, amount: (units: bigint) => string) => ({
  value: amount(denomination.value),
  fee_withdraw: amount(denomination.feeWithdraw),
  fee_deposit: amount(denomination.feeDeposit),
  fee_refresh: amount(denomination.feeRefresh),
  fee_refund: amount(denomination.feeRefund),
});

type Stamps = Pick<OfferedDenomination, 'start' | 'expireWithdraw' | 'expireDeposit' | 'expireLegal'>;

const stampsJson = ({ start, expireWithdraw, expireDeposit, expireLegal }: Stamps) => ({
  stamp_start: timestampJson(start),
  stamp_expire_withdraw: timestampJson(expireWithdraw),
  stamp_expire_deposit: timestampJson(expireDeposit),
  stamp_expire_legal: timestampJson(expireLegal),
});

function signingKeys(book: KeyBook, now: number): object[] {
  return [...book.signingKeys.values()]
    .filter(({ exchangePub, expire }) => expire > now && !book.revokedSigningKeys.has(exchangePub))
    .sort((a, b) => a.start - b.start)
    .map(({ exchangePub, start, expire, end, masterSignature }) => ({
      key: exchangePub,
      stamp_start: timestampJson(start),
      stamp_expire: timestampJson(expire),
      stamp_end: timestampJson(end),
      master_sig: masterSignature,
    }));
}

/** Revoked denominations, as `/keys` and `/config` list them: their coins can be recouped. */
export const recoupList = (book: KeyBook): { h_denom_pub: string }[] =>
  [...book.revoked.keys()].map((denominationHash) => ({ h_denom_pub: denominationHash }));

/** @param layout which master signature: `new` covers 232 bytes (since 2023), `old` 40 */
export const wireAccounts = (book: KeyBook, layout: 'new' | 'old'): object[] =>
  [...book.accounts.values()].flatMap(({ paytoUri, masterSignatureWire, masterSignatureWireOld }): object[] => {
    if (layout === 'old')
      return masterSignatureWireOld ? [{ payto_uri: paytoUri, master_sig: masterSignatureWireOld }] : [];
    return [{ payto_uri: paytoUri, credit_restrictions: [], debit_restrictions: [], master_sig: masterSignatureWire }];
  });

export function wireFees(book: KeyBook, amount: (units: bigint) => string, now: number): Record<string, object[]> {
  const byMethod: Record<string, object[]> = {};
  for (const { method, start, end, wireFee, closingFee, masterSignature } of book.wireFees) {
    if (end <= now) continue;
    byMethod[method] ??= [];
    byMethod[method].push({
      wire_fee: amount(wireFee),
      closing_fee: amount(closingFee),
      start_date: timestampJson(start),
      end_date: timestampJson(end),
      sig: masterSignature,
    });
  }
  return byMethod;
}

function globalFees(book: KeyBook, amount: (units: bigint) => string, now: number): object[] {
  return book.globalFees
    .filter(({ end }) => end > now)
    .map((fees) => ({
      start_date: timestampJson(fees.start),
      end_date: timestampJson(fees.end),
      history_fee: amount(fees.historyFee),
      account_fee: amount(fees.accountFee),
      purse_fee: amount(fees.purseFee),
      history_expiration: durationJson(fees.historyExpirationUs),
      purse_timeout: durationJson(fees.purseTimeoutUs),
      purse_account_limit: fees.purseAccountLimit,
      master_sig: fees.masterSignature,
    }));
}

/** How wallets show amounts of this currency. */
export const currencySpecification = (currency: string): object => ({
  name: currency,
  num_fractional_input_digits: 2,
  num_fractional_normal_digits: 2,
  num_fractional_trailing_zero_digits: 2,
  alt_unit_names: { '0': currency },
});

function xor(hashes: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(64);
  for (const hash of hashes) for (let i = 0; i < 64; i += 1) result[i] = (result[i] as number) ^ (hash[i] as number);
  return result;
}
