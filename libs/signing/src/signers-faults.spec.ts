import { ChildProcess } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { serialize } from 'node:v8';
import { decodeBase32, encodeBase32 } from '@florin/encoding';
import { describe, expect, test } from 'vitest';
import type { KeyFolder } from './key-folder.js';
import { pack, unpack } from './pack.js';
import { SigningRefused } from './protocol.js';
import { SignersUnavailable } from './signer-pool.js';
import { SignerDied, SignerProcess } from './signer-process.js';
import type { Signers } from './signers.js';
import { bytesOf, coinsOf, cs, csCoin, newCs, newRsa, temporarySigners } from './signers.support.js';
import {
  afterwards,
  exitOf,
  isRunning,
  nextMessage,
  runProgram,
  temporaryFolder,
  temporaryKeyFolder,
  until,
} from './temporary.support.js';

const head = new Uint8Array(64).fill(5);
const pidsOf = (signers: Signers) => signers.status().flatMap(({ pid }) => pid ?? []);
const allReady = (signers: Signers) => signers.status().every(({ ready }) => ready);

describe('a signer that is killed', () => {
  test('while 200 jobs run: each is answered, rightly or with "unavailable", and the signers come back', async () => {
    const troubles: string[] = [];
    const signers = await temporarySigners({ processes: 3, onTrouble: (what) => troubles.push(what) });
    const [rsa, schnorr] = [await newRsa(signers), await newCs(signers)];
    await signers.generate({ kind: 'log' });
    const coins = coinsOf(rsa, 40);
    const csRequests = (await csCoin(signers, schnorr, 'withdraw')).requests;
    const right = {
      rsa: (await signers.signBlinded(coins.requests)).map(bytesOf),
      cs: (await signers.signBlinded(csRequests)).map(bytesOf),
      head: await signers.signHead(head),
      r: await signers.deriveR(schnorr.denominationHash, head.subarray(32), 'melt'),
    };
    const first = pidsOf(signers);
    expect(new Set(first).size).toBe(3);

    let settled = 0;
    const outcome = (job: Promise<unknown>, expected: unknown) =>
      job
        .then(
          (answer) => expect(answer).toEqual(expected),
          (error) => expect(error).toBeInstanceOf(SignersUnavailable),
        )
        .finally(() => settled++);
    const killed = new Set<number>();
    const kill = async (at: number) => {
      await until(() => settled >= at);
      const [victim] = pidsOf(signers).filter((pid) => !killed.has(pid));
      if (victim === undefined) return;
      killed.add(victim);
      process.kill(victim, 'SIGKILL');
    };
    const jobs = Array.from({ length: 50 }, () => [
      outcome(
        signers.signBlinded(coins.requests).then((answers) => answers.map(bytesOf)),
        right.rsa,
      ),
      outcome(
        signers.signBlinded(csRequests).then((answers) => answers.map(bytesOf)),
        right.cs,
      ),
      outcome(signers.signHead(head), right.head),
      outcome(signers.deriveR(schnorr.denominationHash, head.subarray(32), 'melt'), right.r),
    ]).flat();
    await Promise.all([kill(0), kill(20), kill(150), kill(151), kill(160), ...jobs]);
    expect(settled).toBe(200);
    expect(killed.size).toBeGreaterThanOrEqual(3);

    // The last of them may be killed after all jobs were done, and its end be noticed later still.
    await until(() => allReady(signers) && !pidsOf(signers).some((pid) => killed.has(pid)));
    for (const pid of killed) expect(isRunning(pid)).toBe(false);
    expect(troubles.length).toBeGreaterThanOrEqual(killed.size);
    expect(coins.good(await signers.signBlinded(coins.requests))).toBe(40);
    expect(await signers.signHead(head)).toEqual(right.head);
  });

  test('is replaced by one that knows which keys are retired', async () => {
    const signers = await temporarySigners({ processes: 1 });
    const [schnorr, rsa] = [await newCs(signers), await newRsa(signers)];
    const pair = await signers.deriveR(schnorr.denominationHash, head.subarray(32), 'withdraw');
    await signers.retire(schnorr.denominationHash);
    process.kill(pidsOf(signers)[0] as number, 'SIGKILL');
    const coins = coinsOf(rsa, 3);
    expect(coins.good(await signers.signBlinded(coins.requests))).toBe(3);
    expect(await signers.deriveR(schnorr.denominationHash, head.subarray(32), 'withdraw')).toEqual(pair);
  });

  test('does not keep keys from being made and loaded', async () => {
    const signers = await temporarySigners();
    const keys = Array.from({ length: 6 }, () => newRsa(signers));
    for (const pid of pidsOf(signers)) process.kill(pid, 'SIGKILL');
    const made = await Promise.all(keys);
    await until(() => allReady(signers));
    for (const pid of pidsOf(signers).slice(1)) process.kill(pid, 'SIGKILL');
    for (const key of made) {
      const coins = coinsOf(key, 20);
      expect(coins.good(await signers.signBlinded(coins.requests))).toBe(20);
    }
  });

  test('again and again over the same job is not given it for ever', async () => {
    const signers = await temporarySigners({ processes: 2, deadlineMs: 60_000 });
    const coins = coinsOf(await newRsa(signers, 2048), 15); // too few to be split
    const requests = Array.from({ length: 200 }, () => coins.requests).flat();
    let settled = false;
    const job = signers
      .signBlinded(requests)
      .catch((error: unknown) => error)
      .finally(() => {
        settled = true;
      });
    while (!settled) {
      const busy = signers.status().filter(({ jobs, ready }) => ready && jobs > 0);
      for (const { pid } of busy) if (pid !== undefined && isRunning(pid)) process.kill(pid, 'SIGKILL');
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await job).toBeInstanceOf(SignersUnavailable);
    expect(String(await job)).toContain('ended over this job');
    await until(() => allReady(signers));
    expect(coins.good(await signers.signBlinded(coins.requests))).toBe(15);
  });
});

