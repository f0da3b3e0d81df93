// npm run mutate: changes the domain in some two thousand small ways, one at a time, and lists those that no spec
// notices. Whatever moves money must be noticed. About half an hour on one core; `-- --mutate libs/domain/src/purse.ts`
// looks at one file. The report is in reports/mutation.
export default {
  testRunner: 'vitest',
  plugins: ['@stryker-mutator/vitest-runner'],
  vitest: { configFile: 'vitest.mutate.config.mjs' },
  mutate: [
    'libs/domain/src/**/*.ts',
    '!libs/domain/src/**/*.{spec,long}.ts',
    '!libs/domain/src/testing/**',
    '!libs/domain/src/index.ts',
  ],
  // What the specs of the domain need; all else comes from node_modules and the compiled rooms.
  ignorePatterns: [
    '/*',
    '!/libs',
    '/libs/*',
    '!/libs/domain',
    '/libs/domain/dist',
    '!/libs/encoding',
    '/libs/encoding/*',
    '!/libs/encoding/tsconfig.json',
    '!/libs/crypto',
    '/libs/crypto/*',
    '!/libs/crypto/tsconfig.json',
    '!/package.json',
    '!/tsconfig.base.json',
    '!/vitest.mutate.config.mjs',
  ],
  coverageAnalysis: 'perTest',
  concurrency: 1,
  timeoutMS: 20_000,
  reporters: ['clear-text', 'progress-append-only', 'html', 'json'],
};
