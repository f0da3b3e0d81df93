import { generateKeyPairSync } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import type { DenominationPub, DenominationSignature } from '@florin/crypto';
import { rsaSigner } from '@florin/crypto/server';
import { utf8 } from '@florin/encoding';
import { beforeAll, describe, expect, test } from 'vitest';
import { cs, denomination, eddsa, hash } from './signers.support.js';
import { afterwards } from './temporary.support.js';
import { Verifiers, VerifiersBusy, type VerifiersOptions, VerifiersUnavailable } from './verifiers.js';
import { packJobs, packRebuildJobs, type RebuildJob, unpackJobs, unpackRebuildJobs, type VerifyJob } from './verify.js';

interface Case {
  readonly what: string;
  readonly job: VerifyJob;
  readonly good: boolean;
}

const numbered = (i: number) => hash.sha512(Uint8Array.of(i));
const flipped = (bytes: Uint8Array, at = bytes.length - 1) => bytes.with(at, (bytes[at] as number) ^ 1);
let cases: Case[];

function verifiersFor(options: VerifiersOptions): Verifiers {
  const verifiers = new Verifiers(options);
  afterwards(() => verifiers.close());
  return verifiers;
}

function eddsaCases(i: number): Case[] {
  const priv = numbered(i).subarray(0, 32);
  const [message, pub] = [utf8(`message ${i}`), eddsa.publicKey(priv)];
  const signature = eddsa.sign(message, priv);
  const job = { kind: 'eddsa' as const, message, signature, pub };
  return [
    { what: 'eddsa', job, good: true },
    { what: 'eddsa, empty message', job: { ...job, message: new Uint8Array(0) }, good: false },
    { what: 'eddsa, other message', job: { ...job, message: flipped(message) }, good: false },
    { what: 'eddsa, other signature', job: { ...job, signature: flipped(signature, 3) }, good: false },
    { what: 'eddsa, short signature', job: { ...job, signature: signature.subarray(1) }, good: false },
    { what: 'eddsa, long key', job: { ...job, pub: Uint8Array.of(...pub, 0) }, good: false },
    { what: 'eddsa, no key', job: { ...job, pub: new Uint8Array(0) }, good: false },
    { what: 'eddsa, small order', job: { ...job, pub: new Uint8Array(32) }, good: false },
  ];
}

function denominationCases(
  pub: DenominationPub,
  other: DenominationPub,
  sign: (coin: Uint8Array) => DenominationSignature,
): Case[] {
  const coinPubHash = numbered(pub.cipher.length);
  const signature = sign(coinPubHash);
  const job = { kind: 'denomination' as const, pub, coinPubHash, signature };
  const noSignature: DenominationSignature = { cipher: 'RSA', signature: new Uint8Array(0) };
  return [
    { what: pub.cipher, job, good: true },
    { what: `${pub.cipher}, other coin`, job: { ...job, coinPubHash: flipped(coinPubHash) }, good: false },
    { what: `${pub.cipher}, short hash`, job: { ...job, coinPubHash: coinPubHash.subarray(1) }, good: false },
    { what: `${pub.cipher}, other key`, job: { ...job, pub: other }, good: false },
    { what: `${pub.cipher}, no signature`, job: { ...job, signature: noSignature }, good: false },
    ...malformedKeys(pub).map((malformed) => ({ what: 'malformed key', job: { ...job, pub: malformed }, good: false })),
    ...spoiled(signature).map((bad) => ({ what: 'spoiled signature', job: { ...job, signature: bad }, good: false })),
  ];
}

function malformedKeys(pub: DenominationPub): DenominationPub[] {
  if (pub.cipher === 'CS')
    return [
      { ...pub, csPub: new Uint8Array(32) },
      { ...pub, csPub: pub.csPub.subarray(1) },
    ];
  return [
    { ...pub, rsaPub: pub.rsaPub.subarray(1) },
    { ...pub, rsaPub: new Uint8Array(0) },
  ];
}

/** Other bytes, and the same bytes cut at another place: together they look alike. */
function spoiled(signature: DenominationSignature): DenominationSignature[] {
  if (signature.cipher === 'RSA') {
    return [flipped(signature.signature), Uint8Array.of(0, ...signature.signature)].map((bytes) => ({
      cipher: 'RSA',
      signature: bytes,
    }));
  }
  const { cipher, r, s } = signature;
  return [
    { cipher, r, s: flipped(s, 0) },
    { cipher, r: flipped(r, 0), s },
    { cipher, r: r.subarray(0, 31), s: Uint8Array.of(r[31] as number, ...s) },
    { cipher, r: Uint8Array.of(...r, s[0] as number), s: s.subarray(1) },
  ];
}

