import { readFileSync } from 'node:fs';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';

/* What a browser loads must not need Node: every module reachable from the two portable entries is looked at. */

const IMPORT = /(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g;

function importsReachable(entry: URL, seen = new Map<string, readonly string[]>()): Map<string, readonly string[]> {
  if (seen.has(entry.href)) return seen;
  const imports = [...readFileSync(entry, 'utf8').matchAll(IMPORT)].map(([, name]) => name as string);
  seen.set(entry.href, imports);
  for (const name of imports) if (name.startsWith('.')) importsReachable(new URL(name, entry), seen);
  return seen;
}

describe.each(['index.js', 'portable.js'])('%s', (entry) => {
  const modules = importsReachable(new URL(entry, import.meta.url));

  test('reaches nothing of Node, and no package beyond its own', () => {
    const foreign = new Set([...modules.values()].flat().filter((name) => !name.startsWith('.')));
    for (const name of foreign) expect(name).toMatch(/^(@florin\/encoding|@noble\/(curves|hashes)\/|tweetnacl$)/);
    expect(foreign).toContain('@florin/encoding');
  });

  test('reaches neither the server side nor randomness nor a clock', () => {
    expect([...modules.keys()].filter((url) => /\/(server|rsa-private)\.js$/.test(url))).toEqual([]);
    for (const url of modules.keys()) {
      expect(readFileSync(new URL(url), 'utf8')).not.toMatch(
        /Math\.random|getRandomValues|randomBytes|Date\.|\bBuffer\b/,
      );
    }
  });

  test('can be bundled for browsers', async () => {
    const { outputFiles } = await build({
      entryPoints: [new URL(entry, import.meta.url).pathname],
      bundle: true,
      format: 'esm',
      platform: 'browser',
      write: false,
      logLevel: 'silent',
    });
    const [bundle] = outputFiles;
    expect(bundle?.text).not.toMatch(/['"]node:/);
    expect(bundle?.text.length).toBeGreaterThan(10_000);
  });
});

test('the check above sees what it is for: the server entry does reach Node', () => {
  const modules = importsReachable(new URL('server.js', import.meta.url));
  expect([...modules.values()].flat()).toContain('node:crypto');
});
