import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { encodeBase32 } from '@florin/encoding';
import { describe, expect, test } from 'vitest';
import { ACCOUNTS_OF_RACE } from './accounts.support.js';
import { KeyFolderRefused } from './files.js';
import { denominationKeyName, KeyFolder, LOG_KEY, MASTER_KEY, OFFICER_KEY, signingKeyName } from './key-folder.js';
import { exitOf, nextMessage, runProgram, temporaryFolder, temporaryKeyFolder } from './temporary.support.js';

const hash = encodeBase32(new Uint8Array(64).fill(1));
const pub = encodeBase32(new Uint8Array(32).fill(2));
const account = ACCOUNTS_OF_RACE[0] as string;
const own = process.geteuid?.() as number;
const reopen = (folder: KeyFolder) => KeyFolder.open(folder.path, { development: true });
const modeOf = (...path: string[]) => statSync(join(...path)).mode & 0o777;

describe('files of keys', () => {
  test('are for their owner only, whatever the umask', async () => {
    const umask = process.umask(0);
    try {
      const folder = await temporaryKeyFolder();
      await folder.createKey(denominationKeyName(hash), 'a');
      await folder.createKey(LOG_KEY, 'b');
      await folder.createAccount(account, 'c');
      await folder.markLedger('d');
      for (const part of ['', 'denominations', 'signing', 'accounts']) expect(modeOf(folder.path, part)).toBe(0o700);
      for (const file of [denominationKeyName(hash), LOG_KEY, `accounts/${account}.json`, 'ledger.json']) {
        expect(modeOf(folder.path, file)).toBe(0o600);
      }
    } finally {
      process.umask(umask);
    }
  });

  test('are listed by name and read as written', async () => {
    const folder = await temporaryKeyFolder();
    const names = [denominationKeyName(hash), signingKeyName(pub), LOG_KEY, MASTER_KEY, OFFICER_KEY];
    for (const name of names) expect(await folder.createKey(name, `content of ${name}`)).toBe(true);
    await folder.markLedger('florin');
    writeFileSync(join(folder.path, 'notes.json'), 'of an operator', { mode: 0o600 });
    expect((await folder.keyNames()).sort()).toEqual([...names].sort());
    for (const name of names) expect(await folder.readKey(name)).toBe(`content of ${name}`);
  });

  test('are created once and never replaced', async () => {
    const folder = await temporaryKeyFolder();
    expect(await folder.createKey(LOG_KEY, 'first')).toBe(true);
    expect(await folder.createKey(LOG_KEY, 'second')).toBe(false);
    expect(await folder.readKey(LOG_KEY)).toBe('first');
    expect(readdirSync(folder.path).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('are gone when they are destroyed', async () => {
    const folder = await temporaryKeyFolder();
    await folder.createKey(LOG_KEY, 'secret');
    expect(await folder.destroyKey(LOG_KEY)).toBe(true);
    expect(await folder.destroyKey(LOG_KEY)).toBe(false);
    expect(await folder.readKey(LOG_KEY)).toBeUndefined();
    expect(readdirSync(folder.path)).not.toContain(LOG_KEY);
  });

  test.each(['../log.json', 'log', 'accounts/../log.json', `denominations/${pub}.json`, 'ledger.json', ''])(
    'are not reached by another name: %j',
    async (name) => {
      const folder = await temporaryKeyFolder();
      await expect(folder.readKey(name)).rejects.toThrow(RangeError);
      await expect(folder.createKey(name, '')).rejects.toThrow(RangeError);
      await expect(folder.destroyAccount(name)).rejects.toThrow(RangeError);
    },
  );
});

describe('a key folder is refused', () => {
  test.each([
    ['', 0o750],
    ['', 0o701],
    ['accounts', 0o755],
    ['denominations', 0o770],
  ])('when others may enter %j (mode %o)', async (part, mode) => {
    const folder = await temporaryKeyFolder();
    chmodSync(join(folder.path, part), mode);
    await expect(reopen(folder)).rejects.toThrow(KeyFolderRefused);
    await expect(reopen(folder)).rejects.toThrow(`chmod 700 ${join(folder.path, part)}`);
  });

  test.each([LOG_KEY, denominationKeyName(hash), signingKeyName(pub)])('when others may read %s', async (name) => {
    const folder = await temporaryKeyFolder();
    await folder.createKey(name, 'secret');
    chmodSync(join(folder.path, name), 0o640);
    await expect(reopen(folder)).rejects.toThrow(`(mode 640): run chmod 600 ${join(folder.path, name)}`);
    await expect(folder.readKey(name)).rejects.toThrow(KeyFolderRefused);
  });

  test('when others may read an account key, as soon as that is wanted', async () => {
    const folder = await temporaryKeyFolder();
    await folder.createAccount(account, 'secret');
    chmodSync(join(folder.path, 'accounts', `${account}.json`), 0o604);
    await expect((await reopen(folder)).readAccount(account)).rejects.toThrow(KeyFolderRefused);
  });

  test('when it belongs to another user', async () => {
    const { path } = await temporaryKeyFolder();
    const other = KeyFolder.open(path, { development: true, uid: own + 1 });
    await expect(other).rejects.toThrow(`${path} belongs to user ${own}, it must belong to ${own + 1}`);
  });

  test('when it is a link, or a key in it is one', async () => {
    const folder = await temporaryKeyFolder();
    const link = join(temporaryFolder(), 'link');
    symlinkSync(folder.path, link);
    await expect(KeyFolder.open(link, { development: true })).rejects.toThrow(KeyFolderRefused);
    writeFileSync(join(folder.path, 'elsewhere'), 'secret', { mode: 0o600 });
    symlinkSync(join(folder.path, 'elsewhere'), join(folder.path, LOG_KEY));
    await expect(folder.readKey(LOG_KEY)).rejects.toThrow(KeyFolderRefused);
  });

  test('when a key is no file, or too large for one', async () => {
    const folder = await temporaryKeyFolder();
    mkdirSync(join(folder.path, LOG_KEY));
    await expect(folder.readKey(LOG_KEY)).rejects.toThrow('must be a file');
    await folder.createKey(MASTER_KEY, 'x'.repeat(70_000));
    await expect(folder.readKey(MASTER_KEY)).rejects.toThrow('too large');
  });

  test.each([MASTER_KEY, OFFICER_KEY])('in production when it holds %s', async (name) => {
    const folder = await temporaryKeyFolder();
    await expect(KeyFolder.open(folder.path, { development: false })).resolves.toBeDefined();
    await folder.createKey(name, 'secret');
    await expect(KeyFolder.open(folder.path, { development: false })).rejects.toThrow('made for development');
    await expect(reopen(folder)).resolves.toBeDefined();
  });
});

describe('the ledger that uses the keys', () => {
  test('is written down once', async () => {
    const folder = await temporaryKeyFolder();
    expect(await folder.ledgerOf()).toBeUndefined();
    await folder.markLedger('first');
    await folder.markLedger('first');
    expect(await (await reopen(folder)).ledgerOf()).toBe('first');
    await expect(folder.markLedger('second')).rejects.toThrow('belong to the ledger first, not to second');
    expect(await folder.ledgerOf()).toBe('first');
  });

  test('two ledgers that want the same keys at the same time do not both get them', async () => {
    const folder = await temporaryKeyFolder();
    const outcomes = await Promise.allSettled(['a', 'b', 'c'].map((name) => folder.markLedger(name)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});

describe('a process that dies', () => {
  const unfinished = (folder: KeyFolder) => readdirSync(join(folder.path, 'accounts'));
  const age = (folder: KeyFolder, name: string, minutes: number) => {
    const then = Date.now() / 1000 - minutes * 60;
    utimesSync(join(folder.path, 'accounts', name), then, then);
  };

  test('between writing a key and naming it leaves no key, and a draft that is cleared away later', async () => {
    const folder = await temporaryKeyFolder();
    expect(await exitOf(runProgram('key-folder', 'create', folder.path, 'link'))).toBe('SIGKILL');
    const [draft = ''] = unfinished(folder);
    expect(draft).toMatch(/^\..*\.new$/);
    expect(modeOf(folder.path, 'accounts', draft)).toBe(0o600);
    expect(await (await reopen(folder)).accounts()).toEqual([]);
    expect(unfinished(folder)).toEqual([draft]); // it could belong to another node that is still writing
    expect(await folder.createAccount(account, 'now')).toBe(true);
    age(folder, draft, 11);
    await reopen(folder);
    expect(unfinished(folder)).toEqual([`${account}.json`]);
    expect(await folder.readAccount(account)).toBe('now');
  });

  test('between naming a key and removing the draft leaves the key, whole, also after clearing away', async () => {
    const folder = await temporaryKeyFolder();
    expect(await exitOf(runProgram('key-folder', 'create', folder.path, 'unlink'))).toBe('SIGKILL');
    expect(unfinished(folder)).toHaveLength(2);
    for (const name of unfinished(folder)) age(folder, name, 11);
    await reopen(folder);
    expect(unfinished(folder)).toEqual([`${account}.json`]);
    expect(await folder.readAccount(account)).toBe('there');
  });

  test('while it destroys a key leaves none, and the next start finishes the job', async () => {
    const folder = await temporaryKeyFolder();
    await folder.createAccount(account, 'secret');
    expect(await exitOf(runProgram('key-folder', 'destroy', folder.path, 'unlink'))).toBe('SIGKILL');
    expect(await folder.readAccount(account)).toBeUndefined();
    const [condemned = ''] = unfinished(folder);
    expect(readFileSync(join(folder.path, 'accounts', condemned), 'latin1')).not.toContain('secret');
    await reopen(folder);
    expect(unfinished(folder)).toEqual([]);
  });
});

test('of several processes that create the same keys one succeeds, and all read what it wrote', async () => {
  const { path } = await temporaryKeyFolder();
  const processes = Array.from({ length: 3 }, () => runProgram('key-folder', 'race', path));
  await Promise.all(processes.map((child) => nextMessage(child)));
  const answers = processes.map((child) => nextMessage<{ created: string[]; read: string[] }>(child));
  for (const child of processes) child.send('go');
  const [first, ...others] = await Promise.all(answers);
  const created = [first, ...others].flatMap((answer) => answer?.created ?? []);
  expect(created.sort()).toEqual([...ACCOUNTS_OF_RACE].sort());
  for (const other of others) expect(other.read).toEqual(first?.read);
  processes.forEach((child, i) => {
    const ofChild = first?.read.filter((text) => text === `of ${child.pid}`).length;
    expect(ofChild).toBe([first, ...others][i]?.created.length);
  });
});
