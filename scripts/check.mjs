import { CompileFailure, prepare } from './prepare.mjs';
import { attached, exitWith, say } from './process.mjs';

// npm run check: everything that can be said about the sources without running them. Each step runs, whatever the
// ones before it found.
const node = process.execPath;
const steps = {
  'lint and format': [
    node,
    ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '--max-diagnostics=200', '.'],
  ],
  'promises and switches': [node, ['node_modules/eslint/bin/eslint.js', '--max-warnings=0', '.']],
  'import boundaries': [node, ['node_modules/vitest/vitest.mjs', 'run', 'test/dist/architecture']],
};

const failed = [];
await prepare().catch((error) => {
  if (!(error instanceof CompileFailure)) exitWith(error);
  say(error.message);
  failed.push('types');
});
for (const [name, command] of Object.entries(steps)) {
  say(`check: ${name}`);
  if (!(await attached(...command))) failed.push(name);
}
if (failed.length > 0) {
  say(`check failed: ${failed.join('; ')}`);
  process.exitCode = 1;
} else {
  say('check passed');
}
