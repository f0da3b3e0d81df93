import { spawn } from 'node:child_process';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The top of this checkout. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** A failure that the reader can do something about: its message says what. */
export class Failure extends Error {}

/** One line on stderr: stdout belongs to the command that follows. */
export function say(line) {
  process.stderr.write(`florin: ${line}\n`);
}

/**
 * Runs a program in the checkout and collects what it prints. A signal to us ends it first, so that nothing goes on
 * working behind the back of whoever stopped us.
 * @returns {Promise<{ ok: boolean, output: string }>} stdout and stderr as they came
 */
export async function collect(command, args, env = process.env) {
  const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  child.stderr.on('data', (chunk) => chunks.push(chunk));
  let stopped;
  const stop = (signal) => {
    stopped = signal;
    child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, stop);
  const ok = await new Promise((resolve) => {
    child.on('error', (error) => {
      chunks.push(Buffer.from(`${error.message}\n`));
      resolve(false);
    });
    child.on('close', (code) => resolve(code === 0));
  });
  for (const signal of signals) process.off(signal, stop);
  if (stopped) throw new Failure(`stopped by ${stopped}`);
  return { ok, output: Buffer.concat(chunks).toString() };
}

/**
 * Runs a program in the checkout on our own stdin, stdout and stderr.
 * @returns {Promise<boolean>} whether it ended with 0
 */
export function attached(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit' });
    child.on('error', (error) => {
      say(error.message);
      resolve(false);
    });
    child.on('close', (code) => resolve(code === 0));
  });
}

/**
 * Turns this process into the program `file`, like exec: same process id, so signals, exit code and the terminal are
 * the program's own, and nothing stands between it and npm.
 */
export async function become(file, args) {
  process.argv = [process.argv[0], file, ...args];
  await import(pathToFileURL(file).href);
}

/** Prints a failure as its message alone, any other error with its stack, and ends with 1. */
export function exitWith(error) {
  if (error instanceof Failure) say(error.message);
  else console.error(error);
  process.exit(1);
}

/**
 * Does `work` while no other process does it in this checkout: `npm start` in one terminal and `npm run demo` in a
 * second one must not install side by side. The lock is a file with the owner's process id; a dead owner's is taken.
 */
export async function exclusively(work) {
  const lock = path.join(root, '.prepare.lock');
  let waiting = false;
  while (!claim(lock)) {
    if (!waiting) say('waiting for another npm command to prepare this checkout (it holds .prepare.lock)');
    waiting = true;
    await delay(200);
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function claim(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  const owner = ownerOf(lock);
  if (!owner || alive(owner)) return false;
  const dead = `${lock}.${process.pid}`;
  try {
    renameSync(lock, dead);
    // Someone may have replaced the dead owner's lock since we read it: then give it back.
    if (ownerOf(dead) !== owner) renameSync(dead, lock);
    rmSync(dead, { force: true });
  } catch (error) {
    if (error.code !== 'ENOENT') throw error; // another one was faster
  }
  return false;
}

function ownerOf(lock) {
  try {
    return Number(readFileSync(lock, 'utf8'));
  } catch {
    return undefined;
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
