import { parseBlindedPlanchet, taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import {
  decodeBase32,
  encodeBase32,
  formatAmount,
  type JsonObject,
  type MessageFields,
  type MessageName,
  message,
} from '@florin/encoding';
import { describe, expect, test } from 'vitest';
import { ExchangeMisbehaved } from './errors.js';
import { readHistory } from './history.js';
import { type ExchangeKeys, readKeys } from './keys.js';
import { ReplyObject } from './reply.js';
import { SignatureChecker } from './signatures.js';
import {
  CRYPTO,
  CURRENCY,
  type KeysJson,
  keysJson,
  kudos,
  NOW,
  privateKey,
  signingPriv,
} from './testing/signed-keys.js';
import { change, leavesOf, misbehaviour } from './testing/tampering.js';
import { type Recorded, readTranscript } from './vectors.support.js';

const newChecker = () => new SignatureChecker(taler(serverPrimitives));

/** Recorded replies that hold a whole history and its balance: sequence number, types, signatures. */
const RECORDED: Readonly<Record<string, readonly (readonly [seq: number, types: string, signatures: number])[]>> = {
  api_rsa: [
    [14, 'CREDIT 2*WITHDRAW', 2],
    [73, 'CREDIT 2*WITHDRAW HISTORY', 3],
    [96, 'CREDIT 3*WITHDRAW RECOUP', 4],
    [99, 'CREDIT CLOSING', 1],
  ],
  p2p_rsa: [
    [19, 'CREDIT WITHDRAW MERGE', 2],
    [26, 'CREDIT WITHDRAW 2*MERGE', 3],
  ],
  p2p_cs: [
    [20, 'CREDIT WITHDRAW MERGE', 2],
    [27, 'CREDIT WITHDRAW 2*MERGE', 3],
  ],
  kyc_api: [
    [44, 'CREDIT WITHDRAW MERGE', 2],
    [53, 'CREDIT MERGE', 1],
  ],
  cases: [
    [23, 'CREDIT 9*WITHDRAW', 9],
    [34, 'CREDIT 9*WITHDRAW', 9],
    [36, 'CREDIT 9*WITHDRAW', 9],
    [39, 'CREDIT 9*WITHDRAW HISTORY', 10],
    [107, 'CREDIT 3*CLOSE', 3],
  ],
};

/** Members that nobody signs. A credit is the owner's to compare; only its amount is part of the sum. */
const UNSIGNED: Readonly<Record<string, readonly string[]>> = {
  reply: ['hint', 'code', 'requested_amount'],
  CREDIT: ['timestamp', 'sender_account_url', 'wire_reference'],
  MERGE: ['merge_pub'],
};

describe.each(Object.entries(RECORDED))('histories recorded in %s', (file, histories) => {
  const transcript = readTranscript(file);
  const keys = readRecordedKeys(transcript);
  const recorded = new Map(
    transcript.filter(({ reply }) => (reply as JsonObject)?.history !== undefined).map((one) => [one.seq, one]),
  );
  const read = (one: Recorded, json = one.reply, checker = newChecker()) =>
    readHistory(new ReplyObject(json, 'reply'), scopeAt(keys, one, checker));

  test('are these, and no others of a reserve', () => {
    const ofReserves = [...recorded.values()].filter(({ path }) => path.startsWith('/reserves/'));
    expect(ofReserves.map(({ seq }) => seq)).toEqual(histories.map(([seq]) => seq));
  });

  test.each(histories)('%d: %s', (seq, types, signatures) => {
    const checker = newChecker();
    const { entries } = read(recorded.get(seq) as Recorded, undefined, checker);
    expect(inShort(entries.map(({ type }) => type))).toBe(types);
    expect(checker.count).toBe(signatures);
  });

  test.each(histories)('%d: whatever is changed is noticed', (seq) => {
    const one = recorded.get(seq) as Recorded;
    const paths = leavesOf(one.reply);
    for (const path of paths) {
      const [list, index, member] = path.split('.') as [string, string?, string?];
      const entry = list === 'history' ? (one.reply as KeysJson).history[index ?? ''] : undefined;
      if (UNSIGNED[entry?.type ?? 'reply']?.includes(member ?? list)) continue;
      const json = JSON.parse(JSON.stringify(one.reply));
      change(json, path);
      expect(() => read(one, json), path).toThrow(ExchangeMisbehaved);
    }
    expect(paths.length).toBeGreaterThan(10);
  });

  test.each(histories)('%d: an entry left out or listed twice is noticed', (seq) => {
    const one = recorded.get(seq) as Recorded;
    const { history } = one.reply as unknown as { history: KeysJson[] };
    history.forEach((entry, index) => {
      if (entry.type === 'CLOSE') return; // changes nothing, and may be repeated
      const without = { ...(one.reply as object), history: history.toSpliced(index, 1) } as KeysJson;
      expect(() => read(one, without)).toThrow(ExchangeMisbehaved);
      const twice = { ...(one.reply as object), history: [...history, entry] } as KeysJson;
      const place = entry.type === 'CREDIT' || entry.type === 'RECOUP' ? 'balance' : `history[${history.length}]`;
      expect(() => read(one, twice)).toThrow(misbehaviour('contradiction', `reply.${place}`));
    });
  });

  test('name the envelopes that were sent', () => {
    const sent = new Set(transcript.flatMap((one) => envelopesSent(one)));
    for (const [seq] of histories) {
      for (const entry of read(recorded.get(seq) as Recorded).entries) {
        if (entry.type === 'WITHDRAW') expect(sent).toContain(entry.envelopeHash);
      }
    }
  });
});

describe('entries that were never recorded', () => {
  const ownerPriv = privateKey('reserve');
  const reservePub = CRYPTO.eddsa.publicKey(ownerPriv);
  const keys = readKeys(new ReplyObject(keysJson('http://127.0.0.1:8081/'), 'keys'), {
    checker: newChecker(),
    now: NOW,
  });
  const read = (balance: string, ...history: object[]) =>
    readHistory(new ReplyObject({ balance: `${CURRENCY}:${balance}`, history } as KeysJson, 'reply'), {
      ...{ checker: newChecker(), reservePub, currency: CURRENCY, now: NOW },
      ...{ signingKeys: keys.signingKeys, denominations: keys.denominations },
    });
  const signed = <N extends MessageName>(priv: Uint8Array, name: N, fields: MessageFields<N>) =>
    encodeBase32(CRYPTO.eddsa.sign(message(name, fields), priv));
  const credit = { type: 'CREDIT', amount: 'KUDOS:5', timestamp: { t_s: NOW }, wire_reference: 7 };

  function merge(options: { readonly flags: number; readonly purseFee: string; readonly merged: boolean }) {
    const fields = {
      purseExpiration: NOW + 9,
      purseAmount: kudos('2'),
      purseFee: kudos(options.purseFee),
      hContractTerms: new Uint8Array(64),
      pursePub: new Uint8Array(32),
      mergeTimestamp: NOW,
      minAge: 0,
      flags: options.flags,
    };
    return {
      type: 'MERGE',
      amount: 'KUDOS:2',
      purse_fee: formatAmount(fields.purseFee),
      purse_pub: encodeBase32(fields.pursePub),
      purse_expiration: { t_s: fields.purseExpiration },
      merge_timestamp: { t_s: NOW },
      h_contract_terms: encodeBase32(fields.hContractTerms),
      merge_pub: encodeBase32(new Uint8Array(32)),
      min_age: 0,
      flags: options.flags,
      merged: options.merged,
      reserve_sig: signed(ownerPriv, 'AccountMerge', fields),
    };
  }

  test('a merge credits once it happened, and its fee is taken at once', () => {
    expect(() => read('6.5', credit, merge({ flags: 3, purseFee: '0.5', merged: true }))).not.toThrow();
    expect(() => read('4.5', credit, merge({ flags: 3, purseFee: '0.5', merged: false }))).not.toThrow();
    expect(() => read('5', credit, merge({ flags: 2, purseFee: '0', merged: false }))).not.toThrow();
  });

  test('opening costs what was signed', () => {
    const fields = { reservePayment: kudos('3'), requestTimestamp: NOW, reserveExpiration: NOW + 99, purseLimit: 2 };
    const open = {
      type: 'OPEN',
      open_fee: 'KUDOS:3',
      request_timestamp: { t_s: NOW },
      requested_expiration: { t_s: NOW + 99 },
      requested_min_purses: 2,
      reserve_sig: signed(ownerPriv, 'ReserveOpen', fields),
    };
    expect(read('2', credit, open).entries[1]).toMatchObject({ type: 'OPEN', amount: kudos('3'), purseLimit: 2 });
    for (const path of leavesOf(open).filter((leaf) => leaf !== 'type')) {
      const other = JSON.parse(JSON.stringify(open));
      change(other, path);
      expect(() => read('2', credit, other), path).toThrow(ExchangeMisbehaved);
    }
  });

  describe('of closing', () => {
    const receiver = 'payto://x-taler-bank/localhost/42?receiver-name=42';
    const hPayto = CRYPTO.hash.fullPayto(receiver);
    const closing = (exchangePriv: Uint8Array, more: object) => ({
      type: 'CLOSING',
      amount: 'KUDOS:5',
      closing_fee: 'KUDOS:0.1',
      wtid: encodeBase32(new Uint8Array(32)),
      timestamp: { t_s: NOW },
      exchange_pub: encodeBase32(CRYPTO.eddsa.publicKey(exchangePriv)),
      exchange_sig: signed(exchangePriv, 'ReserveCloseConfirmation', {
        timestamp: NOW,
        closingAmount: kudos('5'),
        closingFee: kudos('0.1'),
        reservePub,
        hPayto,
        wtid: new Uint8Array(32),
      }),
      ...more,
    });

    test('the hash stands in for an account whose owner was forgotten', () => {
      expect(() => read('0', credit, closing(signingPriv, { receiver_account_details: receiver }))).not.toThrow();
      expect(() => read('0', credit, closing(signingPriv, { h_payto: encodeBase32(hPayto) }))).not.toThrow();
      expect(() => read('0', credit, closing(signingPriv, {}))).toThrow(
        misbehaviour('malformed', 'reply.history[1].h_payto'),
      );
    });

    test.each(['next signing key', 'nobody'])('the key has to be one of the exchange, at this time: %s', (name) => {
      expect(() => read('0', credit, closing(privateKey(name), { receiver_account_details: receiver }))).toThrow(
        misbehaviour('signature', 'reply.history[1].exchange_pub'),
      );
    });
  });

  test('a request to close names its account, or means the origin', () => {
    const close = (more: object, hPayto: Uint8Array | undefined) => ({
      type: 'CLOSE',
      request_timestamp: { t_s: NOW },
      reserve_sig: signed(ownerPriv, 'ReserveClose', { requestTimestamp: NOW, targetAccountHPayto: hPayto }),
      ...more,
    });
    const [sender, other] = ['payto://x-taler-bank/h/a?receiver-name=A', 'payto://x-taler-bank/h/b?receiver-name=B'];
    const hash = CRYPTO.hash.fullPayto;
    const from = { ...credit, sender_account_url: sender };
    expect(() => read('5', from, close({}, undefined))).not.toThrow();
    expect(() => read('5', from, close({ h_payto: encodeBase32(hash(other)) }, hash(other)))).not.toThrow();
    expect(() => read('5', from, close({ h_payto: encodeBase32(hash(sender)) }, undefined))).not.toThrow();
    const refused = misbehaviour('signature', 'reply.history[1].reserve_sig');
    expect(() => read('5', from, close({ h_payto: encodeBase32(hash(other)) }, undefined))).toThrow(refused);
    expect(() => read('5', from, close({}, hash(other)))).toThrow(refused);
  });

  test("a withdrawal at another price than the denomination's is noticed", () => {
    const [offered] = keys.denominations.values();
    if (!offered) throw new Error('no denomination');
    const withdrawal = (amount: string, fee: string) => ({
      type: 'WITHDRAW',
      amount: `KUDOS:${amount}`,
      withdraw_fee: `KUDOS:${fee}`,
      h_denom_pub: offered.name,
      h_coin_envelope: encodeBase32(new Uint8Array(64)),
      reserve_sig: signed(ownerPriv, 'WithdrawRequest', {
        amountWithFee: kudos(amount),
        hDenominationPub: offered.key.hash,
        hCoinEnvelope: new Uint8Array(64),
      }),
    });
    expect(() => read('3.99', credit, withdrawal('1.01', '0.01'))).not.toThrow();
    const refused = misbehaviour('contradiction', 'reply.history[1]');
    expect(() => read('3.98', credit, withdrawal('1.02', '0.01'))).toThrow(refused);
    expect(() => read('3.99', credit, withdrawal('1.01', '0.02'))).toThrow(refused);
  });

  test.each([
    [{ ...credit, type: 'GIFT' }, 'reply.history[0].type'],
    [{ ...credit, type: 'toString' }, 'reply.history[0].type'],
    [{ ...credit, wire_reference: -1 }, 'reply.history[0].wire_reference'],
    [{ ...credit, amount: 'EUR:5' }, 'reply.history[0].amount'],
    [[], 'reply.history[0]'],
  ])('%j is no entry', (entry, place) => {
    expect(() => read('5', entry)).toThrow(misbehaviour('malformed', place));
  });
});

function readRecordedKeys(transcript: readonly Recorded[]): ExchangeKeys {
  const recorded = transcript.find(({ path, method }) => method === 'GET' && path === '/keys') as Recorded;
  return readKeys(new ReplyObject(recorded.reply, 'keys'), { checker: newChecker(), now: recorded.at });
}

function scopeAt(
  { signingKeys, denominations, currency }: ExchangeKeys,
  { path, at }: Recorded,
  checker: SignatureChecker,
) {
  const reservePub = decodeBase32(path.split('/')[2] ?? '', 32);
  return { checker, signingKeys, denominations, currency, now: at, reservePub };
}

function envelopesSent({ request }: Recorded): string[] {
  const { planchets = [request] } = (request ?? {}) as KeysJson;
  return planchets.flatMap((planchet: KeysJson) => {
    if (!planchet?.coin_ev) return [];
    const envelope = CRYPTO.hash.envelope(
      decodeBase32(planchet.denom_pub_hash, 64),
      parseBlindedPlanchet(planchet.coin_ev),
    );
    return [encodeBase32(envelope)];
  });
}

/** `CREDIT 2*WITHDRAW` */
function inShort(types: readonly string[]): string {
  const kinds = [...new Set(types)];
  const count = (kind: string) => types.filter((type) => type === kind).length;
  return kinds.map((kind) => (count(kind) === 1 ? kind : `${count(kind)}*${kind}`)).join(' ');
}
