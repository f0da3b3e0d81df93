import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chown, type FileHandle, link, lstat, mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/*
 * Files that hold secrets: readable by their owner only, there as a whole or not at all, and durable before anybody
 * hears of them. Several processes, on several machines, may work in one folder: every step is exclusive or repeatable.
 *
 *   create:   write .<name>.<random>.new -> fsync -> link to <name> (fails if it exists) -> unlink .new -> fsync folder
 *   destroy:  rename to .<name>.<random>.gone -> overwrite -> fsync -> unlink -> fsync folder
 */

/** A folder or file that may not be used as it is; the message says what to do about it. */
export class KeyFolderRefused extends Error {
  override readonly name = 'KeyFolderRefused';
}

const OTHERS = 0o077;
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
/** No key file comes near it. */
const FILE_BYTES_MAX = 64 * 1024;
/** A creation takes milliseconds: an unfinished one of this age belongs to a process that is gone. */
const ABANDONED_AFTER_MS = 10 * 60 * 1000;
const NEW = '.new';
const GONE = '.gone';

/** Creates `path` unless it exists, then checks that it is a folder which only `uid` can enter. */
export async function privateFolder(path: string, uid: number): Promise<void> {
  const created = await attempt(mkdir(path, { mode: FOLDER_MODE }), 'EEXIST');
  if (created !== 'EEXIST') {
    if (uid !== process.geteuid?.()) await chown(path, uid, -1);
    await syncFolder(dirname(path));
  }
  const found = await lstat(path);
  if (!found.isDirectory()) throw new KeyFolderRefused(`${path} must be a folder, not a link or a file`);
  checkOwner(path, found, { uid, mode: '700' });
}

/** Checks that only `uid` can read the files of a folder. */
export async function checkFiles(path: string, uid: number): Promise<void> {
  for (const name of await readdir(path)) {
    const file = join(path, name);
    const found = await attempt(lstat(file), 'ENOENT');
    if (found !== 'ENOENT' && found.isFile()) checkOwner(file, found, { uid, mode: '600' });
  }
}

/** Finishes what a process that died had begun to create or to destroy. */
export async function finishUnfinished(path: string): Promise<void> {
  const unfinished = (await readdir(path)).filter((name) => name.startsWith('.'));
  for (const name of unfinished) {
    const file = join(path, name);
    if (name.endsWith(GONE)) await erase(file);
    // Never overwritten: it may be the second name of a file that is in use.
    else if (name.endsWith(NEW) && (await isAbandoned(file))) await attempt(unlink(file), 'ENOENT');
  }
  if (unfinished.length > 0) await syncFolder(path);
}

/**
 * Creates a file whole and durable, or leaves the one that is there alone.
 * @returns true if it was created, false if the name was taken; what is there now is durable in both cases
 */
export async function createFile(path: string, content: string, uid: number): Promise<boolean> {
  const draft = unfinishedName(path, NEW);
  try {
    await writeDraft(draft, content, uid);
    const linked = await attempt(link(draft, path), 'EEXIST');
    await attempt(unlink(draft), 'ENOENT');
    await syncFolder(dirname(path));
    return linked !== 'EEXIST';
  } catch (error) {
    await attempt(unlink(draft), 'ENOENT');
    throw error;
  }
}

/** Puts a file in the place of the one that is there, whole and durable. */
export async function replaceFile(path: string, content: string, uid: number): Promise<void> {
  const draft = unfinishedName(path, NEW);
  try {
    await writeDraft(draft, content, uid);
    await rename(draft, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await attempt(unlink(draft), 'ENOENT');
    throw error;
  }
}

/** @returns the text of the file, or undefined if there is none. @throws KeyFolderRefused if others may read it */
export async function readPrivateFile(path: string, uid: number): Promise<string | undefined> {
  const file = await attempt(open(path, constants.O_RDONLY | constants.O_NOFOLLOW), 'ENOENT', 'ELOOP');
  if (file === 'ENOENT') return undefined;
  if (file === 'ELOOP') throw new KeyFolderRefused(`${path} must be a file, not a link`);
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new KeyFolderRefused(`${path} must be a file`);
    checkOwner(path, found, { uid, mode: '600' });
    if (found.size > FILE_BYTES_MAX) throw new KeyFolderRefused(`${path} is too large to be a key`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/**
 * Overwrites and removes a file. What a copying file system, an SSD or a backup keeps of it is beyond our reach.
 * @returns false if there was none
 */
export async function destroyFile(path: string): Promise<boolean> {
  const condemned = unfinishedName(path, GONE);
  // Under its own name nobody may ever read half of it.
  if ((await attempt(rename(path, condemned), 'ENOENT')) === 'ENOENT') return false;
  await erase(condemned);
  await syncFolder(dirname(path));
  return true;
}

/** The names in a folder that ends in `suffix`, without it; unfinished files have none of them. */
export async function namesIn(path: string, suffix: string): Promise<string[]> {
  const names = (await readdir(path)).filter((name) => name.endsWith(suffix) && !name.startsWith('.'));
  return names.map((name) => name.slice(0, -suffix.length)).sort();
}

async function isAbandoned(path: string): Promise<boolean> {
  const found = await attempt(lstat(path), 'ENOENT');
  return found !== 'ENOENT' && Date.now() - found.mtimeMs > ABANDONED_AFTER_MS;
}

async function writeDraft(path: string, content: string, uid: number): Promise<void> {
  const file = await open(path, 'wx', FILE_MODE);
  try {
    await file.writeFile(content);
    if (uid !== process.geteuid?.()) await file.chown(uid, -1);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function erase(path: string): Promise<void> {
  const file = await attempt(open(path, constants.O_WRONLY | constants.O_NOFOLLOW), 'ENOENT');
  if (file === 'ENOENT') return; // another process was faster
  try {
    await overwrite(file);
  } finally {
    await file.close();
  }
  await attempt(unlink(path), 'ENOENT');
}

async function overwrite(file: FileHandle): Promise<void> {
  const { size } = await file.stat();
  await file.write(randomBytes(size), 0, size, 0);
  await file.sync();
}

/** The entry of a file is durable only when its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function unfinishedName(path: string, suffix: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(8).toString('hex')}${suffix}`);
}

interface Found {
  readonly uid: number;
  readonly mode: number;
}

function checkOwner(path: string, found: Found, { uid, mode }: { readonly uid: number; readonly mode: string }): void {
  if (found.uid !== uid) {
    throw new KeyFolderRefused(
      `${path} belongs to user ${found.uid}, it must belong to ${uid}: run chown ${uid} ${path}`,
    );
  }
  if ((found.mode & OTHERS) !== 0) {
    const now = (found.mode & 0o777).toString(8);
    throw new KeyFolderRefused(`${path} is open to other users (mode ${now}): run chmod ${mode} ${path}`);
  }
}

/** Waits for the promise; of its errors those that were named are answers, all others are thrown on. */
async function attempt<T, Code extends string>(promise: Promise<T>, ...codes: Code[]): Promise<T | Code> {
  try {
    return await promise;
  } catch (error) {
    const code = codes.find((known) => known === (error as NodeJS.ErrnoException).code);
    if (code === undefined) throw error;
    return code;
  }
}
