import { defineConfig } from 'vitest/config';

// The tests run on what ships: `npm test` compiles first, and Vitest executes the compiled specs. Only the spec files
// go through Vite; everything they import is loaded by Node itself, so ESM mistakes show here and not at run time.
const long = process.env.FLORIN_TEST_LONG === '1';
// Only what hangs is to be ended, on a busy machine too. A real event store, perhaps in containers on the same two
// cores, is given more.
const patienceMs = process.env.FLORIN_TEST_EVENTSTORE === undefined ? 300_000 : 600_000;

export default defineConfig({
  test: {
    include: long
      ? ['{libs,apps}/*/dist/**/*.long.js', 'test/dist/**/*.long.js']
      : ['{libs,apps}/*/dist/**/*.spec.js', 'test/dist/**/*.spec.js'],
    exclude: ['**/node_modules/**'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: long ? 3_600_000 : patienceMs,
    hookTimeout: patienceMs,
    globals: false,
    server: { deps: { external: [/\/dist\/(?!.*\.(spec|long)\.js$)/] } },
    reporters: ['default', './scripts/vitest-summary.mjs'],
  },
});
