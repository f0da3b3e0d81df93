import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// For mutation runs alone: Stryker changes the sources of the domain, so its specs run on them and not on `dist`. The
// world of random commands is left out: the specs of each decider must notice a mutant by themselves, and quickly.
const setup = fileURLToPath(new URL('./libs/domain/src/testing/mutation.ts', import.meta.url));

export default defineConfig({
  test: {
    include: ['libs/domain/src/**/*.spec.ts'],
    exclude: ['libs/domain/src/world.spec.ts'],
    setupFiles: [setup],
    testTimeout: 60_000,
  },
});
