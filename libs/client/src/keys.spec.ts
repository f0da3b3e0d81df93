import { taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import { encodeBase32, parseJson } from '@florin/encoding';
import { describe, expect, test } from 'vitest';
import { ExchangeIncompatible, ExchangeMisbehaved } from './errors.js';
import { type ExchangeKeys, readKeys, readWire } from './keys.js';
import { ReplyObject } from './reply.js';
import { SignatureChecker } from './signatures.js';
import {
  AGE_MASK,
  CURRENCY,
  DENOMINATIONS,
  type KeysJson,
  keysJson,
  masterPub,
  NOW,
  nameOf,
  PAYTO,
  privateKey,
  wireJson,
} from './testing/signed-keys.js';
import { change, leavesOf, misbehaviour, placeOf } from './testing/tampering.js';
import { type Recorded, readTranscript, recordedAt } from './vectors.support.js';
import { feeAt } from './wire-accounts.js';

const BASE_URL = 'http://127.0.0.1:8081/';
const OWN = JSON.stringify(keysJson(BASE_URL));
const ownJson = (): KeysJson => JSON.parse(OWN);
const newChecker = () => new SignatureChecker(taler(serverPrimitives));

/** Read from text, as it comes over the wire. */
const documentOf = (json: KeysJson, place = 'keys') => new ReplyObject(parseJson(JSON.stringify(json)), place);

const readOwn = (json: KeysJson, context: object = {}) =>
  readKeys(documentOf(json), { checker: newChecker(), now: NOW, baseUrl: BASE_URL, masterPub, ...context });

describe('the layout of 2024', () => {
  test('is read and verified whole', () => {
    const checker = newChecker();
    const keys = readOwn(keysJson(BASE_URL, { revoked: [nameOf(DENOMINATIONS[3] as never)] }), { checker });
    expect([...keys.denominations.keys()].sort()).toEqual(DENOMINATIONS.map(nameOf).sort());
    for (const expected of DENOMINATIONS) {
      const { start, expireWithdraw, expireDeposit, expireLegal, value, fees, ageMask, cipher } = expected;
      const offered = keys.denominations.get(nameOf(expected));
      expect(offered).toMatchObject({
        start,
        expireWithdraw,
        expireDeposit,
        expireLegal,
        value,
        fees,
        ageMask,
        cipher,
      });
    }
    expect(keys.revoked).toEqual(new Set([nameOf(DENOMINATIONS[3] as never)]));
    expect(keys).toMatchObject({ currency: CURRENCY, baseUrl: BASE_URL, masterPub, ageMask: AGE_MASK });
    expect(keys.accounts.map(({ paytoUri, method }) => [paytoUri, method])).toEqual([[PAYTO, 'x-taler-bank']]);
    expect(keys.signingKeys.size).toBe(2);
    expect(keys.auditors.map(({ name, denominations }) => [name, denominations.size])).toEqual([['Auditor', 2]]);
    expect(feeAt(keys.wireFees.get('x-taler-bank') ?? [], NOW)?.closingFee.units).toBe(6_000_000n);
    expect(keys.globalFees[0]).toMatchObject({ purseAccountLimit: 5, purseTimeoutUs: 3600e6 });
    // 7 denominations, 2 signing keys, 3 over the set, extensions, account, 2 wire fees, global fee, 2 by the auditor
    expect(checker.count).toBe(19);
  });

  test('needs no flat list', () => {
    const { denoms, eddsa_sig, eddsa_pub, denominations_sig, ...json } = keysJson(BASE_URL);
    expect(readOwn(json).denominations.size).toBe(denoms.length);
  });

  test('needs a signature over the set as a whole', () => {
    const { exchange_sig, eddsa_sig, ...json } = keysJson(BASE_URL);
    expect(() => readOwn(json)).toThrow(misbehaviour('malformed', 'keys.eddsa_sig'));
  });
});

/** Values that nobody signs: they may be anything of their form. */
const UNSIGNED = /^(version|reserve_closing_delay|auditors\.\d+\.auditor_name)/;

describe('whatever is changed is noticed', () => {
  const paths = leavesOf(ownJson());

  test('there is enough to change', () => expect(paths.length).toBeGreaterThan(200));

  test.each(paths)('%s', (path) => {
    const json = ownJson();
    change(json, path);
    const read = () => readOwn(json);
    if (UNSIGNED.test(path)) expect(read).not.toThrow();
    else expect(read).toThrow(ExchangeMisbehaved);
  });

  test.each(paths.filter((path) => /(^|[._])sig$/.test(path) && !path.startsWith('denoms.')))(
    '%s by its name',
    (path) => {
      const json = ownJson();
      change(json, path);
      expect(() => readOwn(json)).toThrow(misbehaviour('signature', `keys.${placeOf(path)}`));
    },
  );
});

describe('what is left out, added or contradicts itself', () => {
  const cases: [name: string, mutate: (json: KeysJson) => void, kind: string, subject: string][] = [
    ['a group left out', (json) => json.denominations.pop(), 'contradiction', 'keys.denoms'],
    [
      'a key left out of both lists',
      (json) => {
        json.denominations.pop();
        json.denoms.pop();
      },
      'signature',
      'keys.exchange_sig',
    ],
    [
      'a key listed twice',
      (json) => json.denominations.push(json.denominations[0]),
      'contradiction',
      'keys.denominations',
    ],
    ['a flat list with one key twice', (json) => json.denoms.push(json.denoms[0]), 'signature', 'keys.eddsa_sig'],
    ['groups in another order', (json) => json.denominations.reverse(), 'signature', 'keys.exchange_sig'],
    ['no signing key', (json) => json.signkeys.splice(0, 1), 'signature', 'keys.exchange_pub'],
    [
      'a signing key that is not valid yet',
      (json) => {
        json.exchange_pub = json.signkeys[1].key;
      },
      'signature',
      'keys.exchange_pub',
    ],
    ['another base URL', (json) => (json.base_url = 'http://elsewhere.example/'), 'contradiction', 'keys.base_url'],
    [
      'another master key',
      (json) => (json.master_public_key = encodeBase32(privateKey('somebody'))),
      'signature',
      'keys.master_public_key',
    ],
    ['another currency', (json) => (json.currency = 'EUR'), 'malformed', 'keys.denominations[0].value'],
    ['no currency at all', (json) => delete json.currency, 'malformed', 'keys.currency'],
    [
      'null for a member',
      (json) => (json.accounts[0].conversion_url = null),
      'malformed',
      'keys.accounts[0].conversion_url',
    ],
    [
      'a mask without restriction',
      (json) => (json.denominations[0].age_mask = 3),
      'contradiction',
      'keys.denominations[0]',
    ],
    [
      'a cipher of tomorrow',
      (json) => (json.denominations[0].cipher = 'X'),
      'malformed',
      'keys.denominations[0].cipher',
    ],
    [
      'an expiration that never comes',
      (json) => (json.signkeys[0].stamp_end.t_s = 'never'),
      'malformed',
      'keys.signkeys[0]',
    ],
    [
      'fees that overlap',
      (json) => json.wire_fees['x-taler-bank'].push(json.wire_fees['x-taler-bank'][0]),
      'contradiction',
      'keys.wire_fees.x-taler-bank',
    ],
    ['an auditor of a key that is not offered', (json) => json.denominations.shift(), 'contradiction', 'keys.denoms'],
  ];

  test.each(cases)('%s', (_name, mutate, kind, subject) => {
    const json = ownJson();
    mutate(json);
    expect(() => readOwn(json)).toThrow(misbehaviour(kind, subject));
  });

  test.each([
    ['has run out', NOW + 3000 * 86_400],
    ['has not begun', NOW - 2 * 86_400],
  ])('a signing key that %s vouches for nothing', (_name, now) => {
    expect(() => readOwn(ownJson(), { now })).toThrow(misbehaviour('signature', 'keys.exchange_pub'));
  });

  test('extensions without a signature say nothing', () => {
    const { extensions_sig, ...json } = ownJson();
    expect(readOwn(json).ageMask).toBe(0);
  });

  test.each(['25:0:1', '24:0:24', '14:0:2', '99:9:85'])('version %s is spoken', (version) => {
    expect(readOwn({ ...keysJson(BASE_URL), version }).denominations.size).toBe(7);
  });

  test.each(['26:0:1', '13:0:2', '99:0:0'])('version %s is not', (version) => {
    expect(() => readOwn({ ...keysJson(BASE_URL), version })).toThrow(ExchangeIncompatible);
  });

  test('without a pinned key or URL the first is believed', () => {
    const keys = readOwn(keysJson('http://elsewhere.example/'), { baseUrl: undefined, masterPub: undefined });
    expect(keys.masterPub).toEqual(masterPub);
  });
});

/** Number of denominations and of signatures, and the age mask that is signed. */
const RECORDED: readonly [file: string, denominations: number, signatures: number, ageMask: number][] = [
  ['api_rsa', 40, 46, AGE_MASK],
  ['p2p_rsa', 40, 46, AGE_MASK],
  ['p2p_cs', 530, 536, AGE_MASK],
  ['kyc_api', 285, 290, 0],
  ['cases', 24, 29, 0],
  ['api_revocation_rsa', 40, 44, 0], // extensions are not signed there
];

describe('recorded /keys, in the layout of 2023', () => {
  const readRecorded = ({ reply, at }: Recorded, checker = newChecker()): ExchangeKeys =>
    readKeys(new ReplyObject(reply, 'keys'), { checker, now: at });
  const keysOf = (transcript: readonly Recorded[]) =>
    transcript.find(({ method, path }) => method === 'GET' && path === '/keys') as Recorded;

  test.each(RECORDED)('%s: %d denominations, %d signatures', (file, denominations, signatures, ageMask) => {
    const checker = newChecker();
    const keys = readRecorded(keysOf(readTranscript(file)), checker);
    expect([keys.denominations.size, checker.count, keys.ageMask]).toEqual([denominations, signatures, ageMask]);
  });

  test('each signature flipped is noticed', () => {
    const recorded = keysOf(readTranscript('cases'));
    const signatures = leavesOf(recorded.reply).filter((path) => /(^|[._])sig$/.test(path));
    expect(signatures).toHaveLength(24 + 24 + 2 + 1 + 2);
    for (const path of signatures) {
      const json = JSON.parse(JSON.stringify(recorded.reply));
      change(json, path);
      expect(() => readRecorded({ ...recorded, reply: json }), path).toThrow(ExchangeMisbehaved);
    }
  });

  test.each([
    ['api_rsa', 9],
    ['cases', 1],
  ])('%s: /wire belongs to /keys', (file, seq) => {
    const transcript = readTranscript(file);
    const keys = readRecorded(keysOf(transcript));
    const { accounts, fees } = readWire(new ReplyObject(recordedAt(transcript, seq).reply, 'wire'), keys, newChecker());
    expect(accounts).toHaveLength(1);
    expect(feeAt(fees.get('x-taler-bank') ?? [], recordedAt(transcript, seq).at)?.closingFee.units).toBe(1_000_000n);
  });
});

describe('/wire', () => {
  const keys = readOwn(keysJson(BASE_URL));

  test('is verified under the master key of /keys', () => {
    const { accounts, fees } = readWire(documentOf(wireJson(), 'wire'), keys, newChecker());
    expect(accounts.map(({ paytoUri }) => paytoUri)).toEqual([PAYTO]);
    expect(fees.get('x-taler-bank')).toHaveLength(1);
  });

  test.each(leavesOf(wireJson()))('%s changed is noticed', (path) => {
    const json = wireJson();
    change(json, path);
    expect(() => readWire(documentOf(json, 'wire'), keys, newChecker())).toThrow(ExchangeMisbehaved);
  });
});
