import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeBase32, utf8 } from '@florin/encoding';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { denominationKeyName, KeyFolder } from './key-folder.js';
import { SigningRefused } from './protocol.js';
import { SignersBusy, SignersUnavailable } from './signer-pool.js';
import { Signers } from './signers.js';
import {
  bytesOf,
  coinsOf,
  csCoin,
  eddsa,
  newCs,
  newRsa,
  PATIENT,
  rsaPlanchet,
  temporarySigners,
} from './signers.support.js';
import { afterwards, lastingKeyFolder, temporaryKeyFolder } from './temporary.support.js';

const nonce = new Uint8Array(32).fill(9);
const reasonOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error: unknown) => (error instanceof SigningRefused ? error.reason : error),
  );

describe('blind signatures', () => {
  let signers: Signers;
  beforeAll(async () => {
    signers = await Signers.start({ folder: await lastingKeyFolder(), processes: 2, ...PATIENT });
  });
  afterAll(() => signers.close());

  test.each([1, 2, 15, 16, 64])('a batch of %i makes valid coins, each in its place', async (count) => {
    const coins = coinsOf(await newRsa(signers), count);
    expect(coins.good(await signers.signBlinded(coins.requests))).toBe(count);
  });

  test('of 2048 bits, which is what production has', async () => {
    const key = await newRsa(signers, 2048);
    const coins = coinsOf(key, 8);
    expect(coins.good(await signers.signBlinded(coins.requests))).toBe(8);
    expect(key.pub.cipher === 'RSA' && key.pub.rsaPub.length).toBe(2 + 2 + 256 + 3);
  });

  test.each(['withdraw', 'melt'] as const)('of Clause-Schnorr, for a %s', async (operation) => {
    const coin = await csCoin(signers, await newCs(signers), operation);
    expect(coin.good(await signers.signBlinded(coin.requests))).toBe(1);
    const other = operation === 'melt' ? 'withdraw' : 'melt';
    const wrong = await signers.signBlinded(coin.requests.map((request) => ({ ...request, operation: other })));
    expect(coin.good(wrong)).toBe(0);
  });

  test('of several denominations and both ciphers in one batch', async () => {
    const many = [coinsOf(await newRsa(signers), 5), coinsOf(await newRsa(signers), 5, 2)];
    many.push(
      await csCoin(signers, await newCs(signers), 'withdraw'),
      await csCoin(signers, await newCs(signers), 'melt'),
    );
    const mixed = many.flatMap(({ requests }, owner) => requests.map((request, i) => ({ request, owner, i })));
    mixed.sort((a, b) => a.i - b.i || b.owner - a.owner);
    const answers = await signers.signBlinded(mixed.map(({ request }) => request));
    many.forEach((coins, owner) => {
      const own = answers.filter((_, at) => mixed[at]?.owner === owner);
      expect(coins.good(own)).toBe(coins.requests.length);
    });
  });

  test('are the same bytes again when the same is asked again, also by another process', async () => {
    const coins = [coinsOf(await newRsa(signers), 40), await csCoin(signers, await newCs(signers), 'withdraw')];
    const requests = coins.flatMap((own) => own.requests);
    const first = (await signers.signBlinded(requests)).map(bytesOf);
    const backwards = (await signers.signBlinded([...requests].reverse())).map(bytesOf);
    expect(backwards.reverse()).toEqual(first);
    const alone = await Promise.all(requests.map((request) => signers.signBlinded([request])));
    expect(alone.flat().map(bytesOf)).toEqual(first);
  });

  test('of nothing are none', async () => {
    expect(await signers.signBlinded([])).toEqual([]);
  });

  test('of what the key cannot sign are refused, and then the whole batch is', async () => {
    const key = await newRsa(signers);
    const { denominationHash, pub } = key;
    if (pub.cipher !== 'RSA') throw new Error('not of RSA');
    const { requests } = coinsOf(key, 20);
    const modulus = pub.rsaPub.subarray(4, 4 + 128);
    for (const planchet of [rsaPlanchet(), rsaPlanchet(0), rsaPlanchet(0, 5), rsaPlanchet(...modulus)]) {
      for (const at of [0, 19]) {
        const spoiled = requests.with(at, { denominationHash, planchet });
        expect(await reasonOf(signers.signBlinded(spoiled))).toBe('malformed');
      }
    }
    const part = new Uint8Array(32);
    const ofCs = { cipher: 'CS' as const, c0: part, c1: part, nonce: part };
    expect(await reasonOf(signers.signBlinded([{ denominationHash, planchet: ofCs }]))).toBe('malformed');
    const csKey = await newCs(signers);
    const cases = [{ ...ofCs, c0: new Uint8Array(31) }, { ...ofCs, c1: new Uint8Array(32).fill(255) }, rsaPlanchet(5)];
    for (const planchet of cases) {
      const request = { denominationHash: csKey.denominationHash, planchet };
      expect(await reasonOf(signers.signBlinded([request]))).toBe('malformed');
    }
    expect(coinsOf(key, 20).good(await signers.signBlinded(requests))).toBe(20);
  });

  test('beyond the bound of the queue are refused at once, and what was accepted is done', async () => {
    const signers = await temporarySigners({ processes: 1, queueMax: 30 });
    const key = await newRsa(signers);
    const coins = coinsOf(key, 20);
    const accepted = signers.signBlinded(coins.requests);
    expect(signers.backlog.signatures).toBe(20);
    await expect(signers.signBlinded(coins.requests)).rejects.toThrow(SignersBusy);
    expect(coins.good(await accepted)).toBe(20);
    expect(coins.good(await signers.signBlinded(coins.requests))).toBe(20);
    expect(signers.backlog).toEqual({ jobs: 0, signatures: 0 });
  });
});

