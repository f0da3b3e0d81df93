import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
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
  if (treeFitsLock() && (await nativeModulesWork()).ok) return stamp(wanted);
  say(`${reason(found)}: installing packages, one to four minutes (SQLite may have to be compiled)`);
  const start = performance.now();
  const headers = soundHeaders();
  const ci = npm(headers?.folder, 'ci', '--include=dev', '--no-audit', '--no-fund');
  const { ok, output } = await collect(...ci).finally(() => headers?.discard());
  if (!ok) throw new Failure(`npm ci failed:\n${excerpt(output)}\n${advice(output)}`);
  const native = await nativeModulesWork();
  if (!native.ok) {
    throw new Failure(`the packages are installed, but their native modules do not work:\n${excerpt(native.output)}`);
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

async function nativeModulesWork() {
  const probe = "import sqlite from 'better-sqlite3'; import 'sodium-native'; new sqlite(':memory:').close();";
  const { ok, output } = await collect(process.execPath, ['--input-type=module', '--eval', probe]);
  if (!ok || !hasCleanupHooks(path.join(root, 'node_modules/better-sqlite3/build/Release/better_sqlite3.node'))) {
    return { ok, output: `${output}\nIs ignore-scripts set for npm? SQLite is compiled by an install script.` };
  }
  const advice =
    'Install Node with its include folder (packages from nodejs.org have it), for its headers can be mended.';
  return { ok: false, output: `SQLite was compiled against headers that make it abort (${DEFECT}).\n${advice}` };
}

/** The npm that started us, on the Node that runs us; else the one on the PATH. */
function npm(nodedir, ...args) {
  const { npm_config_nodedir: _given, ...rest } = process.env;
  const env = { ...rest, npm_config_loglevel: 'error', ...(nodedir ? { npm_config_nodedir: nodedir } : {}) };
  const starter = process.env.npm_execpath;
  return starter && path.basename(starter) === 'npm-cli.js'
    ? [process.execPath, [starter, ...args], env]
    : ['npm', args, env];
}

/**
 * node-gyp fetches Node's headers from the network unless it is told where they lie, and compiles against the wrong
 * ones if it is told wrong. So: those of a folder that fits the running Node, or undefined. From 24.19 on they make
 * every C++ object of an addon like SQLite's abort the process when it is collected while no JavaScript runs: then a
 * copy without these hooks, which are not in the headers before either. (Fetched binaries are older than the defect.)
 */
function soundHeaders() {
  const beside = path.resolve(process.execPath, '../..');
  const fits = (folder) => folder && headersAbi(folder) === process.versions.modules;
  const folder = [process.env.npm_config_nodedir, beside].find(fits);
  const header = 'include/node/node_object_wrap.h';
  if (!folder || !hasCleanupHooks(path.join(folder, header))) return folder && { folder, discard: () => {} };
  const copy = mkdtempSync(path.join(tmpdir(), 'florin-node-headers-'));
  cpSync(path.join(folder, 'include/node'), path.join(copy, 'include/node'), { recursive: true });
  const text = readFileSync(path.join(copy, header), 'utf8');
  writeFileSync(path.join(copy, header), text.replace(/^ +(Add|Remove)CleanupHook\(\);\n/gm, ''));
  return { folder: copy, discard: () => rmSync(copy, { recursive: true }) };
}

const DEFECT = 'https://github.com/nodejs/node/issues/65446';

/** Whether a header calls these hooks, or a binary was compiled with a header that does. */
function hasCleanupHooks(file) {
  const content = existsSync(file) ? readFileSync(file, 'latin1') : '';
  return content.includes('RemoveCleanupHook();') || content.includes('ObjectWrap11CleanupHook');
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
