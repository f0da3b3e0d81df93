import type { Use } from './source.js';
import { type Breach, isTest, roomOf, type Tree } from './tree.js';

const PURE_ROOMS = new Set(['libs/encoding', 'libs/crypto', 'libs/domain']);

/** Clocks, timers, chance, the network, the process and its output: all of them are arguments in the pure rooms. */
const IMPURE =
  /^(Date\.now|new Date\(\)|Date\(\)|Math\.random|(performance|process|crypto|console|fetch|set(Timeout|Interval))\b)/;

/** Functions that draw randomness by themselves: of Node, of browsers, of libsodium, tweetnacl and noble. */
const DRAWS = new RegExp(
  [
    '^random(Bytes|Fill|UUID|Int|SecretKey|PrivateKey|bytes).*',
    '^(getRandomValues|generateKey.*)$',
    '^crypto_(.*_random|[a-z]+_keypair)$',
  ].join('|'),
);

/** Code of the pure rooms whose answer depends on more than its arguments. */
export function impurities(tree: Tree): Breach[] {
  return usesIn(
    tree,
    (file) => PURE_ROOMS.has(roomOf(file) ?? '') && !isTest(file) && !file.endsWith('.d.ts'),
    ({ globals, identifiers }) => [
      ...globals.filter(({ path }) => IMPURE.test(path)),
      ...identifiers.filter(({ path }) => DRAWS.test(path)),
    ],
    (name) => `${name} is an argument here, never a global or a draw of its own`,
  );
}

/** Money is a bigint: the domain has no use for what makes numbers of texts, nor for fractions. */
export function floatingMoney(tree: Tree): Breach[] {
  return usesIn(
    tree,
    (file) => roomOf(file) === 'libs/domain' && !isTest(file),
    ({ globals, identifiers, fractions }) => [
      ...globals.filter(({ path }) => path === 'Number()' || path === 'new Number(...)'),
      ...identifiers.filter(({ path }) => /^(parseFloat|toFixed|toPrecision)$/.test(path)),
      ...fractions,
    ],
    (name) => `${name}: money is a bigint`,
  );
}

/** Our own code is never mocked: a test that needs it to be otherwise has found a missing argument. */
export function mocks(tree: Tree): Breach[] {
  return usesIn(
    tree,
    isTest,
    ({ identifiers }) =>
      identifiers.filter(({ path }) => /^(mock|doMock|mockImplementation|mockReturnValue)$/.test(path)),
    (name) => `${name}: nothing of ours is mocked`,
  );
}

function usesIn(
  tree: Tree,
  concerns: (file: string) => boolean,
  pick: (source: { globals: readonly Use[]; identifiers: readonly Use[]; fractions: readonly Use[] }) => Use[],
  say: (name: string) => string,
): Breach[] {
  return [...tree.sources].flatMap(([file, source]) =>
    concerns(file) ? pick(source).map(({ path, line }) => `${file}:${line} ${say(path)}`) : [],
  );
}
