import { generateKeyPairSync } from 'node:crypto';
import { formatAgeGroups, type Taler, taler } from '@florin/crypto';
import { rsaSigner, serverPrimitives } from '@florin/crypto/server';
import {
  type Amount,
  concat,
  encodeBase32,
  formatAmount,
  type MessageFields,
  type MessageName,
  message,
  parseAmount,
  utf8,
} from '@florin/encoding';

/*
 * Test support: an exchange's keys with their private halves, and `/keys` made and signed from them in the layout of
 * 2024 with the flat list of 2023 beside it, as protocol/endpoints.md B1 has it. Shares no code with what is tested.
 */

export const CRYPTO: Taler = taler(serverPrimitives);
export const CURRENCY = 'KUDOS';
/** Seconds since 1970; the keys below are valid at this time. */
export const NOW = 1_800_000_000;
export const AGE_MASK = 0x00255501;
const DAY = 86_400;

/** A private key that depends on its name only. */
export const privateKey = (name: string): Uint8Array => CRYPTO.hash.sha512(utf8(name)).slice(0, 32);

export const kudos = (text: string): Amount => parseAmount(`${CURRENCY}:${text}`);

export interface TestDenomination {
  readonly cipher: 'RSA' | 'CS';
  readonly value: Amount;
  readonly fees: {
    readonly withdraw: Amount;
    readonly deposit: Amount;
    readonly refresh: Amount;
    readonly refund: Amount;
  };
  readonly ageMask: number;
  readonly start: number;
  readonly expireWithdraw: number;
  readonly expireDeposit: number;
  readonly expireLegal: number;
  /** Encoded public key, and what signs with the private one. */
  readonly pub: Uint8Array;
  readonly rsa?: { sign(blindedPlanchet: Uint8Array): Uint8Array };
  readonly csPriv?: Uint8Array;
}

export const masterPriv = privateKey('master');
export const masterPub = CRYPTO.eddsa.publicKey(masterPriv);
export const signingPriv = privateKey('online signing key');
export const signingPub = CRYPTO.eddsa.publicKey(signingPriv);
const auditorPriv = privateKey('auditor');

export const exchangeSignature = (signed: Uint8Array): string => encodeBase32(CRYPTO.eddsa.sign(signed, signingPriv));

export const nameOf = (denomination: TestDenomination): string => encodeBase32(hashOf(denomination));

export function hashOf({ cipher, ageMask, pub }: TestDenomination): Uint8Array {
  return CRYPTO.hash.denomination(
    cipher === 'RSA' ? { cipher, ageMask, rsaPub: pub } : { cipher, ageMask, csPub: pub },
  );
}

/** Fees all differ, so that none can stand for another unseen. */
function terms(value: string, start: number) {
  return {
    value: kudos(value),
    fees: { withdraw: kudos('0.01'), deposit: kudos('0.02'), refresh: kudos('0.03'), refund: kudos('0.04') },
    start,
    expireWithdraw: start + 7 * DAY,
    expireDeposit: start + 700 * DAY,
    expireLegal: start + 2000 * DAY,
  };
}

async function rsaDenomination(value: string, ageMask = 0, start = NOW - DAY): Promise<TestDenomination> {
  const rsa = rsaSigner(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey);
  return { cipher: 'RSA', ...terms(value, start), ageMask, pub: rsa.rsaPub, rsa };
}

function csDenomination(value: string, ageMask = 0, start = NOW - DAY): TestDenomination {
  const csPriv = CRYPTO.cs.privateKey(CRYPTO.hash.sha512(utf8(`cs ${value} ${ageMask} ${start}`)));
  return { cipher: 'CS', ...terms(value, start), ageMask, pub: CRYPTO.cs.publicKey(csPriv), csPriv };
}

/** Two keys of one value, one that is not valid yet, both ciphers, with age restriction and without. */
export const DENOMINATIONS: readonly TestDenomination[] = [
  await rsaDenomination('1', 0, NOW + 5 * DAY),
  await rsaDenomination('5'),
  await rsaDenomination('1'),
  await rsaDenomination('0.1'),
  await rsaDenomination('1', AGE_MASK),
  csDenomination('2'),
  csDenomination('2', AGE_MASK),
];

const signBy = <N extends MessageName>(priv: Uint8Array, name: N, fields: MessageFields<N>): string =>
  encodeBase32(CRYPTO.eddsa.sign(message(name, fields), priv));

const at = (seconds: number) => ({ t_s: seconds });
const lasting = (microseconds: number) => ({ d_us: microseconds });

