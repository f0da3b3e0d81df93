import { EncodingError, encodeBase32 } from '@florin/encoding';
import { describe, expect, test } from 'vitest';
import { toLittleEndian32 } from './bigint.js';
import {
  encodeDenominationPub,
  encodeWithdrawValues,
  MemberError,
  parseBlindedPlanchet,
  parseBlindSignature,
  parseDenominationPub,
  parseDenominationSignature,
  parseWithdrawValues,
} from './index.js';
import { L } from './scalar.js';
import { type Row, readVectors } from './vectors.support.js';

const rsaRow = readVectors('rsa.json').vectors.find((row: Row) => row.denom);
const csRow = readVectors('cs.json').vectors.find((row: Row) => row.denom);
const sized = (length: number, fill = 1) => encodeBase32(new Uint8Array(length).fill(fill));
const largeScalar = encodeBase32(toLittleEndian32(L));

/** What a parser is fed: a good object, and per case the members changed and the member that must be named. */
interface Refusals {
  readonly parse: (json: unknown) => unknown;
  readonly rsa: Row;
  readonly cs: Row;
  readonly cases: readonly (readonly ['rsa' | 'cs', string, Readonly<Record<string, unknown>>, string])[];
}

const rsaValue = (member: string) =>
  [undefined, null, 7, [], '', '00', sized(1025), `00${rsaRow.json.coin_ev.rsa_blinded_planchet}`, '!!', '1'].map(
    (value) => ['rsa', `${member} ${kind(value)}`, { [member]: value }, member] as const,
  );
const ofSize32 = (member: string) =>
  [undefined, null, 7, {}, '', sized(31), sized(33), `${sized(31)}U-`, ` ${sized(32)}`].map(
    (value) => ['cs', `${member} ${kind(value)}`, { [member]: value }, member] as const,
  );
const scalarMember = (member: string) => [
  ...ofSize32(member),
  ['cs', `${member} not below L`, { [member]: largeScalar }, member] as const,
];
const kind = (value: unknown) => (typeof value === 'string' ? `of ${value.length} characters` : JSON.stringify(value));
const cipher = (['rsa', 'cs'] as const).flatMap((good) =>
  [undefined, null, 1, 'rsa', 'RSA+age_restricted', 'DSA'].map(
    (value) => [good, `cipher ${JSON.stringify(value)} for ${good}`, { cipher: value }, 'cipher'] as const,
  ),
);

const PARSERS: Readonly<Record<string, Refusals>> = {
  denom_pub: {
    parse: parseDenominationPub,
    rsa: encodeDenominationPub(parseDenominationPub(rsaRow.denom.json.denom_pub)),
    cs: encodeDenominationPub(parseDenominationPub(csRow.denom.json.denom_pub)),
    cases: [
      ...cipher,
      ...[undefined, null, -1, 1.5, 2 ** 32, '0'].map(
        (mask) => ['rsa', `age_mask ${JSON.stringify(mask)}`, { age_mask: mask }, 'age_mask'] as const,
      ),
      ['rsa', 'rsa_pub truncated', { rsa_pub: sized(20) }, 'rsa_pub'],
      ['rsa', 'rsa_pub without numbers', { rsa_pub: sized(4, 0) }, 'rsa_pub'],
      ['rsa', 'no key', { rsa_pub: undefined }, 'rsa_public_key'],
      ...ofSize32('cs_pub').filter(([, , { cs_pub }]) => cs_pub !== undefined),
      ['cs', 'no key', { cs_pub: undefined }, 'cs_public_key'],
    ],
  },
  coin_ev: {
    parse: parseBlindedPlanchet,
    rsa: rsaRow.json.coin_ev,
    cs: csRow.json.coin_ev,
    cases: [
      ...cipher,
      ...rsaValue('rsa_blinded_planchet'),
      ...ofSize32('cs_nonce'),
      ...scalarMember('cs_blinded_c0'),
      ...scalarMember('cs_blinded_c1'),
    ],
  },
  ev_sig: {
    parse: parseBlindSignature,
    rsa: rsaRow.json.ev_sig,
    cs: csRow.json.ev_sig,
    cases: [
      ...cipher,
      ...rsaValue('blinded_rsa_signature'),
      ...scalarMember('s'),
      ...[undefined, null, 2, -1, '0', true].map((b) => ['cs', `b ${JSON.stringify(b)}`, { b }, 'b'] as const),
    ],
  },
  ub_sig: {
    parse: parseDenominationSignature,
    rsa: rsaRow.json.ub_sig,
    cs: csRow.json.ub_sig,
    cases: [...cipher, ...rsaValue('rsa_signature'), ...ofSize32('cs_signature_r'), ...scalarMember('cs_signature_s')],
  },
  ewv: {
    parse: parseWithdrawValues,
    rsa: { cipher: 'RSA' },
    cs: csRow.json.ewv,
    cases: [...cipher, ...ofSize32('r_pub_0'), ...ofSize32('r_pub_1')],
  },
};

for (const [object, { parse, rsa, cs, cases }] of Object.entries(PARSERS)) {
  describe(object, () => {
    test('the good objects are read, also with members nobody knows', () => {
      for (const good of [rsa, cs]) expect(parse({ ...good, unknown: 1 })).toEqual(parse(good));
      expect((parse(rsa) as Row).cipher).toBe('RSA');
      expect((parse(cs) as Row).cipher).toBe('CS');
    });

    test.each([undefined, null, 1, 'text', [], [rsa]])('%j is no object', (json) => {
      expect(() => parse(json)).toThrow(MemberError);
    });

    for (const [good, name, change, member] of cases) {
      test(`${good}: ${name}`, () => {
        const error = refusalOf(() => parse({ ...(good === 'rsa' ? rsa : cs), ...change }));
        expect(error).toBeInstanceOf(EncodingError);
        expect(error.member).toBe(member);
        expect(error.message).toContain(`as ${member}`);
      });
    }
  });
}

test('both generations of member names are read, and written on demand', () => {
  const pub = parseDenominationPub(rsaRow.denom.json.denom_pub);
  const names = (json: object) => Object.keys(json);
  expect(names(encodeDenominationPub(pub))).toEqual(['cipher', 'age_mask', 'rsa_pub']);
  expect(names(encodeDenominationPub(pub, { names2022: true }))).toEqual(['cipher', 'age_mask', 'rsa_public_key']);
  const csPub = parseDenominationPub(csRow.denom.json.denom_pub);
  expect(names(encodeDenominationPub(csPub))).toEqual(['cipher', 'age_mask', 'cs_pub']);
  for (const key of [pub, csPub]) expect(parseDenominationPub(encodeDenominationPub(key))).toEqual(key);
  expect(encodeWithdrawValues({ cipher: 'RSA' })).toEqual({ cipher: 'RSA' });
});

function refusalOf(action: () => unknown): MemberError {
  try {
    action();
  } catch (error) {
    return error as MemberError;
  }
  throw new Error('nothing was refused');
}
