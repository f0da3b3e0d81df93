import { taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import { concat, EncodingError, encodeBase32 } from '@florin/encoding';
import { describe, expect, test } from 'vitest';
import { type DenominationSigner, type Ed25519Signer, generateKey, parseKey } from './private-keys.js';
import type { NewKey } from './protocol.js';

const { denomination, eddsa, planchet, cs } = taler(serverPrimitives);
const RSA: NewKey = { kind: 'denomination', cipher: 'RSA', bits: 1024, ageMask: 0 };
const CS: NewKey = { kind: 'denomination', cipher: 'CS', ageMask: 0x00255501 };
const ONLINE: NewKey = { kind: 'signing' };
const KINDS: [string, NewKey][] = [
  ['RSA denomination', RSA],
  ['CS denomination', CS],
  ['online signing', ONLINE],
  ['log', { kind: 'log' }],
];
const coinPubHash = new Uint8Array(64).fill(7);
const secret = new Uint8Array(32).fill(8);

async function generated(key: NewKey) {
  const { name, content } = await generateKey(key);
  return { name, content, signer: parseKey(name, content), file: JSON.parse(content) as Record<string, unknown> };
}

describe('a key that was made', () => {
  test('of RSA signs coins', async () => {
    const { signer } = await generated(RSA);
    const { public: key, sign } = signer as DenominationSigner;
    const offered = denomination(key.pub);
    expect(encodeBase32(offered.hash)).toBe(key.denominationHash);
    const blinded = offered.blind({ coinPubHash, blindingSecret: secret });
    if (blinded.cipher !== 'RSA') throw new Error('not of RSA');
    const blindSignature = sign(blinded.blindedPlanchet, 'withdraw');
    const unblinded = offered.unblind({ coinPubHash, blindingSecret: secret }, { cipher: 'RSA', blindSignature });
    expect(offered.verify(coinPubHash, unblinded)).toBe(true);
  });

  test.each(['withdraw', 'melt'] as const)('of Clause-Schnorr signs coins of a %s', async (operation) => {
    const { signer } = await generated(CS);
    const { public: key, sign, deriveR } = signer as DenominationSigner;
    const offered = denomination(key.pub);
    const nonce = planchet.withdrawNonce(secret);
    const pair = deriveR(nonce, operation);
    const session = { nonce, rPub0: pair.subarray(0, 32), rPub1: pair.subarray(32) };
    const blinding = { coinPubHash, blindingSecret: secret, session };
    const blinded = offered.blind(blinding);
    if (blinded.cipher !== 'CS') throw new Error('not of Clause-Schnorr');
    const answer = sign(concat(blinded.c0, blinded.c1, blinded.nonce), operation);
    const unblinded = offered.unblind(blinding, { cipher: 'CS', b: answer[0] as 0 | 1, s: answer.subarray(1) });
    expect(offered.verify(coinPubHash, unblinded)).toBe(true);
    expect(key.pub.ageMask).toBe(0x00255501);
  });

  test('of Ed25519 signs messages', async () => {
    const { signer } = await generated(ONLINE);
    const { public: key, sign } = signer as Ed25519Signer;
    expect(eddsa.verify(secret, sign(secret), key.pub)).toBe(true);
  });

  test.each(KINDS)('is another one each time (%s)', async (_, key) => {
    const [one, two] = [await generateKey(key), await generateKey(key)];
    expect(one.content).not.toBe(two.content);
  });

  test.each([
    [{ ...RSA, bits: 512 }],
    [{ ...RSA, bits: 2047 }],
    [{ ...RSA, bits: 8192 }],
    [{ ...RSA, ageMask: -1 }],
    [{ ...CS, ageMask: 2 ** 32 }],
    [{ ...CS, ageMask: 0.5 }],
  ] as [NewKey][])('has a size and a mask that are allowed, not %j', async (key) => {
    await expect(generateKey(key)).rejects.toThrow(EncodingError);
  });
});

describe('a key file is refused, and not quoted,', () => {
  const refused = (name: string, content: unknown, mustNotShow: unknown) => {
    let message = '';
    try {
      parseKey(name, typeof content === 'string' ? content : JSON.stringify(content));
    } catch (error) {
      expect(error).toBeInstanceOf(EncodingError);
      message = (error as Error).message;
    }
    expect(message).toContain(`what its name ${name} says`);
    for (let i = 0, text = String(mustNotShow); i + 12 <= text.length; i += 12) {
      if (!/[-\n ]/.test(text.slice(i, i + 12))) expect(message).not.toContain(text.slice(i, i + 12));
    }
  };

  test.each(KINDS)('when it is cut off or is not JSON (%s)', async (_, key) => {
    const { name, content, file } = await generated(key);
    for (const size of [0, 10, content.length >> 1, content.length - 3])
      refused(name, content.slice(0, size), file.priv);
    refused(name, file.priv, file.priv);
  });

  test.each(KINDS)('when a part of it is missing or of another type (%s)', async (_, key) => {
    const { name, file } = await generated(key);
    for (const member of ['kind', 'pub', 'priv']) {
      for (const value of [undefined, null, 5, '', {}]) refused(name, { ...file, [member]: value }, file.priv);
    }
    refused(name, [], file.priv);
  });

  test.each(KINDS.slice(0, 3))('when public or private part are those of another key (%s)', async (_, key) => {
    const { name, file } = await generated(key);
    const { name: otherName, file: other, content } = await generated(key);
    refused(name, { ...file, pub: other.pub }, file.priv);
    refused(name, { ...file, priv: other.priv }, other.priv);
    refused(name, content, other.priv);
    refused(otherName, file, file.priv);
  });

  test('when cipher, age mask or kind are others than the name says', async () => {
    const { name, file } = await generated(RSA);
    for (const changes of [{ ageMask: 1 }, { ageMask: 0.5 }, { cipher: 'CS' }, { cipher: 'DSA' }, { kind: 'log' }]) {
      refused(name, { ...file, ...changes }, file.priv);
    }
    const { name: log, file: logFile } = await generated({ kind: 'log' });
    refused(log, { ...logFile, kind: 'master' }, logFile.priv);
  });

  test('when the private scalar is none', async () => {
    const { name, file } = await generated(CS);
    for (const bytes of [new Uint8Array(32), new Uint8Array(32).fill(255)]) {
      refused(name, { ...file, priv: encodeBase32(bytes) }, '');
      expect(() => cs.publicKey(bytes)).toThrow();
    }
  });
});
