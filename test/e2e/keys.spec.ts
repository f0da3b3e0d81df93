import { inflateSync } from 'node:zlib';
import { parseDenominationPub } from '@florin/crypto';
import {
  concat,
  decodeBase32,
  encodeBase32,
  type JsonValue,
  message,
  parseDuration,
  parseTimestamp,
} from '@florin/encoding';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningExchange, smallKeys, startExchange } from '../support/exchange.js';
import { expectOk, expectRefusal, type Json, type Reply, send } from './support/http.js';
import { CURRENCY, now, readOffers, units } from './support/offers.js';
import { isSigned, oracle } from './support/oracle.js';

// What `/keys` promises, checked by own arithmetic against the master key: the layouts of 2023 and of 2024 in one
// reply.
let exchange: RunningExchange;
let reply: Reply;
let keys: Json;
let masterPub: string;

beforeAll(async () => {
  exchange = await startExchange({
    onTestServer: true,
    configure: (settings) => {
      smallKeys(settings);
      const [first] = settings.denominations;
      settings.denominations.push({ ...first, value: 'KUDOS:3', withdrawFor: '3 days' });
      settings.keySchedule.lookahead = '1 week';
      settings.wireFees.push({ ...settings.wireFees[0], method: 'iban', wireFee: 'KUDOS:0.1' });
    },
  });
  reply = await send(`${exchange.baseUrl}keys`);
  keys = expectOk(reply);
  masterPub = keys.master_public_key as string;
});
afterAll(async () => {
  expect(await exchange.stop()).toBe(0);
  exchange.remove();
});

const list = (json: unknown): Json[] => json as Json[];
const money = (text: unknown) => ({ currency: CURRENCY, units: units(String(text)) });
const fees = (json: Json) => ({
  withdraw: money(json.fee_withdraw),
  deposit: money(json.fee_deposit),
  refresh: money(json.fee_refresh),
  refund: money(json.fee_refund),
});
const stamps = (json: Json) => ({
  start: parseTimestamp(json.stamp_start),
  expireWithdraw: parseTimestamp(json.stamp_expire_withdraw),
  expireDeposit: parseTimestamp(json.stamp_expire_deposit),
  expireLegal: parseTimestamp(json.stamp_expire_legal),
});
/** The denomination hash by crypto.md 2. */
const hashOf = (pub: Parameters<typeof oracle.hash.denomination>[0]): Uint8Array => oracle.hash.denomination(pub);
const xor = (hashes: readonly Uint8Array[]): Uint8Array =>
  hashes.reduce((all, hash) => all.map((byte, index) => byte ^ (hash[index] ?? 0)), new Uint8Array(64));
const signedByMaster = (bytes: Uint8Array, signature: unknown): boolean => isSigned(bytes, signature, masterPub);

/** Each denomination as it stands in the groups. */
const grouped = () =>
  list(keys.denominations).flatMap((group) =>
    list(group.denoms).map((denomination) => {
      const [cipher] = String(group.cipher).split('+') as ['RSA' | 'CS'];
      const pub = parseDenominationPub({ ...denomination, cipher, age_mask: group.age_mask ?? 0 });
      return { group, denomination, hash: hashOf(pub), pub };
    }),
  );
const flat = () => list(keys.denoms).map((json) => ({ json, hash: hashOf(parseDenominationPub(json.denom_pub)) }));

