import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSource, type Reference, type Source } from './source.js';

/** A room is a workspace: `libs/NAME`, `apps/NAME` or `test`. */
export interface Room {
  readonly name: string;
  readonly manifest: Manifest;
}

export interface Manifest {
  readonly name?: string;
  readonly exports?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** The repository as the rules see it: text by path (with slashes, from the root), parsed where it is code. */
export interface Tree {
  readonly texts: ReadonlyMap<string, string>;
  readonly sources: ReadonlyMap<string, Source>;
  readonly rooms: ReadonlyMap<string, Room>;
  readonly manifest: Manifest;
}

/** A breach of a rule: `path:line what is wrong`. */
export type Breach = string;

const SKIPPED = new Set(['node_modules', 'dist', '.git', 'coverage', 'reports', '.stryker-tmp']);
/** Of no rule's concern: published vectors, and data of a development run. */
const SKIPPED_PATHS = new Set(['test/vectors', 'data']);

/** Reads the repository below `root`, what git ignores left out. */
export function readTree(root: URL): Tree {
  const top = fileURLToPath(root);
  const texts = new Map<string, string>();
  const walk = (below: string): void => {
    for (const entry of readdirSync(path.join(top, below), { withFileTypes: true })) {
      const name = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory() && !SKIPPED.has(entry.name) && !SKIPPED_PATHS.has(name)) walk(name);
      if (entry.isFile() && !entry.name.startsWith('.prepare.lock')) {
        texts.set(name, readFileSync(path.join(top, name), 'utf8'));
      }
    }
  };
  walk('');
  return treeOf(texts);
}

/** A tree of the given texts by path: the repository, or a small one made up by a test. */
export function treeOf(texts: ReadonlyMap<string, string>): Tree {
  const sources = new Map<string, Source>();
  const rooms = new Map<string, Room>();
  for (const [file, text] of texts) {
    if (/\.(ts|mjs)$/.test(file)) sources.set(file, parseSource(file, text));
    const room = /^(.+)\/package\.json$/.exec(file)?.[1];
    if (room !== undefined) rooms.set(room, { name: room, manifest: JSON.parse(text) });
  }
  return { texts, sources, rooms, manifest: JSON.parse(texts.get('package.json') ?? '{}') };
}

export function roomOf(file: string): string | undefined {
  return /^((?:libs|apps)\/[^/]+|test)\//.exec(file)?.[1];
}

/** Specs, long runs, and what only they use, by their names (the store's contract among it); everything in `test`. */
export function isTest(file: string): boolean {
  return /\.(spec|long|support)\.ts$|\/testing\/|^libs\/event-store\/src\/contract[\w-]*\.ts$|^test\//.test(file);
}

/** The source that a compiled file comes from: `libs/x/dist/a.js` is `libs/x/src/a.ts`, in `test` there is no src. */
export function sourceOfOutput(output: string): string {
  return output
    .replace(/^((?:libs|apps)\/[^/]+)\/dist\//, '$1/src/')
    .replace(/^test\/dist\//, 'test/')
    .replace(/\.js$/, '.ts');
}

/** The files that a package offers to others, as sources: by specifier, `@florin/crypto/server`. */
export function entriesOf(tree: Tree): Map<string, string> {
  const entries = new Map<string, string>();
  for (const { name: room, manifest } of tree.rooms.values()) {
    for (const [name, output] of Object.entries(manifest.exports ?? {})) {
      entries.set(path.posix.join(manifest.name ?? room, name), sourceOfOutput(path.posix.join(room, output)));
    }
  }
  return entries;
}

/** The source that a reference in `from` leads to; undefined for other packages, and for what does not exist. */
export function targetOf(tree: Tree, from: string, { specifier }: Reference): string | undefined {
  if (!specifier.startsWith('.')) return entriesOf(tree).get(specifier);
  const target = path.posix.join(path.posix.dirname(from), specifier);
  const candidates = [target, target.replace(/\.js$/, '.ts'), target.replace(/\.js$/, '.d.ts')];
  return candidates.find((candidate) => tree.sources.has(candidate));
}

/** Where a name that the module `file` offers was written, through `export ... from`; undefined if nowhere of ours. */
export function originOf(tree: Tree, file: string, name: string, seen = new Set<string>()): string | undefined {
  const source = tree.sources.get(file);
  if (!source || seen.has(file)) return undefined;
  seen.add(file);
  if (source.exports.has(name)) return file;
  for (const reference of source.references) {
    if (reference.kind !== 'export') continue;
    if (reference.names && !reference.names.some((named) => named.name === name)) continue;
    const target = targetOf(tree, file, reference);
    const origin = target && originOf(tree, target, name, seen);
    if (origin) return origin;
  }
  return undefined;
}
