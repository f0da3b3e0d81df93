import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import { decodeBase32, EncodingError, encodeBase32 } from '@florin/encoding';
import { describe, expect, test } from 'vitest';
import { type AccountKey, AccountVault, DamagedSeal, openSealed } from './account-vault.js';
import { temporaryKeyFolder } from './temporary.support.js';

const { hash } = taler(serverPrimitives);
const uri = 'payto://iban/DE75512108001245126199?receiver-name=Alice%20M%C3%BCller';
const other = 'payto://x-taler-bank/bank.example/bob?receiver-name=Bob';
const hashOf = (payto: string) => encodeBase32(hash.normalizedPayto(payto));
const hPayto = hashOf(uri);

const flipped = (sealed: string, at: number) => {
  const bytes = decodeBase32(sealed);
  bytes[at] = (bytes[at] as number) ^ 1;
  return encodeBase32(bytes);
};

async function vaults(options = {}) {
  const folder = await temporaryKeyFolder();
  const keyFiles = () => readdirSync(join(folder.path, 'accounts'));
  return { folder, keyFiles, vault: new AccountVault(folder, options), second: new AccountVault(folder, options) };
}

describe('a sealed account URI', () => {
  test('opens again, on every node, and shows nothing of itself', async () => {
    const { vault, second } = await vaults();
    const sealed = await vault.seal(hPayto, uri);
    expect(await vault.unseal(hPayto, sealed)).toBe(uri);
    expect(await vault.unseal(hPayto, sealed)).toBe(uri); // this time with the key in memory
    expect(await second.unseal(hPayto, sealed)).toBe(uri);
    expect(Buffer.from(decodeBase32(sealed)).toString('latin1')).not.toContain('Alice');
    expect(decodeBase32(sealed)).toHaveLength(24 + 16 + uri.length);
  });

  test('is another text each time', async () => {
    const { vault } = await vaults();
    expect(await vault.seal(hPayto, uri)).not.toBe(await vault.seal(hPayto, uri));
  });

  test('is sealed under one key for all spellings of an account, and another one for another', async () => {
    const { vault, keyFiles } = await vaults();
    const spelling = 'payto://iban/GENODEF1XYZ/de75512108001245126199?receiver-name=A';
    expect(hashOf(spelling)).toBe(hPayto);
    const sealed = [await vault.seal(hPayto, uri), await vault.seal(hPayto, spelling)];
    expect(await Promise.all(sealed.map((text) => vault.unseal(hPayto, text)))).toEqual([uri, spelling]);
    await vault.seal(hashOf(other), other);
    expect(keyFiles().sort()).toEqual([`${hPayto}.json`, `${hashOf(other)}.json`].sort());
  });

  test('has its key in the folder before anybody hears of it', async () => {
    const { folder, vault } = await vaults();
    const sealed = await vault.seal(hPayto, uri);
    const key = JSON.parse(readFileSync(join(folder.path, 'accounts', `${hPayto}.json`), 'utf8')) as AccountKey;
    expect(openSealed(key, sealed)).toBe(uri);
  });

  test('is refused under a hash that is not that of the account', async () => {
    const { vault, keyFiles } = await vaults();
    await expect(vault.seal(hashOf(other), uri)).rejects.toThrow(EncodingError);
    await expect(vault.seal(hPayto, 'mailto:alice')).rejects.toThrow(EncodingError);
    expect(keyFiles()).toEqual([]);
  });

  test('is sealed under one key by nodes that meet the account at the same time', async () => {
    const { vault, second, keyFiles } = await vaults();
    const sealed = await Promise.all([vault, second, vault, second].map((one) => one.seal(hPayto, uri)));
    for (const text of sealed) expect(await vault.unseal(hPayto, text)).toBe(uri);
    expect(keyFiles()).toEqual([`${hPayto}.json`]);
  });

  test('that was changed is found, and never opened', async () => {
    const { vault } = await vaults();
    const sealed = await vault.seal(hPayto, uri);
    const size = decodeBase32(sealed).length;
    for (const at of [8, 23, 24, 40, size - 1]) {
      await expect(vault.unseal(hPayto, flipped(sealed, at))).rejects.toThrow(DamagedSeal);
    }
    await expect(vault.unseal(hPayto, encodeBase32(decodeBase32(sealed).subarray(0, 39)))).rejects.toThrow(
      EncodingError,
    );
    await expect(vault.unseal(hPayto, 'not base32!')).rejects.toThrow(EncodingError);
  });

  test('of another account under this key is found', async () => {
    const { folder, vault } = await vaults();
    const sealed = await vault.seal(hashOf(other), other);
    const { key } = JSON.parse((await folder.readAccount(hashOf(other))) as string) as AccountKey;
    await folder.createAccount(hPayto, JSON.stringify({ hPayto, key }));
    await expect(vault.unseal(hPayto, sealed)).rejects.toThrow(DamagedSeal);
  });
});

