import { decodeBase32, message, parseAmount, parseReservePayto } from '@florin/encoding';
import { describe, expect, test } from 'vitest';
import { ExchangeMisbehaved } from './errors.js';
import { type ExchangeKeys, readKeys } from './keys.js';
import type { Payment } from './payments.js';
import type { PeerContract } from './peer-contract.js';
import { readConfirmation, readMerge, readPurseStatus } from './purse-replies.js';
import { ReplyObject } from './reply.js';
import type { KeysJson } from './testing/signed-keys.js';
import { change, leavesOf } from './testing/tampering.js';
import { type Recorded, readTranscript, recordedChecker } from './vectors.support.js';

/* What the reference exchange said about purses, as it was recorded, read by this client. */

const WANTED = /^\/(?:purses\/([0-9A-Z]{52})\/(create|deposit|merge)|reserves\/[0-9A-Z]{52}\/(purse))(?:\?|$)/;
/** Members of the replies that nobody signs, or that only repeat what was asked. */
const UNSIGNED: Readonly<Record<string, readonly string[]>> = {
  status: ['purse_expiration.t_s'],
  deposit: ['purse_value_after_fees', 'purse_expiration.t_s', 'h_contract_terms'],
};

interface Said {
  readonly recorded: Recorded;
  readonly kind: 'create' | 'deposit' | 'merge' | 'purse' | 'status';
  readonly purse: string;
}

describe.each([
  ['p2p_rsa', { create: 4, purse: 5, deposit: 2, merge: 1, status: 2 }],
  ['p2p_cs', { create: 4, purse: 5, deposit: 2, merge: 1, status: 2 }],
  ['kyc_api', { create: 1, purse: 1, deposit: 1, merge: 1, status: 2 }],
  ['cases', { create: 3, deposit: 2, merge: 1, status: 3 }],
])('recorded in %s', (file, counts) => {
  const transcript = readTranscript(file);
  const said = transcript.flatMap((recorded) => saidOf(recorded));
  const keys = keysOf(transcript);
  const contracts = new Map<string, PeerContract>();
  for (const { recorded, kind, purse } of said) {
    if (kind === 'create' || kind === 'purse') contracts.set(purse, contractOf(recorded));
  }
  const read = ({ recorded, kind, purse }: Said, reply = recorded.reply) => {
    const scope = { ...keys, checker: recordedChecker(), now: recorded.at };
    const json = new ReplyObject(reply, kind);
    const [pursePub, contract] = [decodeBase32(purse), contracts.get(purse) as PeerContract];
    if (kind === 'status') return readPurseStatus(json, scope);
    if (kind !== 'merge')
      return readConfirmation(json, scope, { pursePub, contract, payments: paymentsOf(recorded, keys) });
    const { reservePub, exchangeBaseUrl: baseUrl } = parseReservePayto((recorded.request as KeysJson).payto_uri);
    return readMerge(json, scope, { pursePub, contract, reservePub, baseUrl });
  };

  test('are these answers', () => {
    const found: Record<string, number> = {};
    for (const { kind } of said) found[kind] = (found[kind] ?? 0) + 1;
    expect(found).toEqual(counts);
  });

  test('every one is verified, and whatever is changed in it is noticed', () => {
    for (const each of said) {
      const name = `${each.recorded.seq} ${each.kind}`;
      expect(() => read(each), name).not.toThrow();
      for (const path of leavesOf(each.recorded.reply)) {
        if (UNSIGNED[each.kind]?.includes(path)) continue;
        const json = JSON.parse(JSON.stringify(each.recorded.reply));
        change(json, path);
        expect(() => read(each, json), `${name} ${path}`).toThrow(ExchangeMisbehaved);
      }
    }
  });

  test('contracts are signed by their purses', () => {
    const { taler } = recordedChecker();
    for (const { path, status, reply } of transcript) {
      const contractPub = /^\/contracts\/([0-9A-Z]{52})$/.exec(path)?.[1];
      if (contractPub === undefined || status !== 200) continue;
      const { purse_pub, econtract, econtract_sig } = reply as KeysJson;
      const hEcontract = taler.hash.sha512(decodeBase32(econtract));
      const signed = message('PurseContract', { hEcontract, contractPub: decodeBase32(contractPub) });
      expect(taler.eddsa.verify(signed, decodeBase32(econtract_sig), decodeBase32(purse_pub))).toBe(true);
    }
  });
});

function saidOf(recorded: Recorded): Said[] {
  const [, inPath, operation, requested] = WANTED.exec(recorded.path) ?? [];
  if (recorded.status !== 200 || (operation === undefined && requested === undefined)) return [];
  const purse = inPath ?? (recorded.request as KeysJson).purse_pub;
  const kind = recorded.method === 'GET' ? 'status' : ((operation ?? requested) as Said['kind']);
  return [{ recorded, kind, purse }];
}

function contractOf({ request }: Recorded): PeerContract {
  const { amount, purse_value = amount, h_contract_terms, purse_expiration, min_age } = request as KeysJson;
  const terms = { hash: decodeBase32(h_contract_terms), expiration: purse_expiration.t_s, minAge: min_age };
  return { ...terms, amount: parseAmount(purse_value), json: {}, summary: '' };
}

function paymentsOf({ request }: Recorded, { denominations }: ExchangeKeys): Payment[] {
  const { deposits = [] } = request as KeysJson;
  return deposits.map(({ amount, denom_pub_hash }: KeysJson) => {
    const denominationHash = denominations.get(denom_pub_hash)?.key.hash;
    return { coin: { denominationHash } as Payment['coin'], amount: parseAmount(amount) };
  });
}

function keysOf(transcript: readonly Recorded[]): ExchangeKeys {
  const { reply, at } = transcript.find(({ method, path }) => method === 'GET' && path === '/keys') as Recorded;
  return readKeys(new ReplyObject(reply, 'keys'), { checker: recordedChecker(), now: at });
}