describe('denominations', () => {
  test('stand in groups and flat: the same, each signed by the master key for value, fees and time', () => {
    const all = [
      ...grouped().map(({ group, denomination, hash }) => ({ terms: group, json: denomination, hash })),
      ...flat().map(({ json, hash }) => ({ terms: json, json, hash })),
    ];
    for (const { terms, json, hash } of all) {
      const validity = message('DenominationKeyValidity', {
        master: decodeBase32(masterPub, 32),
        ...stamps(json),
        value: money(terms.value),
        fees: fees(terms),
        denomHash: hash,
      });
      expect(signedByMaster(validity, json.master_sig)).toBe(true);
      const { start, expireWithdraw, expireDeposit, expireLegal } = stamps(json);
      const order = [start, expireWithdraw, expireDeposit, expireLegal];
      expect([...order].sort((a, b) => a - b)).toEqual(order);
      expect(order.every(Number.isSafeInteger)).toBe(true);
    }
    const names = (hashes: { hash: Uint8Array }[]) => hashes.map(({ hash }) => encodeBase32(hash)).sort();
    expect(names(grouped())).toEqual(names(flat()));
    expect(new Set(names(flat())).size).toBe(flat().length);
  });

  test('cover what is configured, without a gap for the time ahead', async () => {
    const offers = await readOffers(exchange.baseUrl);
    for (const value of ['0.1', '1', '2', '5', '10', '3']) expect(offers.of(value).ageMask).toBe(0);
    expect(offers.of('1', { aged: true }).ageMask).toBe(0x00255501);
    expect(offers.of('5', { cipher: 'CS' }).fee).toBe(units('0.03'));
    const chain = offers.denominations.filter(({ value }) => value === units('3')).sort((a, b) => a.start - b.start);
    expect(chain.length).toBeGreaterThanOrEqual(3);
    for (const [index, { start }] of chain.slice(1).entries()) {
      expect(start).toBe((chain[index]?.expireWithdraw ?? 0) - 86_400);
    }
  });

  test('are grouped by what they have in common, newest first, each group with its hash', () => {
    const groups = list(keys.denominations);
    const names = groups.map(({ cipher, value, age_mask, ...group }) =>
      JSON.stringify([cipher, value, age_mask, fees(group)].map(String)),
    );
    expect(new Set(names).size).toBe(groups.length);
    for (const group of groups) {
      const members = grouped().filter((one) => one.group === group);
      expect(encodeBase32(xor(members.map(({ hash }) => hash)))).toBe(group.hash);
      const starts = list(group.denoms).map((json) => stamps(json).start);
      expect(starts).toEqual([...starts].sort((a, b) => b - a));
      const restricted = String(group.cipher).endsWith('+age_restricted');
      expect(group.age_mask).toBe(restricted ? 0x00255501 : undefined);
      expect(list(group.denoms).every((json) => 'rsa_pub' in json === String(group.cipher).startsWith('RSA'))).toBe(
        true,
      );
    }
    const starts = flat().map(({ json }) => stamps(json).start);
    expect(starts).toEqual([...starts].sort((a, b) => b - a));
  });

  test('name their keys as clients of both times expect', () => {
    for (const { json } of flat()) {
      const pub = json.denom_pub as Json;
      if (pub.cipher === 'RSA') expect(pub.rsa_public_key).toBe(pub.rsa_pub);
      else expect(pub.cs_public_key).toBe(pub.cs_pub);
    }
    const ciphers = new Set(flat().map(({ json }) => (json.denom_pub as Json).cipher));
    expect(ciphers).toEqual(new Set(['RSA', 'CS']));
  });
});

describe('the set as a whole', () => {
  const signingKey = (pub: unknown) => list(keys.signkeys).find(({ key }) => key === pub);
  const keySet = (hc: Uint8Array): Uint8Array =>
    message('ExchangeKeySet', { listIssueDate: parseTimestamp(keys.list_issue_date), hc });
  const { sha512 } = oracle.hash;

  test('is signed by an online key that the master key vouches for, and that is valid now', () => {
    for (const json of list(keys.signkeys)) {
      const validity = message('ExchangeSigningKeyValidity', {
        start: parseTimestamp(json.stamp_start),
        expire: parseTimestamp(json.stamp_expire),
        end: parseTimestamp(json.stamp_end),
        signkeyPub: decodeBase32(String(json.key), 32),
      });
      expect(signedByMaster(validity, json.master_sig)).toBe(true);
    }
    const signer = signingKey(keys.exchange_pub);
    expect(parseTimestamp(signer?.stamp_start)).toBeLessThanOrEqual(now());
    expect(parseTimestamp(signer?.stamp_expire)).toBeGreaterThan(now());
    expect(keys.eddsa_pub).toBe(keys.exchange_pub);
  });

  test('exchange_sig: over the master signatures, group by group', () => {
    const signatures = grouped().map(({ denomination }) => decodeBase32(String(denomination.master_sig), 64));
    expect(isSigned(keySet(sha512(concat(...signatures))), keys.exchange_sig, keys.exchange_pub)).toBe(true);
  });

  test('eddsa_sig: over the hashes in flat order; denominations_sig: over their XOR', () => {
    const hashes = flat().map(({ hash }) => hash);
    expect(isSigned(keySet(sha512(concat(...hashes))), keys.eddsa_sig, keys.eddsa_pub)).toBe(true);
    expect(isSigned(keySet(xor(hashes)), keys.denominations_sig, keys.eddsa_pub)).toBe(true);
  });

  test('says who it is, and promises no time without end', () => {
    expect(keys).toMatchObject({
      version: '24:0:12',
      base_url: exchange.baseUrl,
      currency: CURRENCY,
      asset_type: 'fiat',
    });
    expect(parseDuration(keys.reserve_closing_delay)).toBe(28 * 86_400 * 1e6);
    expect(reply.text).not.toMatch(/"(never|forever)"/);
    for (const member of ['recoup', 'wads', 'auditors', 'hard_limits', 'zero_limits']) expect(keys[member]).toEqual([]);
    for (const member of ['stefan_abs', 'stefan_log']) money(keys[member]);
    expect(parseTimestamp(keys.list_issue_date)).toBeLessThanOrEqual(now());
  });

  test('age groups are an extension that the master key signed', () => {
    const extensions = keys.extensions as Record<string, JsonValue>;
    expect(extensions).toEqual({
      age_restriction: { critical: false, version: '1', config: { age_groups: '8:10:12:14:16:18:21' } },
    });
    const manifest = message('MasterExtensionManifest', { hManifest: oracle.hash.extensions(extensions) });
    expect(signedByMaster(manifest, keys.extensions_sig)).toBe(true);
  });
});

