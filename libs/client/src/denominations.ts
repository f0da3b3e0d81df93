import { type Denomination, type DenominationPub, parseDenominationPub } from '@florin/crypto';
import { type Amount, concat, EncodingError, encodeBase32, equalBytes, kindOf, message } from '@florin/encoding';
import { ExchangeMisbehaved } from './errors.js';
import type { KeysScope } from './keys.js';
import { amountIn, bytes, flag, instant, type Parser, type ReplyObject, readingAt, signature, u32 } from './reply.js';

/*
 * The denominations of `/keys`. They are listed in groups of one value, and once more flat for clients of 2023; both
 * must say the same. Each carries a signature of the master key over its hash, which is computed here from the key.
 * Source: protocol/endpoints.md B1, crypto.md section 2
 */

export interface DenominationFees {
  readonly withdraw: Amount;
  readonly deposit: Amount;
  readonly refresh: Amount;
  readonly refund: Amount;
}

/** A key that signs coins of one value. Stamps are seconds since 1970. */
export interface OfferedDenomination {
  /** Base32 of the hash: names it in maps. */
  readonly name: string;
  /** Prepared to blind, unblind and verify; carries the public key. */
  readonly key: Denomination;
  readonly cipher: 'RSA' | 'CS';
  readonly value: Amount;
  readonly fees: DenominationFees;
  /** 0 without age restriction. */
  readonly ageMask: number;
  /** Signs from here on, */
  readonly start: number;
  /** but no longer than this. */
  readonly expireWithdraw: number;
  readonly expireDeposit: number;
  readonly expireLegal: number;
  /** The private key is gone: nothing can be withdrawn, coins stay valid. */
  readonly lost: boolean;
  readonly masterSignature: Uint8Array;
}

/** Denominations in the order of the groups and in the order of the flat list, over which signatures are made. */
export interface DenominationList {
  readonly grouped: readonly OfferedDenomination[];
  /** Absent in replies for new clients only. */
  readonly flat: readonly OfferedDenomination[] | undefined;
}

/** @throws ExchangeMisbehaved naming what is malformed, not signed or contradicts itself */
export function readDenominations(keys: ReplyObject, scope: KeysScope): DenominationList {
  const byName = new Map<string, OfferedDenomination>();
  for (const group of keys.objects('denominations')) {
    const members = readGroup(group, scope);
    for (const member of members) {
      if (byName.has(member.name)) throw contradiction(group.place, `lists ${member.name} twice`);
      byName.set(member.name, member);
    }
    checkGroupHash(group, members);
  }
  const grouped = [...byName.values()];
  const flat = keys.has('denoms') ? keys.objects('denoms').map((entry) => readFlat(entry, byName, scope)) : undefined;
  if (flat && new Set(flat).size !== grouped.length) {
    throw contradiction(`${keys.place}.denoms`, `lists ${flat.length} keys, the groups ${grouped.length}`);
  }
  return { grouped, flat };
}

/** What the master key signs for a denomination; an auditor signs the same fields and the hash of its URL. */
export function validityFields(offered: OfferedDenomination, masterPub: Uint8Array) {
  const { start, expireWithdraw, expireDeposit, expireLegal, value, fees, key } = offered;
  const stamps = { start, expireWithdraw, expireDeposit, expireLegal };
  return { master: masterPub, ...stamps, value, fees, denomHash: key.hash };
}

type Unsigned = Omit<OfferedDenomination, 'name' | 'key' | 'cipher' | 'ageMask'>;

function readGroup(group: ReplyObject, scope: KeysScope): OfferedDenomination[] {
  const terms = readTerms(group, scope.currency);
  const { cipher, restricted } = group.read('cipher', groupCipher);
  const ageMask = group.optional('age_mask', u32) ?? 0;
  if (restricted !== (ageMask !== 0)) throw contradiction(group.place, 'cipher and age_mask do not fit');
  return group.objects('denoms').map((entry) => {
    const pub = readPub({ cipher, age_mask: ageMask, ...entry.json }, entry.place);
    const offered = prepare(pub, { ...terms, ...readKey(entry) }, entry.place, scope);
    scope.checker.require(`${entry.place}.master_sig`, {
      message: message('DenominationKeyValidity', validityFields(offered, scope.masterPub)),
      signature: offered.masterSignature,
      pub: scope.masterPub,
    });
    return offered;
  });
}