function validity(denomination: TestDenomination) {
  const { start, expireWithdraw, expireDeposit, expireLegal, value, fees } = denomination;
  const stamps = { start, expireWithdraw, expireDeposit, expireLegal };
  return { master: masterPub, ...stamps, value, fees, denomHash: hashOf(denomination) };
}

function termsJson({ value, fees }: TestDenomination) {
  return {
    value: formatAmount(value),
    fee_withdraw: formatAmount(fees.withdraw),
    fee_deposit: formatAmount(fees.deposit),
    fee_refresh: formatAmount(fees.refresh),
    fee_refund: formatAmount(fees.refund),
  };
}

function keyJson(denomination: TestDenomination) {
  return {
    stamp_start: at(denomination.start),
    stamp_expire_withdraw: at(denomination.expireWithdraw),
    stamp_expire_deposit: at(denomination.expireDeposit),
    stamp_expire_legal: at(denomination.expireLegal),
    master_sig: signBy(masterPriv, 'DenominationKeyValidity', validity(denomination)),
  };
}

const pubMember = ({ cipher, pub }: TestDenomination) =>
  cipher === 'RSA' ? { rsa_pub: encodeBase32(pub) } : { cs_pub: encodeBase32(pub) };

function groupsOf(denominations: readonly TestDenomination[]): TestDenomination[][] {
  const groups = new Map<string, TestDenomination[]>();
  for (const denomination of denominations) {
    const { cipher, value, ageMask } = denomination;
    const name = `${cipher} ${value.units} ${ageMask}`;
    groups.set(name, [...(groups.get(name) ?? []), denomination]);
  }
  return [...groups.values()];
}

function groupJson(group: readonly TestDenomination[]) {
  const first = group[0] as TestDenomination;
  return {
    cipher: first.ageMask === 0 ? first.cipher : `${first.cipher}+age_restricted`,
    ...(first.ageMask === 0 ? {} : { age_mask: first.ageMask }),
    ...termsJson(first),
    denoms: group.map((denomination) => ({ ...keyJson(denomination), ...pubMember(denomination) })),
    hash: encodeBase32(xor(group)),
  };
}

function xor(denominations: readonly TestDenomination[]): Uint8Array {
  return denominations.map(hashOf).reduce((sum, hash) => sum.map((byte, i) => byte ^ (hash[i] as number)));
}

export const PAYTO = 'payto://x-taler-bank/127.0.0.1:8083/exchange?receiver-name=Exchange';
const CREDIT_RESTRICTIONS = [{ type: 'regex', payto_regex: 'payto://x-taler-bank/.*', human_hint: 'this bank only' }];

function accountJson() {
  const { hash } = CRYPTO;
  return {
    payto_uri: PAYTO,
    conversion_url: 'https://conversion.example/',
    credit_restrictions: CREDIT_RESTRICTIONS,
    debit_restrictions: [],
    master_sig: signBy(masterPriv, 'MasterWireDetails', {
      hWireDetails: hash.fullPayto(PAYTO),
      hConversionUrl: hash.text('https://conversion.example/'),
      hDebitRestrictions: hash.json([]),
      hCreditRestrictions: hash.json(CREDIT_RESTRICTIONS),
    }),
  };
}

export const WIRE_FEE = kudos('0.05');
export const CLOSING_FEE = kudos('0.06');
const YEAR = 365 * DAY;

function wireFeeJson(start: number, end: number) {
  const fields = {
    hWireMethod: CRYPTO.hash.text('x-taler-bank'),
    startDate: start,
    endDate: end,
    fees: { wire: WIRE_FEE, closing: CLOSING_FEE },
  };
  return {
    wire_fee: formatAmount(WIRE_FEE),
    closing_fee: formatAmount(CLOSING_FEE),
    start_date: at(start),
    end_date: at(end),
    sig: signBy(masterPriv, 'MasterWireFee', fields),
  };
}

function globalFeeJson(start: number, end: number) {
  const fees = { history: kudos('0.07'), account: kudos('0.08'), purse: kudos('0.09') };
  const fields = { startDate: start, endDate: end, purseTimeout: 3600e6, historyExpiration: 86400e6, fees };
  return {
    start_date: at(start),
    end_date: at(end),
    history_fee: formatAmount(fees.history),
    account_fee: formatAmount(fees.account),
    purse_fee: formatAmount(fees.purse),
    history_expiration: lasting(fields.historyExpiration),
    purse_timeout: lasting(fields.purseTimeout),
    purse_account_limit: 5,
    master_sig: signBy(masterPriv, 'MasterGlobalFee', { ...fields, purseAccountLimit: 5 }),
  };
}