async function rsaKey(): Promise<{ pub: DenominationPub; sign: (coin: Uint8Array) => DenominationSignature }> {
  const signer = rsaSigner(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey);
  const pub = { cipher: 'RSA' as const, ageMask: 0, rsaPub: signer.rsaPub };
  const offered = denomination(pub);
  return {
    pub,
    sign(coinPubHash) {
      const blinding = { coinPubHash, blindingSecret: numbered(1).subarray(0, 32) };
      const blinded = offered.blind(blinding);
      if (blinded.cipher !== 'RSA') throw new Error('not of RSA');
      return offered.unblind(blinding, { cipher: 'RSA', blindSignature: signer.sign(blinded.blindedPlanchet) });
    },
  };
}

function csKey(seed: number): { pub: DenominationPub; sign: (coin: Uint8Array) => DenominationSignature } {
  const priv = cs.privateKey(numbered(seed));
  const pub = { cipher: 'CS' as const, ageMask: 5, csPub: cs.publicKey(priv) };
  const offered = denomination(pub);
  return {
    pub,
    sign(coinPubHash) {
      const nonce = numbered(seed + 1).subarray(0, 32);
      const session = { nonce, ...cs.deriveR(priv, nonce, 'withdraw') };
      const blinding = { coinPubHash, blindingSecret: numbered(seed + 2).subarray(0, 32), session };
      const blinded = offered.blind(blinding);
      if (blinded.cipher !== 'CS') throw new Error('not of Clause-Schnorr');
      return offered.unblind(blinding, { cipher: 'CS', ...cs.sign(priv, blinded, 'withdraw') });
    },
  };
}

beforeAll(async () => {
  const [rsa, otherRsa, schnorr] = [await rsaKey(), await rsaKey(), csKey(20)];
  const some = [
    ...denominationCases(rsa.pub, otherRsa.pub, rsa.sign),
    ...denominationCases(otherRsa.pub, schnorr.pub, otherRsa.sign),
    ...denominationCases(schnorr.pub, csKey(30).pub, schnorr.sign),
    ...denominationCases(csKey(40).pub, rsa.pub, csKey(40).sign),
  ];
  const mixed = Array.from({ length: 20 }, (_, i) => [...eddsaCases(i), ...some.slice(i, i + 3)]).flat();
  cases = [...some, ...mixed];
});

const jobs = () => cases.map(({ job }) => job);
const verdicts = () => cases.map(({ what, good }) => `${what}: ${good}`);
const named = (good: readonly boolean[]) => cases.map(({ what }, i) => `${what}: ${good[i]}`);

describe('good and bad signatures of every kind are told apart', () => {
  test('on the event loop', async () => {
    const inline = verifiersFor({ threads: 1, inlineMax: Number.POSITIVE_INFINITY });
    expect(named(await inline.verifyAll(jobs()))).toEqual(verdicts());
    expect(verdicts().filter((text) => text.endsWith('true')).length).toBeGreaterThan(20);
  });

  test.each([1, 2, 5])('by %i threads, in the order of the jobs', async (threads) => {
    const pool = verifiersFor({ threads, inlineMax: 0 });
    expect(named(await pool.verifyAll(jobs()))).toEqual(verdicts());
  });

  test('one at a time, and many at a time', async () => {
    const pool = verifiersFor({ threads: 2, inlineMax: 0 });
    const alone = await Promise.all(jobs().map((job) => pool.verifyAll([job])));
    expect(named(alone.flat())).toEqual(verdicts());
    const many = await Promise.all(Array.from({ length: 10 }, () => pool.verifyAll(jobs())));
    for (const good of many) expect(named(good)).toEqual(verdicts());
    expect(pool.backlog).toBe(0);
  });

  test('of none there are none', async () => {
    expect(await verifiersFor({ threads: 1 }).verifyAll([])).toEqual([]);
  });
});

test('jobs are the same after they were packed, but for the age mask', () => {
  const masked = (job: VerifyJob) => (job.kind === 'eddsa' ? job : { ...job, pub: { ...job.pub, ageMask: 0 } });
  expect(unpackJobs(packJobs(jobs()))).toEqual(jobs().map(masked));
});

