import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { install } from './install.mjs';
import { collect, exclusively, Failure, root, say } from './process.mjs';

/**
 * Makes a checkout ready to run, whatever state it is in: the right Node, packages that fit, sources compiled. Nothing
 * is done twice: a second call takes what `tsc -b` needs to see that nothing changed.
 */
export async function prepare() {
  checkNode();
  await exclusively(async () => {
    await install();
    await build();
  });
}

/** The sources have errors, the checkout is fine otherwise. */
export class CompileFailure extends Failure {}

/** 20.19 and 22.12 are the first of their lines in which CommonJS packages may load ESM ones. */
function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19)) return;
  throw new Failure(
    `Node ${process.versions.node} is too old: Florin runs on 20.19 or later of that line, and on 22.12 or later.\n` +
      'See https://nodejs.org/en/download, or with a version manager: nvm install 24 (fnm, volta, mise alike).',
  );
}

async function build() {
  for (const project of projects()) tidy(project);
  const start = performance.now();
  const notice = setTimeout(() => say('compiling, up to a minute the first time'), 1500);
  const { ok, output } = await collect(process.execPath, ['node_modules/typescript/bin/tsc', '-b']);
  clearTimeout(notice);
  if (!ok) throw new CompileFailure(`the sources do not compile:\n${output.trimEnd()}`);
  const seconds = (performance.now() - start) / 1000;
  if (seconds > 1.5) say(`compiled in ${Math.round(seconds)} s`);
}

/** Every TypeScript project of the repository: where its sources are and where its compiled files go. */
function projects() {
  const rooms = ['libs', 'apps'].flatMap((floor) =>
    readdirSync(path.join(root, floor)).map((name) => path.join(root, floor, name)),
  );
  return [
    ...rooms.map((room) => ({ source: path.join(room, 'src'), output: path.join(room, 'dist') })),
    { source: path.join(root, 'test'), output: path.join(root, 'test/dist') },
  ];
}

/**
 * `tsc -b` neither deletes the output of a source that is gone (a removed spec would run for ever) nor notices that
 * an output is gone: delete the first kind, and for the second its memory, so that it compiles anew.
 */
function tidy({ source, output }) {
  const written = filesIn(source).filter((file) => file.endsWith('.ts'));
  const sources = new Set(written.map((file) => file.replace(/(\.d)?\.ts$/, '')));
  const missing = new Set(written.filter((file) => !file.endsWith('.d.ts')).map((file) => file.replace(/\.ts$/, '')));
  for (const file of filesIn(output)) {
    const match = /^(.*?)(\.d\.ts|\.js)(\.map)?$/.exec(file);
    if (!match) continue;
    const [, name, kind, map] = match;
    if (!sources.has(name)) rmSync(path.join(output, file));
    if (kind === '.js' && !map) missing.delete(name);
  }
  if (missing.size > 0) rmSync(path.join(output, '.tsbuildinfo'), { force: true });
}

/** Paths, relative to `folder`, of the files below it; not of what was installed or compiled into it. */
function filesIn(folder, below = '') {
  const here = path.join(folder, below);
  if (!existsSync(here)) return [];
  return readdirSync(here, { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(below, entry.name);
    if (entry.isFile()) return [name];
    return entry.isDirectory() && !['node_modules', 'dist'].includes(entry.name) ? filesIn(folder, name) : [];
  });
}