describe('a signer that is silent', () => {
  test('is replaced, and its jobs are done by the others', async () => {
    const signers = await temporarySigners({ processes: 2, silenceMs: 1_000, deadlineMs: 60_000 });
    const coins = coinsOf(await newRsa(signers), 4);
    const [stopped = 0] = pidsOf(signers);
    process.kill(stopped, 'SIGSTOP');
    const answers = await Promise.all(Array.from({ length: 20 }, () => signers.signBlinded(coins.requests)));
    expect(answers.map(coins.good)).toEqual(answers.map(() => 4));
    await until(() => allReady(signers) && !pidsOf(signers).includes(stopped));
    expect(isRunning(stopped)).toBe(false);
  });

  test('lets a job fail after its deadline when there is no other', async () => {
    // Long enough for what comes before and after, short enough to be waited for.
    const signers = await temporarySigners({ processes: 1, silenceMs: 600_000, deadlineMs: 10_000 });
    await signers.generate({ kind: 'log' });
    const expected = await signers.signHead(head);
    const [pid = 0] = pidsOf(signers);
    process.kill(pid, 'SIGSTOP');
    await expect(signers.signHead(head)).rejects.toThrow(SignersUnavailable);
    expect(signers.backlog).toEqual({ jobs: 0, signatures: 0 });
    process.kill(pid, 'SIGCONT');
    await until(() => signers.status().every(({ jobs }) => jobs === 0));
    expect(await signers.signHead(head)).toEqual(expected);
  });
});

test('a signer that cannot load what it must is not used, and is tried again', async () => {
  const folder = await temporaryKeyFolder();
  const troubles: string[] = [];
  const signers = await temporarySigners({ folder, processes: 1, onTrouble: (what) => troubles.push(what) });
  const key = await newRsa(signers);
  const [file, hidden] = [join(folder.path, key.name), join(folder.path, 'hidden')];
  renameSync(file, hidden);
  process.kill(pidsOf(signers)[0] as number, 'SIGKILL');
  await until(() => troubles.some((what) => what.includes(`there is no key ${key.name}`)));
  expect(allReady(signers)).toBe(false);
  renameSync(hidden, file);
  const coins = coinsOf(key, 2);
  expect(coins.good(await signers.signBlinded(coins.requests))).toBe(2);
});

describe('signer processes', () => {
  test('refuse by themselves what is retired, also when they were started after that', async () => {
    const folder = await temporaryKeyFolder();
    const { name, denominationHash, pub } = await newRsa(await temporarySigners({ folder }));
    const signer = new SignerProcess(folder, undefined);
    afterwards(() => signer.kill());
    await signer.started;
    const ask = { keys: [{ name, operation: 'withdraw' as const }], of: [0], planchets: pack([Uint8Array.of(5)]) };
    await expect(signer.ask('blind', ask)).rejects.toMatchObject({ reason: 'unknown-key' });
    expect(await signer.ask('load', [{ name, retired: true }])).toMatchObject([{ denominationHash, pub }]);
    await expect(signer.ask('blind', ask)).rejects.toMatchObject({ reason: 'retired-key' });
    await expect(signer.ask('sign', { name, messages: pack([head]) })).rejects.toMatchObject({ reason: 'unknown-key' });
    await signer.ask('drop', name);
    await signer.ask('load', [{ name, retired: false }]);
    expect(unpack(await signer.ask('blind', ask))).toHaveLength(1);
    signer.release();
    await signer.ended;
    await expect(signer.ask('ping', null)).rejects.toThrow(SignerDied);
  });

  test('end when the exchange is killed', async () => {
    const exchange = runProgram('orphans', join(temporaryFolder(), 'keys'));
    const pids = await nextMessage<number[]>(exchange);
    expect(pids.map(isRunning)).toEqual([true, true]);
    exchange.kill('SIGKILL');
    await exitOf(exchange);
    await until(() => !pids.some(isRunning));
  });

  test('outlive the signals that a terminal or a service manager sends to all', async () => {
    const signers = await temporarySigners();
    const coins = coinsOf(await newRsa(signers), 40);
    const pids = pidsOf(signers);
    for (const pid of pids) for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.kill(pid, signal);
    expect(coins.good(await signers.signBlinded(coins.requests))).toBe(40);
    expect(pidsOf(signers)).toEqual(pids);
    await signers.close();
    expect(pids.some(isRunning)).toBe(false);
  });

  test('have nothing of the environment of the exchange', async () => {
    process.env.FLORIN_TEST_SECRET = 'a password of the bank';
    afterwards(() => delete process.env.FLORIN_TEST_SECRET);
    const signers = await temporarySigners();
    for (const pid of pidsOf(signers)) {
      const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
      expect(environment).not.toMatch(/password|PATH=|HOME=/);
    }
  });
});