describe('keys', () => {
  test('lie in the folder when one hears of them, and any other signer that loads them signs the same', async () => {
    const folder = await temporaryKeyFolder();
    const signers = await temporarySigners({ folder });
    const keys = [await newRsa(signers), await newCs(signers), await signers.generate({ kind: 'signing' })];
    expect((await folder.keyNames()).sort()).toEqual(keys.map(({ name }) => name).sort());
    const others = await temporarySigners({ folder, processes: 1 });
    expect(others.publicKeys()).toEqual([]);
    expect(await others.load(keys.map(({ name }) => name))).toEqual(keys);
    expect(others.publicKeys()).toEqual(signers.publicKeys());
    const { requests } = coinsOf(keys[0] as never, 3);
    expect(await others.signBlinded(requests)).toEqual(await signers.signBlinded(requests));
  });

  test('that are not there, or damaged, are not loaded, and the signers go on', async () => {
    const folder = await temporaryKeyFolder();
    const signers = await temporarySigners({ folder });
    const key = await newRsa(signers);
    const missing = denominationKeyName(encodeBase32(new Uint8Array(64)));
    expect(await reasonOf(signers.load([key.name, missing]))).toBe('unknown-key');
    writeFileSync(join(folder.path, missing), (await folder.readKey(key.name)) as string, { mode: 0o600 });
    expect(await reasonOf(signers.load([missing]))).toBe('malformed');
    expect(await reasonOf(signers.load(['../../etc/passwd']))).toBe('failed');
    expect(signers.publicKeys()).toEqual([key]);
    const coins = coinsOf(key, 2);
    expect(coins.good(await signers.signBlinded(coins.requests))).toBe(2);
  });

  test('that were never loaded sign nothing', async () => {
    const signers = await temporarySigners({ processes: 1 });
    const denominationHash = encodeBase32(new Uint8Array(64));
    const asked = [
      signers.signBlinded([{ denominationHash, planchet: rsaPlanchet(5) }]),
      signers.deriveR(denominationHash, nonce, 'withdraw'),
      signers.sign(encodeBase32(nonce), [nonce]),
      signers.signHead(nonce),
    ];
    for (const answer of asked) expect(await reasonOf(answer)).toBe('unknown-key');
  });

  test('of denominations that are retired sign nothing, but those of Clause-Schnorr still derive R', async () => {
    const signers = await temporarySigners();
    const [rsa, schnorr, other] = [await newRsa(signers), await newCs(signers), await newRsa(signers)];
    const coins = [coinsOf(rsa, 1), await csCoin(signers, schnorr, 'withdraw'), coinsOf(other, 1)] as const;
    const pair = await signers.deriveR(schnorr.denominationHash, nonce, 'withdraw');
    await signers.retire(rsa.denominationHash);
    await signers.retire(schnorr.denominationHash);
    expect(await reasonOf(signers.signBlinded(coins[0].requests))).toBe('retired-key');
    expect(await reasonOf(signers.signBlinded(coins[1].requests))).toBe('retired-key');
    expect(await reasonOf(signers.deriveR(rsa.denominationHash, nonce, 'withdraw'))).toBe('malformed');
    expect(await signers.deriveR(schnorr.denominationHash, nonce, 'withdraw')).toEqual(pair);
    expect(coins[2].good(await signers.signBlinded(coins[2].requests))).toBe(1);
    await signers.load([rsa.name]); // which does not bring it back
    expect(await reasonOf(signers.signBlinded(coins[0].requests))).toBe('retired-key');
  });

  test('of Clause-Schnorr answer many nonces as each alone, in their order; none if one cannot be', async () => {
    const signers = await temporarySigners();
    const [one, other, rsa] = [await newCs(signers), await newCs(signers), await newRsa(signers)];
    const requests = Array.from({ length: 50 }, (_, i) => {
      const { denominationHash } = i % 3 === 0 ? other : one;
      return { denominationHash, nonce: nonce.with(0, i), operation: i % 2 === 0 ? 'melt' : 'withdraw' } as const;
    });
    const alone = await Promise.all(
      requests.map(({ denominationHash, nonce, operation }) => signers.deriveR(denominationHash, nonce, operation)),
    );
    expect(await signers.deriveAll(requests)).toEqual(alone);
    expect(new Set(alone.map(({ rPub0 }) => encodeBase32(rPub0))).size).toBe(50);
    expect(await signers.deriveAll([])).toEqual([]);
    const wrong = { ...requests[0], denominationHash: rsa.denominationHash } as (typeof requests)[number];
    expect(await reasonOf(signers.deriveAll([...requests, wrong]))).toBe('malformed');
    const unknown = { ...wrong, denominationHash: encodeBase32(new Uint8Array(64)) };
    expect(await reasonOf(signers.deriveAll([...requests, unknown]))).toBe('unknown-key');
  });

  test('that are retired while a batch is signed stop it', async () => {
    const signers = await temporarySigners({ processes: 1 });
    const key = await newRsa(signers);
    const batch = reasonOf(signers.signBlinded(coinsOf(key, 2_000).requests));
    await signers.retire(key.denominationHash);
    expect(await batch).toBe('retired-key');
  });

  test('that are dropped do nothing any more', async () => {
    const signers = await temporarySigners();
    const key = await newCs(signers);
    await signers.drop(key.name);
    expect(await reasonOf(signers.deriveR(key.denominationHash, nonce, 'melt'))).toBe('unknown-key');
    expect(signers.publicKeys()).toEqual([]);
  });

  test('of sizes that are not allowed are not made', async () => {
    const signers = await temporarySigners({ processes: 1 });
    expect(await reasonOf(newRsa(signers, 512))).toBe('malformed');
    expect(signers.publicKeys()).toEqual([]);
  });
});

