import { parseAgeGroups } from '@florin/crypto';
import { EncodingError, encodeBase32, equalBytes, kindOf, message } from '@florin/encoding';
import {
  type DenominationList,
  type OfferedDenomination,
  readDenominations,
  validityFields,
  xorOfHashes,
} from './denominations.js';
import { ExchangeMisbehaved } from './errors.js';
import {
  anything,
  duration,
  hash,
  instant,
  type Parser,
  publicKey,
  type ReplyObject,
  signature,
  text,
} from './reply.js';
import type { SignatureChecker } from './signatures.js';
import {
  readSigningKeys,
  requireExchangeSignature,
  type SignatureMembers,
  type SigningKey,
  type Voices,
} from './signing-keys.js';
import { checkVersion } from './version.js';
import {
  type GlobalFee,
  readGlobalFees,
  readWireAccounts,
  readWireAccounts2023,
  readWireFees,
  type WireAccount,
  type WireFee,
} from './wire-accounts.js';

/*
 * `/keys`: everything that an exchange promises, and the chain of trust in it:
 *
 *   master key (known beforehand, or believed at first sight)
 *     signs  denominations, online signing keys, bank accounts, wire fees, global fees, extensions
 *   online signing key
 *     signs  the set as a whole: nobody in between can leave a key out
 *
 * Both layouts are verified as far as they are there: that of 2024 and that of 2023, which knows no accounts here.
 * Source: protocol/endpoints.md B1; recorded replies: test/vectors/http
 */

/** Somebody who vouches for denominations. */
export interface Auditor {
  readonly name: string;
  readonly url: string;
  readonly pub: Uint8Array;
  /** Names of the denominations that carry the auditor's signature. */
  readonly denominations: ReadonlySet<string>;
}

/** What was read and verified. Maps go by the base32 of a hash or key. */
export interface ExchangeKeys {
  /** As the exchange calls itself; signatures of coins and purses name it. */
  readonly baseUrl: string;
  readonly currency: string;
  readonly masterPub: Uint8Array;
  /** Seconds since 1970. */
  readonly issuedAt: number;
  /** How long a reserve lives after its last credit, in microseconds. */
  readonly reserveClosingDelayUs: number;
  readonly denominations: ReadonlyMap<string, OfferedDenomination>;
  /** Denominations whose coins are to be recouped. */
  readonly revoked: ReadonlySet<string>;
  readonly signingKeys: ReadonlyMap<string, SigningKey>;
  readonly accounts: readonly WireAccount[];
  /** By payto method. */
  readonly wireFees: ReadonlyMap<string, readonly WireFee[]>;
  readonly globalFees: readonly GlobalFee[];
  /** Age groups of restricted denominations; 0 when the master key signed none. */
  readonly ageMask: number;
  readonly auditors: readonly Auditor[];
}

export interface WireInfo {
  readonly accounts: readonly WireAccount[];
  readonly fees: ReadonlyMap<string, readonly WireFee[]>;
}

/** What reading needs beside the reply. */
export interface KeysContext {
  readonly checker: SignatureChecker;
  /** Seconds since 1970. */
  readonly now: number;
  /** The only master key that is believed. */
  readonly masterPub?: Uint8Array | undefined;
  /** The only name that the exchange may call itself by. */
  readonly baseUrl?: string | undefined;
}

/** What the parts of the reply are read and verified under. */
export interface KeysScope {
  readonly checker: SignatureChecker;
  readonly masterPub: Uint8Array;
  readonly currency: string;
}

/** @throws ExchangeMisbehaved naming what is malformed, not signed, or contradicts itself; ExchangeIncompatible */
export function readKeys(document: ReplyObject, context: KeysContext): ExchangeKeys {
  checkVersion(document);
  const baseUrl = document.read('base_url', text);
  if (context.baseUrl !== undefined && context.baseUrl !== baseUrl) {
    throw contradiction(`${document.place}.base_url`, `the exchange calls itself ${baseUrl}, not ${context.baseUrl}`);
  }
  const currency = document.read('currency', currencyName);
  const scope = { checker: context.checker, masterPub: readMasterPub(document, context), currency };
  const signingKeys = readSigningKeys(document, scope.checker, scope.masterPub);
  const denominations = readDenominations(document, scope);
  const issuedAt = document.read('list_issue_date', instant);
  checkKeySet(document, denominations, issuedAt, { checker: scope.checker, signingKeys, now: context.now });
  const byName = new Map(denominations.grouped.map((offered) => [offered.name, offered]));
  return {
    baseUrl,
    currency,
    masterPub: scope.masterPub,
    issuedAt,
    reserveClosingDelayUs: document.read('reserve_closing_delay', duration),
    denominations: byName,
    revoked: new Set(document.objects('recoup').map((entry) => encodeBase32(entry.read('h_denom_pub', hash)))),
    signingKeys,
    accounts: readWireAccounts(document, scope),
    wireFees: readWireFees(document, 'wire_fees', scope),
    globalFees: readGlobalFees(document, scope),
    ageMask: readAgeMask(document, scope, denominations.grouped),
    auditors: document.objects('auditors').map((entry) => readAuditor(entry, byName, scope)),
  };
}