test('no private key, in any form, is in any message to the exchange', async () => {
  const heard: Buffer[] = [];
  const emit = ChildProcess.prototype.emit;
  ChildProcess.prototype.emit = function (this: ChildProcess, event: string | symbol, ...rest: unknown[]) {
    if (event === 'message') heard.push(serialize(rest[0]));
    return emit.apply(this, [event, ...rest] as never);
  } as typeof emit;
  afterwards(() => {
    ChildProcess.prototype.emit = emit;
  });

  const folder = await temporaryKeyFolder();
  const signers = await temporarySigners({ folder });
  const [rsa, schnorr] = [await newRsa(signers), await newCs(signers)];
  const online = await signers.generate({ kind: 'signing' });
  const single = await Promise.all((['log', 'master', 'officer'] as const).map((kind) => signers.generate({ kind })));
  const coin = await csCoin(signers, schnorr, 'withdraw');
  await signers.signBlinded([...coinsOf(rsa, 20).requests, ...coin.requests]);
  await signers.sign(encodeBase32(online.pub), [head]);
  await Promise.all([signers.signHead(head), signers.signMaster(head), signers.signOfficer(head)]);
  process.kill(pidsOf(signers)[0] as number, 'SIGKILL');
  await until(() => allReady(signers));
  // Whatever is wrong with a key file, the answer does not quote it.
  const other = await temporarySigners({ folder: await temporaryKeyFolder(), processes: 1 });
  const broken = await brokenCopies(folder, await folder.keyNames(), other);
  expect(broken).toBe(6 * 3);

  const everything = Buffer.concat(heard);
  const found = (secret: Uint8Array) => formsOf(secret).filter((form) => everything.includes(form)).length;
  expect(found(rsa.pub.cipher === 'RSA' ? rsa.pub.rsaPub : online.pub)).toBeGreaterThan(0); // the search does find
  for (const { pub } of [online, ...single]) expect(found(pub)).toBeGreaterThan(0);
  for (const name of await folder.keyNames()) {
    const { cipher, priv } = JSON.parse((await folder.readKey(name)) as string) as { cipher?: string; priv: string };
    const secrets = cipher === 'RSA' ? rsaSecrets(priv) : [decodeBase32(priv)];
    for (const secret of secrets) expect(found(secret)).toBe(0);
    if (cipher === 'CS') {
      const [request] = coin.requests;
      if (request?.planchet.cipher !== 'CS') throw new Error('not of Clause-Schnorr');
      const nonces = cs.nonceSecrets(decodeBase32(priv), request.planchet.nonce, 'withdraw');
      for (const nonce of nonces) expect(found(nonce)).toBe(0);
    }
  }
});

/** Has other signers load spoiled copies of all keys. @returns how many were refused */
async function brokenCopies(folder: KeyFolder, names: readonly string[], signers: Signers): Promise<number> {
  const broken = await temporaryKeyFolder();
  const others = await temporarySigners({ folder: broken, processes: 1 });
  let refused = 0;
  for (const name of names) {
    const content = (await folder.readKey(name)) as string;
    const file = JSON.parse(content) as { priv: string };
    for (const spoiled of [content.slice(0, -5), file.priv, JSON.stringify({ ...file, pub: file.priv })]) {
      await broken.createKey(name, spoiled);
      await others.load([name]).catch((error: unknown) => {
        if (error instanceof SigningRefused) refused++;
      });
      await broken.destroyKey(name);
    }
  }
  await expect(signers.load(names)).rejects.toThrow(SigningRefused);
  return refused;
}

function rsaSecrets(pem: string): Uint8Array[] {
  const jwk = createPrivateKey(pem).export({ format: 'jwk' });
  const numbers = [jwk.d, jwk.p, jwk.q, jwk.dp, jwk.dq, jwk.qi].map((text) => Buffer.from(text as string, 'base64url'));
  return [...numbers, Buffer.from(pem.split('\n').slice(1, -2).join(''), 'base64')];
}

/** How a secret could be written: as bytes in either order, or in a text. Its middle part would give it away too. */
function formsOf(secret: Uint8Array): Buffer[] {
  const bytes = Buffer.from(secret);
  const middle = bytes.subarray(8, 24);
  const texts = [bytes.toString('hex'), bytes.toString('base64url'), bytes.toString('base64'), encodeBase32(bytes)];
  const written = texts.flatMap((text) => [
    Buffer.from(text),
    Buffer.from(text.slice(0, 40)),
    Buffer.from(text, 'utf16le'),
  ]);
  return [middle, Buffer.from(middle).reverse(), Buffer.from(middle.toString('hex')), ...written];
}