describe('Ed25519 signatures', () => {
  const messages = Array.from({ length: 20 }, (_, i) => utf8(`message ${i}`));

  test('by several online keys, each message in its place', async () => {
    const signers = await temporarySigners();
    const keys = [await signers.generate({ kind: 'signing' }), await signers.generate({ kind: 'signing' })];
    for (const { pub } of keys) {
      const signatures = await signers.sign(encodeBase32(pub), messages);
      expect(messages.map((message, i) => eddsa.verify(message, signatures[i] as Uint8Array, pub))).not.toContain(
        false,
      );
    }
    expect(await signers.sign(encodeBase32((keys[0] as (typeof keys)[0]).pub), [])).toEqual([]);
  });

  test('by the log key, of which there is one', async () => {
    const folder = await temporaryKeyFolder();
    const signers = await temporarySigners({ folder });
    const made = await Promise.all([1, 2, 3].map(() => signers.generate({ kind: 'log' })));
    const others = await temporarySigners({ folder, processes: 1 });
    made.push(await others.generate({ kind: 'log' }));
    const [{ pub }] = made as [(typeof made)[0]];
    expect(made).toEqual(made.map(() => made[0]));
    expect(eddsa.verify(nonce, await signers.signHead(nonce), pub)).toBe(true);
    expect(await others.signHead(nonce)).toEqual(await signers.signHead(nonce));
  });

  test('by master and officer key exist in development', async () => {
    const signers = await temporarySigners();
    expect(await reasonOf(signers.signMaster(nonce))).toBe('not-allowed');
    expect(await reasonOf(signers.signOfficer(nonce))).toBe('not-allowed');
    const [master, officer] = [await signers.generate({ kind: 'master' }), await signers.generate({ kind: 'officer' })];
    expect(eddsa.verify(nonce, await signers.signMaster(nonce), master.pub)).toBe(true);
    expect(eddsa.verify(nonce, await signers.signOfficer(nonce), officer.pub)).toBe(true);
    expect(master.pub).not.toEqual(officer.pub);
  });

  test('by master and officer key do not exist in production, and it is said what to do', async () => {
    const signers = await temporarySigners({ folder: await temporaryKeyFolder(false) });
    expect(await reasonOf(signers.generate({ kind: 'master' }))).toBe('not-allowed');
    expect(await reasonOf(signers.generate({ kind: 'officer' }))).toBe('not-allowed');
    await expect(signers.signMaster(nonce)).rejects.toThrow('sign offline');
    expect(signers.publicKeys()).toEqual([]);
  });
});