/** `/wire`, which holds accounts and fees for clients of 2023. @throws ExchangeMisbehaved */
export function readWire(document: ReplyObject, { masterPub, currency }: ExchangeKeys, checker: SignatureChecker) {
  if (!equalBytes(document.read('master_public_key', publicKey), masterPub)) {
    throw contradiction(`${document.place}.master_public_key`, 'is not the master key of /keys');
  }
  const scope = { checker, masterPub, currency };
  const info: WireInfo = {
    accounts: readWireAccounts2023(document, scope),
    fees: readWireFees(document, 'fees', scope),
  };
  return info;
}

function readMasterPub(document: ReplyObject, { masterPub: expected }: KeysContext): Uint8Array {
  const masterPub = document.read('master_public_key', publicKey);
  if (expected === undefined || equalBytes(masterPub, expected)) return masterPub;
  const place = `${document.place}.master_public_key`;
  throw new ExchangeMisbehaved('signature', place, `is ${encodeBase32(masterPub)}, not the key that is trusted`);
}

/** The set as a whole, in each way that the reply signs it; one at least. */
function checkKeySet(
  document: ReplyObject,
  { grouped, flat }: DenominationList,
  issuedAt: number,
  voices: Voices,
): void {
  const { sha512 } = voices.checker.taler.hash;
  const require = (members: SignatureMembers, hc: Uint8Array) =>
    requireExchangeSignature(document, message('ExchangeKeySet', { listIssueDate: issuedAt, hc }), voices, members);
  const isCurrent = document.has('exchange_sig');
  if (isCurrent) {
    const masterSignatures = grouped.map(({ masterSignature }) => masterSignature);
    require({ pub: 'exchange_pub', signature: 'exchange_sig' }, sha512(...masterSignatures));
  }
  if (isCurrent && !document.has('eddsa_sig')) return;
  if (!flat) throw new ExchangeMisbehaved('malformed', `${document.place}.denoms`, 'is missing');
  const hashes = flat.map(({ key }) => key.hash);
  require({ pub: 'eddsa_pub', signature: 'eddsa_sig' }, sha512(...hashes));
  require({ pub: 'eddsa_pub', signature: 'denominations_sig' }, xorOfHashes(flat));
}

/** Extensions that the master key did not sign say nothing. */
function readAgeMask(
  document: ReplyObject,
  { checker, masterPub }: KeysScope,
  denominations: readonly OfferedDenomination[],
): number {
  if (!document.has('extensions') || !document.has('extensions_sig')) return 0;
  checker.require(`${document.place}.extensions_sig`, {
    message: message('MasterExtensionManifest', {
      hManifest: checker.taler.hash.extensions(document.read('extensions', anything)),
    }),
    signature: document.read('extensions_sig', signature),
    pub: masterPub,
  });
  const extensions = document.object('extensions');
  if (!extensions.has('age_restriction')) return 0;
  const mask = extensions.object('age_restriction').object('config').read('age_groups', ageGroups);
  const other = denominations.find(({ ageMask }) => ageMask !== 0 && ageMask !== mask);
  if (other) throw contradiction(`${document.place}.extensions`, `${other.name} has other age groups`);
  return mask;
}

function readAuditor(
  entry: ReplyObject,
  denominations: ReadonlyMap<string, OfferedDenomination>,
  { checker, masterPub }: KeysScope,
): Auditor {
  const url = entry.read('auditor_url', text);
  const pub = entry.read('auditor_pub', publicKey);
  const auditorUrlHash = checker.taler.hash.text(url);
  const vouched = entry.objects('denomination_keys').map((key) => {
    const offered = denominations.get(encodeBase32(key.read('denom_pub_h', hash)));
    if (!offered) throw contradiction(key.place, 'the auditor signed a key that is not offered');
    checker.require(`${key.place}.auditor_sig`, {
      message: message('ExchangeKeyValidity', { auditorUrlHash, ...validityFields(offered, masterPub) }),
      signature: key.read('auditor_sig', signature),
      pub,
    });
    return offered.name;
  });
  return { name: entry.read('auditor_name', text), url, pub, denominations: new Set(vouched) };
}

const ageGroups: Parser<number> = (json) => {
  if (typeof json !== 'string') throw new EncodingError('age groups', kindOf(json));
  return parseAgeGroups(json);
};

const currencyName: Parser<string> = (json) => {
  if (typeof json !== 'string' || !/^[A-Z]{1,11}$/.test(json)) {
    throw new EncodingError('a currency of 1 to 11 capital letters', kindOf(json));
  }
  return json;
};

function contradiction(place: string, problem: string): ExchangeMisbehaved {
  return new ExchangeMisbehaved('contradiction', place, problem);
}