function signingKeyJson(priv: Uint8Array, start: number) {
  const pub = CRYPTO.eddsa.publicKey(priv);
  const stamps = { start, expire: start + 28 * DAY, end: start + 7 * YEAR };
  return {
    key: encodeBase32(pub),
    stamp_start: at(stamps.start),
    stamp_expire: at(stamps.expire),
    stamp_end: at(stamps.end),
    master_sig: signBy(masterPriv, 'ExchangeSigningKeyValidity', { ...stamps, signkeyPub: pub }),
  };
}

function auditorJson(denominations: readonly TestDenomination[]) {
  const url = 'https://auditor.example/';
  return {
    auditor_name: 'Auditor',
    auditor_url: url,
    auditor_pub: encodeBase32(CRYPTO.eddsa.publicKey(auditorPriv)),
    denomination_keys: denominations.map((denomination) => ({
      denom_pub_h: nameOf(denomination),
      auditor_sig: signBy(auditorPriv, 'ExchangeKeyValidity', {
        auditorUrlHash: CRYPTO.hash.text(url),
        ...validity(denomination),
      }),
    })),
  };
}

function extensionsJson() {
  const config = { age_groups: formatAgeGroups(AGE_MASK) };
  const extensions = { age_restriction: { critical: false, version: '1', config } };
  const hManifest = CRYPTO.hash.extensions(extensions);
  return { extensions, extensions_sig: signBy(masterPriv, 'MasterExtensionManifest', { hManifest }) };
}

// biome-ignore lint/suspicious/noExplicitAny: tests change members of every depth
export type KeysJson = any;

/** @returns a fresh document, for the caller to change */
export function keysJson(baseUrl: string, options: { readonly revoked?: readonly string[] } = {}): KeysJson {
  const groups = groupsOf(DENOMINATIONS);
  const flat = [...DENOMINATIONS];
  const issued = NOW - 60;
  const masterSignatures = groups.flat().map((denomination) => {
    return CRYPTO.eddsa.sign(message('DenominationKeyValidity', validity(denomination)), masterPriv);
  });
  const keySet = (hc: Uint8Array) => exchangeSignature(message('ExchangeKeySet', { listIssueDate: issued, hc }));
  const { sha512 } = CRYPTO.hash;
  return {
    version: '24:0:12',
    base_url: baseUrl,
    currency: CURRENCY,
    master_public_key: encodeBase32(masterPub),
    reserve_closing_delay: lasting(28 * DAY * 1e6),
    signkeys: [signingKeyJson(signingPriv, NOW - DAY), signingKeyJson(privateKey('next signing key'), NOW + 26 * DAY)],
    recoup: (options.revoked ?? []).map((name) => ({ h_denom_pub: name })),
    accounts: [accountJson()],
    wire_fees: { 'x-taler-bank': [wireFeeJson(NOW - YEAR, NOW + DAY), wireFeeJson(NOW + DAY, NOW + YEAR)] },
    denominations: groups.map(groupJson),
    denoms: flat.map((denomination) => ({
      ...keyJson(denomination),
      ...termsJson(denomination),
      denom_pub: { cipher: denomination.cipher, age_mask: denomination.ageMask, ...pubMember(denomination) },
    })),
    auditors: [auditorJson(DENOMINATIONS.slice(0, 2))],
    global_fees: [globalFeeJson(NOW - YEAR, NOW + YEAR)],
    list_issue_date: at(issued),
    exchange_pub: encodeBase32(signingPub),
    exchange_sig: keySet(sha512(concat(...masterSignatures))),
    eddsa_pub: encodeBase32(signingPub),
    eddsa_sig: keySet(sha512(concat(...flat.map(hashOf)))),
    denominations_sig: keySet(xor(flat)),
    ...extensionsJson(),
  };
}

/** `/wire` of 2023. */
export function wireJson(): KeysJson {
  const signed = signBy(masterPriv, 'MasterWireDetails2023', { hWireDetails: CRYPTO.hash.fullPayto(PAYTO) });
  return {
    accounts: [{ payto_uri: PAYTO, master_sig: signed }],
    fees: { 'x-taler-bank': [wireFeeJson(NOW - YEAR, NOW + YEAR)] },
    master_public_key: encodeBase32(masterPub),
  };
}
