import path from 'node:path';
import { type Breach, sourceOfOutput, type Tree, targetOf } from './tree.js';

const COLUMNS = 120;
const LINES = 500;
const CODE = /\.(ts|mjs|yml|yaml|sh)$|(^|\/)Dockerfile$|^\.ci\/run$/;

/** Lines that do not fit beside another file, and files that do not fit into a head. */
export function oversized(tree: Tree): Breach[] {
  return [...tree.texts].flatMap(([file, text]) => {
    if (!CODE.test(file)) return [];
    const lines = text.split('\n');
    const wide = lines.flatMap((line, index) =>
      [...line].length > COLUMNS ? [`${file}:${index + 1} has more than ${COLUMNS} columns`] : [],
    );
    return lines.length - 1 > LINES ? [...wide, `${file} has more than ${LINES} lines`] : wide;
  });
}

// Spelt so that this file does not contain what it looks for. (ISO 4217 calls no currency by three X, in quotes.)
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/\b(TO[D]O|FIX[M]E|HA[C]K)\b|(?<!')\bX[X]X\b/, 'unfinished work: finish it or write an issue'],
  [/(?<![\w.~-])\/(work|root|home|Users)\/[\w.]/, "a path of somebody's machine"],
  [/\bregistry\.[a-z0-9-]+\.[a-z]|"resolved": "https?:/, 'a package registry: that is configured outside'],
  [/@ts-(ig[n]ore|noch[e]ck)|eslint-dis[a]ble/, 'a check switched off'],
];

/** Words that have no place in the repository. */
export function unwelcome(tree: Tree): Breach[] {
  return [...tree.texts].flatMap(([file, text]) =>
    text
      .split('\n')
      .flatMap((line, index) =>
        WORDS.filter(([pattern]) => (file !== 'LICENSE' ? pattern.test(line) : false)).map(
          ([, reason]) => `${file}:${index + 1} ${reason}`,
        ),
      ),
  );
}

/**
 * Sources that nothing leads to. What leads to a source: an entry or a program of a package, a path below `dist` or
 * `scripts` in package.json, scripts, configuration or the container files, and from there every import and every
 * `new URL('./x.js', import.meta.url)`. Specs and long runs are found by Vitest; but a spec does not keep alive the
 * file it tests.
 */
export function deadFiles(tree: Tree): Breach[] {
  const alive = new Set<string>();
  const reach = (file: string | undefined): void => {
    if (file === undefined || alive.has(file) || !tree.sources.has(file)) return;
    alive.add(file);
    const subject = file.replace(/(\.int)?\.(spec|long)\.ts$/, '.ts');
    for (const reference of tree.sources.get(file)?.references ?? []) {
      const target = targetOf(tree, file, reference);
      if (target !== subject) reach(target);
    }
  };
  for (const { name: room, manifest } of tree.rooms.values()) {
    const outputs = [...Object.values(manifest.exports ?? {}), ...Object.values(manifest.bin ?? {})];
    for (const output of outputs) reach(sourceOfOutput(path.posix.join(room, output)));
  }
  for (const [file, text] of tree.texts) {
    if (/\.(spec|long)\.ts$/.test(file) || /^[^/]+\.config\.mjs$/.test(file)) reach(file);
    if (file.includes('/') && !file.startsWith('scripts/') && !file.startsWith('.ci/')) continue;
    if (file === 'package-lock.json' || file.endsWith('.md')) continue;
    for (const [named] of text.matchAll(
      /(?:(?:libs|apps)\/[\w-]+|test)\/dist\/[\w./-]+\.js|(?:scripts|docker)\/[\w-]+\.mjs/g,
    )) {
      reach(sourceOfOutput(named));
    }
  }
  return [...tree.sources.keys()]
    .filter((file) => !alive.has(file) && !file.endsWith('.d.ts'))
    .map((file) => `${file} is used by nobody`);
}