describe('short jobs are not kept waiting', () => {
  test('by blind signatures that were asked for before, though there is one signer only', async () => {
    const signers = await temporarySigners({ processes: 1 });
    const key = await newRsa(signers, 2048);
    const schnorr = await newCs(signers);
    await signers.generate({ kind: 'log' });
    const many = Array.from({ length: 3_000 }, (_, i) => rsaPlanchet(1 + (i >> 8), i));
    const order: string[] = [];
    const note = (what: string) => () => order.push(what);
    const batch = signers
      .signBlinded(many.map((planchet) => ({ denominationHash: key.denominationHash, planchet })))
      .then(note('batch'));
    for (const _ of [1, 2, 3]) await signers.signHead(nonce).then(note('head'));
    await signers.deriveR(schnorr.denominationHash, nonce, 'withdraw').then(note('R'));
    await batch;
    expect(order).toEqual(['head', 'head', 'head', 'R', 'batch']);
  });

  test('by the making of a key', async () => {
    const signers = await temporarySigners({ processes: 1 });
    await signers.generate({ kind: 'log' });
    const order: string[] = [];
    await Promise.all([
      newRsa(signers, 4096).then(() => order.push('key')),
      signers.signHead(nonce).then(() => order.push('head')),
    ]);
    expect(order).toEqual(['head', 'key']);
  });
});

describe('closing', () => {
  test('lets be answered what was asked for, and takes nothing more', async () => {
    const signers = await temporarySigners();
    const coins = coinsOf(await newRsa(signers), 200);
    const answers = signers.signBlinded(coins.requests);
    const closed = signers.close();
    await expect(signers.signBlinded(coins.requests)).rejects.toThrow(SignersUnavailable);
    expect(coins.good(await answers)).toBe(200);
    await closed;
    expect(signers.status().map(({ ready }) => ready)).toEqual([false, false]);
  });

  test('comes to its end although something is to be done by every signer', async () => {
    const signers = await temporarySigners();
    const drops = [reasonOf(signers.drop('log'))];
    let isClosed = false;
    const closed = signers.close().then(() => (isClosed = true));
    // Before they are released, after that, and when they have ended.
    for (; !isClosed; await new Promise(setImmediate)) drops.push(reasonOf(signers.drop('log')));
    await closed;
    const [first, ...others] = await Promise.all(drops);
    expect(first).toSatisfy((end) => end === 'done' || end instanceof SignersUnavailable);
    for (const other of others) expect(other).toBeInstanceOf(SignersUnavailable);
  });

  test('of signers that were never used is no matter', async () => {
    const signers = await Signers.start({ folder: await temporaryKeyFolder(), processes: 1 });
    await signers.close();
    await expect(signers.signHead(nonce)).rejects.toThrow(SigningRefused);
  });
});

test.runIf(process.geteuid?.() === 0)('signers run as another user, who owns the keys', async () => {
  const { chownSync, readFileSync } = await import('node:fs');
  const { path: home } = await temporaryKeyFolder();
  const nobody = 65_534;
  chownSync(join(home, '..'), nobody, nobody);
  const folder = await KeyFolder.open(join(home, '..', 'of-nobody'), { development: true, uid: nobody });
  const signers = await Signers.start({ folder, processes: 1, user: { uid: nobody, gid: nobody }, ...PATIENT });
  afterwards(() => signers.close());
  const coins = coinsOf(await newRsa(signers), 2);
  expect(coins.good(await signers.signBlinded(coins.requests))).toBe(2);
  const status = readFileSync(`/proc/${signers.status()[0]?.pid}/status`, 'utf8');
  for (const id of ['Uid', 'Gid']) expect(status).toContain(`${id}:\t${nobody}\t${nobody}\t${nobody}\t${nobody}\n`);
  expect(/^Groups:\s*$/m.test(status) || /^Groups:\s*65534\s*$/m.test(status)).toBe(true);
});