describe('envelopes of disclosed coins are those that were withdrawn', () => {
  const pubs = async (): Promise<DenominationPub[]> => [(await rsaKey()).pub, csKey(50).pub, csKey(60).pub];
  const jobOf = (pub: DenominationPub, i: number): RebuildJob => {
    const session = { nonce: numbered(i).subarray(32), rPub0: csPoint(i), rPub1: csPoint(i + 1) };
    const blinding = { coinPubHash: numbered(i), blindingSecret: numbered(i + 1).subarray(0, 32) };
    const denominationHash = denomination(pub).hash;
    return { pub, denominationHash, blinding: { ...blinding, ...(pub.cipher === 'CS' && { session }) } };
  };
  const csPoint = (i: number) => cs.publicKey(cs.privateKey(numbered(i)));
  const envelopeOf = ({ pub, blinding }: RebuildJob) => {
    const offered = denomination(pub);
    return offered.envelopeHash(offered.blind(blinding));
  };

  test.each([
    ['on the event loop', { threads: 1, inlineMax: Number.POSITIVE_INFINITY }],
    ['by one thread', { threads: 1, inlineMax: 0 }],
    ['by five threads, in their order', { threads: 5, inlineMax: 0 }],
  ])('%s; what cannot have been is none', async (_, options) => {
    const verifiers = verifiersFor(options);
    const good = (await pubs()).flatMap((pub) => Array.from({ length: 12 }, (_, i) => jobOf(pub, i)));
    const [rsa, schnorr] = [good[0], good[12]] as [RebuildJob, RebuildJob];
    const { session, ...bare } = schnorr.blinding;
    const far = { nonce: numbered(1).subarray(0, 32), rPub0: new Uint8Array(32).fill(0xff), rPub1: csPoint(1) };
    const bad: RebuildJob[] = [
      { ...rsa, blinding: { ...rsa.blinding, blindingSecret: new Uint8Array(31) } },
      { ...rsa, blinding: { ...rsa.blinding, ...(session && { session }) } },
      { ...rsa, pub: { cipher: 'RSA', ageMask: 0, rsaPub: new Uint8Array(0) } },
      { ...schnorr, blinding: bare },
      { ...schnorr, blinding: { ...bare, session: far } },
    ];
    const jobs = [...good, ...bad, ...good];
    const right = good.map(envelopeOf);
    expect(await verifiers.rebuildAll(jobs)).toEqual([...right, ...bad.map(() => undefined), ...right]);
    expect(await verifiers.rebuildAll([])).toEqual([]);
    expect(verifiers.backlog).toBe(0);
  });

  test('jobs are the same after they were packed, but for the age mask', async () => {
    const jobs = (await pubs()).map(jobOf);
    const masked = jobs.map((job) => ({ ...job, pub: { ...job.pub, ageMask: 0 } }));
    expect(unpackRebuildJobs(packRebuildJobs(jobs))).toEqual(masked);
    expect(masked).not.toEqual(jobs);
  });
});

test('a few are not handed over, many are', async () => {
  const handedOver = watchPosts(() => {});
  const verifiers = verifiersFor({ threads: 2 });
  const [first] = eddsaCases(1);
  const four = Array.from({ length: 4 }, () => (first as Case).job);
  expect(await verifiers.verifyAll(four)).toEqual([true, true, true, true]);
  expect(handedOver.count).toBe(0);
  await verifiers.verifyAll([...four, ...four]);
  expect(handedOver.count).toBe(1);
  await verifiers.verifyAll([...four, ...four, ...four, ...four]);
  expect(handedOver.count).toBe(3);
});

describe('a thread that ends', () => {
  test('is replaced, and its jobs are done again', async () => {
    const troubles: string[] = [];
    const pool = verifiersFor({ threads: 2, inlineMax: 0, onTrouble: (what) => troubles.push(what) });
    let ends = 0;
    watchPosts((worker) => {
      if (ends++ < 2) void worker.terminate();
    });
    expect(named(await pool.verifyAll(jobs()))).toEqual(verdicts());
    expect(troubles).toHaveLength(2);
    expect(named(await pool.verifyAll(jobs()))).toEqual(verdicts());
  });

  test('again and again over the same jobs is not given them for ever', async () => {
    const pool = verifiersFor({ threads: 1, inlineMax: 0 });
    const posts = watchPosts((worker) => void worker.terminate());
    await expect(pool.verifyAll(jobs())).rejects.toThrow(VerifiersUnavailable);
    expect(posts.count).toBe(3);
    posts.stop();
    expect(named(await pool.verifyAll(jobs()))).toEqual(verdicts());
  });
});

test('more than the queue may hold is refused at once, and what was accepted is done', async () => {
  const pool = verifiersFor({ threads: 1, queueMax: 50 });
  const [first] = eddsaCases(1);
  const many = Array.from({ length: 30 }, () => (first as Case).job);
  const accepted = pool.verifyAll(many);
  await expect(pool.verifyAll(many)).rejects.toThrow(VerifiersBusy);
  expect(await accepted).toEqual(many.map(() => true));
});

test('closing fails what is not answered, and whatever comes later', async () => {
  const pool = new Verifiers({ threads: 1, inlineMax: 0 });
  const waiting = expect(pool.verifyAll(jobs())).rejects.toThrow(VerifiersUnavailable);
  await pool.close();
  await waiting;
  await expect(pool.verifyAll(jobs())).rejects.toThrow(VerifiersUnavailable);
});

/** Looks at each hand-over to a thread until the test ends. */
function watchPosts(look: (worker: Worker) => void): { count: number; stop(): void } {
  const { postMessage } = Worker.prototype;
  const posts = {
    count: 0,
    stop() {
      Worker.prototype.postMessage = postMessage;
    },
  };
  Worker.prototype.postMessage = function (this: Worker, ...args: Parameters<Worker['postMessage']>) {
    posts.count++;
    postMessage.apply(this, args);
    look(this);
  };
  afterwards(posts.stop);
  return posts;
}