/** The entry of the groups that a flat one repeats: equal in all that is signed, and under the same signature. */
function readFlat(
  entry: ReplyObject,
  byName: ReadonlyMap<string, OfferedDenomination>,
  { currency, masterPub, checker }: KeysScope,
): OfferedDenomination {
  const pub = readPub(entry.object('denom_pub').json, `${entry.place}.denom_pub`);
  const grouped = byName.get(encodeBase32(checker.taler.hash.denomination(pub)));
  if (!grouped) throw contradiction(entry.place, 'this key is in no group');
  const same = { ...grouped, ...readTerms(entry, currency), ...readKey(entry) };
  const signed = (offered: OfferedDenomination) =>
    concat(message('DenominationKeyValidity', validityFields(offered, masterPub)), offered.masterSignature);
  if (!equalBytes(signed(same), signed(grouped))) throw contradiction(entry.place, 'its group says otherwise');
  return grouped;
}

function prepare(pub: DenominationPub, terms: Unsigned, place: string, scope: KeysScope): OfferedDenomination {
  const key = readingAt(place, () => scope.checker.taler.denomination(pub));
  const { start, expireWithdraw, expireDeposit, expireLegal } = terms;
  if (!(start < expireWithdraw && expireWithdraw < expireDeposit && expireDeposit < expireLegal)) {
    throw contradiction(place, 'its stamps are not in order: start, expire_withdraw, expire_deposit, expire_legal');
  }
  return { ...terms, name: encodeBase32(key.hash), key, cipher: pub.cipher, ageMask: pub.ageMask };
}

const readPub = (json: object, place: string) => readingAt(place, () => parseDenominationPub(json));

const readTerms = (object: ReplyObject, currency: string) => {
  const amount = amountIn(currency);
  return {
    value: object.read('value', amount),
    fees: {
      withdraw: object.read('fee_withdraw', amount),
      deposit: object.read('fee_deposit', amount),
      refresh: object.read('fee_refresh', amount),
      refund: object.read('fee_refund', amount),
    },
  };
};

const readKey = (object: ReplyObject) => ({
  start: object.read('stamp_start', instant),
  expireWithdraw: object.read('stamp_expire_withdraw', instant),
  expireDeposit: object.read('stamp_expire_deposit', instant),
  expireLegal: object.read('stamp_expire_legal', instant),
  lost: object.optional('lost', flag) ?? false,
  masterSignature: object.read('master_sig', signature),
});

const groupCipher: Parser<{ readonly cipher: 'RSA' | 'CS'; readonly restricted: boolean }> = (json) => {
  const [cipher, suffix] = typeof json === 'string' ? json.split('+', 2) : [];
  if ((cipher !== 'RSA' && cipher !== 'CS') || (suffix !== undefined && suffix !== 'age_restricted')) {
    throw new EncodingError('RSA or CS, with +age_restricted or without', kindOf(json));
  }
  return { cipher, restricted: suffix !== undefined };
};

/** In replies of 2023 each group carries the XOR of its members' hashes. */
function checkGroupHash(group: ReplyObject, members: readonly OfferedDenomination[]): void {
  const claimed = group.optional('hash', bytes(64));
  if (claimed && !equalBytes(claimed, xorOfHashes(members))) {
    throw contradiction(`${group.place}.hash`, 'is not the XOR of the hashes of the group');
  }
}

/** 64 bytes; zeros for none. */
export function xorOfHashes(members: readonly OfferedDenomination[]): Uint8Array {
  const xor = new Uint8Array(64);
  for (const { key } of members) {
    for (let i = 0; i < xor.length; i++) xor[i] = (xor[i] as number) ^ (key.hash[i] as number);
  }
  return xor;
}

function contradiction(place: string, problem: string): ExchangeMisbehaved {
  return new ExchangeMisbehaved('contradiction', place, problem);
}
