import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { collect, Failure, root, say } from './process.mjs';

const stampFile = path.join(root, 'node_modules/.florin/installed');

/**
 * Makes node_modules fit package-lock.json and the running Node. A stamp inside of node_modules says for which lock
 * file and which Node (by its ABI, for native modules are compiled against it) it was made. A checkout serves one
 * Node at a time: another one installs again. Two at once need two checkouts, as in `.ci/run`.
 */
export async function install() {
  const wanted = fingerprint();
  const found = read(stampFile);
  if (found === wanted) return;
  if (treeFitsLock() && (await nativeModulesLoad()).ok) return stamp(wanted);
  say(`${reason(found)}: installing packages, one to four minutes (SQLite may have to be compiled)`);
  const start = performance.now();
  const { ok, output } = await collect(...npm('ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'));
  if (!ok) throw new Failure(`npm ci failed:\n${excerpt(output)}\n${advice(output)}`);
  const loaded = await nativeModulesLoad();
  if (!loaded.ok) {
    throw new Failure(
      `the packages are installed, but their native modules do not load:\n${excerpt(loaded.output)}\n` +
        'Is ignore-scripts set for npm? SQLite is compiled by an install script.',
    );
  }
  stamp(wanted);
  say(`installed in ${Math.round((performance.now() - start) / 1000)} s`);
}

function fingerprint() {
  const lock = createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
  return `node ${process.versions.modules} ${process.platform}-${process.arch}\nlock ${lock}\n`;
}

function stamp(content) {
  mkdirSync(path.dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, content);
}

function reason(found) {
  if (!existsSync(path.join(root, 'node_modules'))) return 'first run';
  if (found !== undefined && !found.startsWith(fingerprint().split('\n')[0])) return 'another Node than last time';
  return 'the installed packages do not match package-lock.json';
}

/** Whether what npm says it installed is what the lock file names: true after an `npm install` by hand. */
function treeFitsLock() {
  const installed = packagesOf('node_modules/.package-lock.json');
  const locked = packagesOf('package-lock.json');
  if (!installed || !locked) return false;
  const same = (a, b) => a.version === b.version && a.integrity === b.integrity;
  return (
    Object.entries(installed).every(([name, entry]) => locked[name] && same(entry, locked[name])) &&
    Object.entries(locked).every(([name, entry]) => name === '' || entry.optional || installed[name])
  );
}

function packagesOf(lockFile) {
  const text = read(path.join(root, lockFile));
  return text && JSON.parse(text).packages;
}

function nativeModulesLoad() {
  const probe = "import sqlite from 'better-sqlite3'; import 'sodium-native'; new sqlite(':memory:').close();";
  return collect(process.execPath, ['--input-type=module', '--eval', probe]);
}

/** The npm that started us, on the Node that runs us; else the one on the PATH. */
function npm(...args) {
  const env = environment();
  const starter = process.env.npm_execpath;
  return starter && path.basename(starter) === 'npm-cli.js'
    ? [process.execPath, [starter, ...args], env]
    : ['npm', args, env];
}

/**
 * node-gyp fetches Node's headers from the network unless it is told where they lie, and compiles against the wrong
 * ones if it is told wrong: name a folder that fits the running Node, or none.
 */
function environment() {
  const { npm_config_nodedir: given, ...env } = process.env;
  const beside = path.resolve(process.execPath, '../..');
  const nodedir = [given, beside].find((folder) => folder && headersAbi(folder) === process.versions.modules);
  return nodedir ? { ...env, npm_config_nodedir: nodedir } : env;
}

function headersAbi(folder) {
  const header = read(path.join(folder, 'include/node/node_version.h'));
  return header?.match(/^#define NODE_MODULE_VERSION (\d+)/m)?.[1];
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** The beginning names the cause for npm's own errors, the end for those of compilers. */
function excerpt(output) {
  const lines = output.trimEnd().split('\n');
  return (lines.length <= 50 ? lines : [...lines.slice(0, 15), '[...]', ...lines.slice(-35)]).join('\n');
}

const causes = [
  [
    /package\.json and package-lock\.json .*in sync/i,
    'package.json was changed without its lock file: run `npm install` and commit package-lock.json.',
  ],
  [/ENOSPC/, 'The disk is full: node_modules needs 400 MB.'],
  [/EACCES|EPERM/, 'Files here belong to another user: clone again as yourself, and do not install as root.'],
  [
    /find Python|Could not find any Python/i,
    'Python 3 is missing; it is needed to compile SQLite. Debian, Ubuntu: apt install python3.',
  ],
  [
    /not found: make|make: not found|make ENOENT|make: [^ ]+: No such file|(g\+\+|cc): (command )?not found|cc1plus/i,
    'A C++ compiler or make is missing; they are needed to compile SQLite. Debian, Ubuntu: apt install ' +
      'build-essential. Fedora: dnf install gcc-c++ make. macOS: xcode-select --install.',
  ],
  [
    /(no such file|not found).*node\.h|node\.h: no such file|install response|headers/i,
    "Node's headers are missing and could not be fetched: install Node with its include folder (packages from " +
      'nodejs.org have it, Debian calls it libnode-dev), or set npm_config_nodedir to a folder that has include/node.',
  ],
  [
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|network/i,
    'The package registry cannot be reached: look at the connection, and at proxy and registry in `npm config list`.',
  ],
];

function advice(output) {
  const cause = causes.find(([pattern]) => pattern.test(output));
  return cause
    ? `What to do: ${cause[1]}`
    : 'Nothing is left to be cleaned up: mend the cause and run the command again.';
}