describe('accounts and fees', () => {
  const none = oracle.hash.json([]);

  test('accounts are signed in the layout of each time', async () => {
    const wire = expectOk(await send(`${exchange.baseUrl}wire`));
    expect(Object.keys(wire).sort()).toEqual(['accounts', 'fees', 'master_public_key']);
    expect(wire.master_public_key).toBe(masterPub);
    const [present, old] = [list(keys.accounts), list(wire.accounts)];
    expect(present.map(({ payto_uri }) => payto_uri)).toEqual([
      'payto://x-taler-bank/localhost/exchange?receiver-name=Exchange',
    ]);
    expect(old.map(({ payto_uri }) => payto_uri)).toEqual(present.map(({ payto_uri }) => payto_uri));
    for (const json of present) {
      const details = message('MasterWireDetails', {
        hWireDetails: oracle.hash.fullPayto(String(json.payto_uri)),
        hConversionUrl: undefined,
        hDebitRestrictions: none,
        hCreditRestrictions: none,
      });
      expect(details.length).toBe(232);
      expect(signedByMaster(details, json.master_sig)).toBe(true);
      expect([json.credit_restrictions, json.debit_restrictions]).toEqual([[], []]);
    }
    for (const json of old) {
      const hWireDetails = oracle.hash.fullPayto(String(json.payto_uri));
      const details = message('MasterWireDetails2023', { hWireDetails });
      expect(details.length).toBe(40);
      expect(signedByMaster(details, json.master_sig)).toBe(true);
    }
    expect(wire.fees).toEqual(keys.wire_fees);
  });

  test('wire fees by method, and global fees, are signed for their time', () => {
    const byMethod = keys.wire_fees as Readonly<Record<string, Json[]>>;
    expect(Object.keys(byMethod).sort()).toEqual(['iban', 'x-taler-bank']);
    for (const [method, entries] of Object.entries(byMethod)) {
      for (const json of entries) {
        const signed = message('MasterWireFee', {
          hWireMethod: oracle.hash.text(method),
          startDate: parseTimestamp(json.start_date),
          endDate: parseTimestamp(json.end_date),
          fees: { wire: money(json.wire_fee), closing: money(json.closing_fee) },
        });
        expect(signedByMaster(signed, json.sig)).toBe(true);
      }
    }
    expect(byMethod.iban?.[0]?.wire_fee).toBe('KUDOS:0.1');
    const [json, ...others] = list(keys.global_fees) as [Json, ...Json[]];
    expect(others).toEqual([]);
    const signed = message('MasterGlobalFee', {
      startDate: parseTimestamp(json.start_date),
      endDate: parseTimestamp(json.end_date),
      purseTimeout: parseDuration(json.purse_timeout),
      historyExpiration: parseDuration(json.history_expiration),
      fees: { history: money(json.history_fee), account: money(json.account_fee), purse: money(json.purse_fee) },
      purseAccountLimit: Number(json.purse_account_limit),
    });
    expect(signedByMaster(signed, json.master_sig)).toBe(true);
  });
});

describe('as a document', () => {
  const get = (headers = {}): Promise<Reply> => send(`${exchange.baseUrl}keys`, { headers });

  test('is the same until something changes, and known by the hash of its bytes', async () => {
    const again = await get();
    expect(again.bytes.equals(reply.bytes)).toBe(true);
    const tag = encodeBase32(oracle.hash.sha512(reply.bytes));
    expect(again.headers.etag).toBe(`"${tag}"`);
    for (const header of ['last-modified', 'expires']) expect(Date.parse(String(again.headers[header]))).not.toBeNaN();
    expect(again.headers['cache-control']).toMatch(/max-age=/);
    expect(again.headers.vary).toContain('Accept-Encoding');
    for (const known of [`"${tag}"`, tag, `W/"${tag}"`, `"x", "${tag}"`, '*']) {
      const unchanged = await get({ 'If-None-Match': known });
      expect([unchanged.status, unchanged.text, unchanged.headers.etag]).toEqual([304, '', `"${tag}"`]);
    }
    for (const other of ['"x"', '', `"${tag.slice(1)}"`])
      expect((await get({ 'If-None-Match': other })).status).toBe(200);
    const packed = await get({ 'Accept-Encoding': 'deflate' });
    expect(packed.headers['content-encoding']).toBe('deflate');
    expect(inflateSync(packed.bytes).equals(reply.bytes)).toBe(true);
  });

  test('is whole for whoever asks for what came later, and refuses a date that is none', async () => {
    const { t_s: issued } = keys.list_issue_date as { t_s: number };
    for (const date of [0, issued, issued - 1, issued + 1000]) {
      expectOk(await send(`${exchange.baseUrl}keys?last_issue_date=${date}`));
    }
    for (const date of ['x', '-1', '1.5', '']) {
      const body = expectRefusal(await send(`${exchange.baseUrl}keys?last_issue_date=${date}`), 400, 26);
      expect(body.detail).toBe('last_issue_date');
    }
  });
});