describe('a forgotten account', () => {
  test('is not opened by anybody any more, and its key is gone', async () => {
    const { vault, second, keyFiles } = await vaults();
    const sealed = await vault.seal(hPayto, uri);
    await vault.unseal(hPayto, sealed);
    expect(await vault.forget(hPayto)).toBe(true);
    expect(await vault.unseal(hPayto, sealed)).toBeUndefined();
    expect(await second.unseal(hPayto, sealed)).toBeUndefined();
    expect(await vault.forget(hPayto)).toBe(false);
    expect(keyFiles()).toEqual([]);
  });

  test('may come back under a new key: what was sealed before stays closed, and is not taken for damaged', async () => {
    const { vault } = await vaults();
    const before = await vault.seal(hPayto, uri);
    await vault.forget(hPayto);
    const after = await vault.seal(hPayto, uri);
    expect(await vault.unseal(hPayto, before)).toBeUndefined();
    expect(await vault.unseal(hPayto, after)).toBe(uri);
  });

  test('is opened by another node as long as that trusts its memory, never sealed under the old key', async () => {
    const { vault, second } = await vaults({ cacheMs: 3_600_000 });
    const before = await vault.seal(hPayto, uri);
    await second.unseal(hPayto, before);
    await vault.forget(hPayto);
    expect(await second.unseal(hPayto, before)).toBe(uri);
    const after = await second.seal(hPayto, uri);
    expect(await vault.unseal(hPayto, after)).toBe(uri);
  });

  test('is not opened from memory when that is never trusted', async () => {
    const { vault, second } = await vaults({ cacheMs: 0 });
    const sealed = await vault.seal(hPayto, uri);
    await second.unseal(hPayto, sealed);
    await vault.forget(hPayto);
    expect(await second.unseal(hPayto, sealed)).toBeUndefined();
  });
});

test('keys beyond the limit are read from their files again', async () => {
  const { vault, second } = await vaults({ cacheMax: 1, cacheMs: 3_600_000 });
  const sealed = await vault.seal(hPayto, uri);
  const sealedOther = await vault.seal(hashOf(other), other);
  await vault.unseal(hPayto, sealed);
  await vault.unseal(hashOf(other), sealedOther);
  await second.forget(hPayto);
  await second.forget(hashOf(other));
  expect(await vault.unseal(hPayto, sealed)).toBeUndefined();
  expect(await vault.unseal(hashOf(other), sealedOther)).toBe(other); // the one that is still in memory
});

test('an auditor with the exported keys opens everything', async () => {
  const { vault } = await vaults();
  const sealed = new Map([
    [hPayto, await vault.seal(hPayto, uri)],
    [hashOf(other), await vault.seal(hashOf(other), other)],
  ]);
  const keys: AccountKey[] = [];
  for await (const key of vault.keys()) keys.push(key);
  expect(keys.map((key) => openSealed(key, sealed.get(key.hPayto) as string)).sort()).toEqual([uri, other].sort());
});

test('a damaged key file is reported, without its content', async () => {
  const { folder, vault } = await vaults();
  const sealed = await vault.seal(hPayto, uri);
  const path = join(folder.path, 'accounts', `${hPayto}.json`);
  const { key } = JSON.parse(readFileSync(path, 'utf8')) as AccountKey;
  for (const content of [
    key,
    JSON.stringify({ hPayto: hashOf(other), key }),
    JSON.stringify({ hPayto, key: 'A' }),
    '',
  ]) {
    writeFileSync(path, content);
    const error = await vault.unseal(hPayto, sealed).catch((reason: Error) => reason);
    expect(error).toMatchObject({ message: `the key file of the account ${hPayto} is damaged` });
  }
});
