import { taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import { decodeBase32, encodeBase32, type JsonObject, message, parseAmount } from '@florin/encoding';
import { describe, expect, test } from 'vitest';
import type { OfferedDenomination } from './denominations.js';
import { ExchangeMisbehaved } from './errors.js';
import { type ExchangeKeys, readKeys } from './keys.js';
import type { Payment } from './payments.js';
import type { PeerContract } from './peer-contract.js';
import { type RefusalProof, type RefusedRequest, verifyRefusal } from './refusals.js';
import { ReplyObject } from './reply.js';
import { SignatureChecker } from './signatures.js';
import {
  CRYPTO,
  exchangeSignature,
  type KeysJson,
  keysJson,
  kudos,
  masterPub,
  NOW,
  signingPub,
} from './testing/signed-keys.js';
import { change, leavesOf, misbehaviour } from './testing/tampering.js';
import { type Recorded, readTranscript, recordedAt, recordedChecker } from './vectors.support.js';
import type { Coin } from './withdraw.js';

const newChecker = () => new SignatureChecker(taler(serverPrimitives));
const refusalOf = (code: number, body: object) => ({
  ...{ status: 400, code, hint: '', request: '' },
  body: body as JsonObject,
});

/** Recorded refusals that prove something, and what. */
const RECORDED: readonly (readonly [file: string, seq: number, proof: object])[] = [
  ['api_rsa', 14, { kind: 'reserve-overdrawn', balance: { currency: 'EUR', units: 0n } }],
  ['api_rsa', 96, { kind: 'reserve-overdrawn', balance: { currency: 'EUR', units: 399_000_000n } }],
  ['api_rsa', 99, { kind: 'reserve-overdrawn', requested: { currency: 'EUR', units: 101_000_000n } }],
  ['api_rsa', 107, { kind: 'denomination-gone', reason: 'revoked' }],
  ['cases', 23, { kind: 'reserve-overdrawn', requested: { currency: 'EUR', units: 5_010_000_000n } }],
  ['cases', 31, { kind: 'denomination-gone', reason: 'not-yet-valid', operation: 'WITHDRAW' }],
  ['cases', 32, { kind: 'denomination-unknown', at: 1_795_251_803 }],
  ['cases', 93, { kind: 'denomination-gone', reason: 'not-revoked', operation: 'RECOUP' }],
  ['cases', 107, { kind: 'reserve-overdrawn' }],
  ['p2p_rsa', 46, { kind: 'legitimization-needed', requirementRow: 1 }],
  ['kyc_api', 38, { kind: 'legitimization-needed', requirementRow: 5 }],
];

describe.each(RECORDED)('recorded in %s as %d', (file, seq, proof) => {
  const transcript = readTranscript(file);
  const recorded = recordedAt(transcript, seq);
  const verify = (body = recorded.reply as JsonObject) => verifyRecorded(transcript, recorded, body);

  test('is proved', () => expect(verify()).toMatchObject(proof));

  test('whatever the exchange signed is noticed when it is changed', () => {
    const { history, ...signed } = recorded.reply as KeysJson;
    if (!signed.exchange_sig) return;
    for (const path of leavesOf(signed).filter((leaf) => leaf !== 'hint' && leaf !== 'code')) {
      const body = JSON.parse(JSON.stringify(recorded.reply));
      change(body, path);
      expect(() => verify(body), path).toThrow(ExchangeMisbehaved);
    }
  });
});

test('every recorded refusal that has something to prove proves it', () => {
  const proofs = ['api_rsa', 'p2p_rsa', 'p2p_cs', 'kyc_api', 'cases', 'api_revocation_rsa'].flatMap((file) => {
    const transcript = readTranscript(file);
    const refused = transcript.filter(({ status, reply }) => status >= 400 && (reply as KeysJson)?.code !== undefined);
    return refused.map((recorded) => verifyRecorded(transcript, recorded, recorded.reply as JsonObject));
  });
  const count = (kind: RefusalProof['kind']) => proofs.filter((proof) => proof?.kind === kind).length;
  expect(count('reserve-overdrawn')).toBe(5);
  expect(count('denomination-gone')).toBe(5);
  expect(count('denomination-unknown')).toBe(1);
  expect(count('legitimization-needed')).toBe(8);
  expect(count('coin-overspent')).toBe(17);
  expect(count('coin-of-other-denomination')).toBe(3);
  expect(count('purse-of-other-terms')).toBe(2);
});

describe('what was never recorded', () => {
  const keys = readKeys(new ReplyObject(keysJson('http://127.0.0.1:8081/'), 'keys'), {
    checker: newChecker(),
    now: NOW,
  });
  const find = (wanted: (offered: OfferedDenomination) => boolean) =>
    [...keys.denominations.values()].find(wanted) as OfferedDenomination;
  const valid = find(({ start, cipher }) => start <= NOW && cipher === 'RSA');
  const future = find(({ start }) => start > NOW);
  const clauseSchnorr = find(({ cipher }) => cipher === 'CS');

  const verify = (code: number, body: object, request: RefusedRequest = {}) => {
    return verifyRefusal(refusalOf(code, body), { ...keys, checker: newChecker(), now: NOW }, request);
  };
  const signedBody = (hDenomPub: Uint8Array, signed: Uint8Array) => ({
    h_denom_pub: encodeBase32(hDenomPub),
    timestamp: { t_s: NOW },
    exchange_pub: encodeBase32(signingPub),
    exchange_sig: exchangeSignature(signed),
  });
  const unknown = (hDenomPub: Uint8Array) =>
    signedBody(hDenomPub, message('DenominationUnknownAffirmation', { timestamp: NOW, hDenomPub }));
  const gone = (hDenomPub: Uint8Array, oper = 'batch-withdraw') => ({
    oper,
    ...signedBody(hDenomPub, message('DenominationExpiredAffirmation', { timestamp: NOW, operation: oper, hDenomPub })),
  });
  const stranger = CRYPTO.hash.sha512(masterPub);

  test('a denomination that is not Clause-Schnorr', () => {
    const { key, name } = valid;
    expect(verify(1016, unknown(key.hash))).toEqual({ kind: 'denomination-not-cs', denominationHash: name, at: NOW });
    expect(() => verify(1016, unknown(clauseSchnorr.key.hash))).toThrow(misbehaviour('contradiction', ''));
  });

  test('an exchange cannot deny a denomination that it offers', () => {
    expect(verify(1005, unknown(stranger))).toMatchObject({ kind: 'denomination-unknown' });
    expect(() => verify(1005, unknown(valid.key.hash))).toThrow(misbehaviour('contradiction', 'refusal 1005'));
  });

  test('nor call one expired, or not yet valid, against its own stamps', () => {
    expect(verify(1009, gone(stranger))).toMatchObject({ reason: 'expired', operation: 'batch-withdraw' });
    expect(() => verify(1009, gone(valid.key.hash))).toThrow(misbehaviour('contradiction', 'refusal 1009'));
    expect(verify(1008, gone(future.key.hash))).toMatchObject({ reason: 'not-yet-valid' });
    expect(() => verify(1008, gone(valid.key.hash))).toThrow(misbehaviour('contradiction', 'refusal 1008'));
    expect(verify(1010, gone(valid.key.hash))).toMatchObject({ reason: 'revoked', denominationHash: valid.name });
  });

  test('only the first eight letters of the operation are signed', () => {
    expect(verify(1010, { ...gone(valid.key.hash), oper: 'batch-wi' })).toMatchObject({ operation: 'batch-wi' });
    expect(() => verify(1010, { ...gone(valid.key.hash), oper: 'MELT' })).toThrow(misbehaviour('signature', ''));
  });

  test('the denomination has to be one that was asked for', () => {
    const request = { denominationHashes: [valid.name] };
    expect(verify(1010, gone(valid.key.hash), request)).toMatchObject({ reason: 'revoked' });
    expect(() => verify(1010, gone(stranger), request)).toThrow(misbehaviour('contradiction', 'refusal 1010'));
  });

  test('an overdraft needs a balance below what was asked for', () => {
    const body = (balance: string, requested: string) => ({
      balance: `KUDOS:${balance}`,
      requested_amount: `KUDOS:${requested}`,
    });
    const proof = { kind: 'reserve-overdrawn', balance: kudos('1'), requested: kudos('1.01') };
    expect(verify(1150, body('1', '1.01'), { requested: kudos('1.01') })).toEqual(proof);
    expect(() => verify(1150, body('1', '1'))).toThrow(misbehaviour('contradiction', 'refusal 1150'));
    expect(() => verify(1150, body('1', '2'), { requested: kudos('1.01') })).toThrow(misbehaviour('contradiction', ''));
  });

  test('an overdraft without its signatures is believed to nobody', () => {
    const reservePub = new Uint8Array(32);
    const history = [{ type: 'CREDIT', amount: 'KUDOS:5', timestamp: { t_s: NOW }, wire_reference: 1 }];
    const body = { balance: 'KUDOS:1', requested_amount: 'KUDOS:2', history };
    expect(() => verify(1150, body, { reservePub })).toThrow(misbehaviour('contradiction', 'refusal 1150.balance'));
  });

  test('an age that coins have to be restricted to', () => {
    expect(verify(1681, { maximum_allowed_age: 14 })).toEqual({ kind: 'age-restriction-required', maximumAge: 14 });
    expect(() => verify(1681, {})).toThrow(misbehaviour('malformed', 'refusal 1681.maximum_allowed_age'));
  });

  test('what proves nothing', () => expect(verify(1175, {})).toBeUndefined());

  test.each([1005, 1008, 1009, 1010, 1016, 1028, 1150, 1555, 1681])('%d without its members', (code) => {
    expect(() => verify(code, {})).toThrow(misbehaviour('malformed', `refusal ${code}.`));
  });
});

function verifyRecorded(transcript: readonly Recorded[], recorded: Recorded, body: JsonObject) {
  const keys = keysOf(transcript);
  const reserve = /^\/reserves\/([0-9A-Z]{52})\//.exec(recorded.path)?.[1];
  const request = {
    ...(reserve !== undefined && { reservePub: decodeBase32(reserve, 32) }),
    ...purseAsked(recorded),
    payments: coinsAsked(recorded, keys).filter(({ amount }) => amount !== undefined) as Payment[],
    recouped: coinsAsked(recorded, keys).map(({ coin }) => coin),
  };
  return verifyRefusal(
    refusalOf(body.code as number, body),
    { ...keys, checker: recordedChecker(), now: recorded.at },
    request,
  );
}

const known = new Map<readonly Recorded[], ExchangeKeys>();

function keysOf(transcript: readonly Recorded[]): ExchangeKeys {
  const { reply, at } = transcript.find(({ method, path }) => method === 'GET' && path === '/keys') as Recorded;
  const keys = known.get(transcript) ?? readKeys(new ReplyObject(reply, 'keys'), { checker: newChecker(), now: at });
  known.set(transcript, keys);
  return keys;
}

/** The coins that a recorded request used, as far as a proof about them needs it. */
function coinsAsked({ path, request }: Recorded, { denominations, currency }: ExchangeKeys) {
  const body = (request ?? {}) as KeysJson;
  const single = /^\/coins\/([0-9A-Z]{52})\//.exec(path)?.[1];
  const used: KeysJson[] = single === undefined ? (body.deposits ?? []) : [{ ...body, coin_pub: single }];
  return used.flatMap((json) => {
    const offered = denominations.get(json.denom_pub_hash);
    if (!offered) return [];
    const amount = json.amount ?? json.contribution ?? json.value_with_fee;
    const coin = {
      coinPub: decodeBase32(json.coin_pub),
      denominationHash: offered.key.hash,
      value: offered.value,
    } as Coin;
    return [{ coin, amount: amount === undefined ? undefined : parseAmount(amount, currency) }];
  });
}

/** The purse that a recorded request was about. */
function purseAsked({ path, request }: Recorded): RefusedRequest {
  const purse = /^\/purses\/([0-9A-Z]{52})\/create/.exec(path)?.[1];
  if (purse === undefined) return {};
  const { amount, h_contract_terms, purse_expiration, min_age, merge_pub } = request as KeysJson;
  const terms = { hash: decodeBase32(h_contract_terms), expiration: purse_expiration.t_s, minAge: min_age };
  const contract = { ...terms, amount: parseAmount(amount) } as PeerContract;
  return { purse: { pursePub: decodeBase32(purse), mergePub: decodeBase32(merge_pub), contract } };
}
