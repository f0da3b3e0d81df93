import path from 'node:path';
import { prepare } from './prepare.mjs';
import { become, exitWith, root } from './process.mjs';

// npm test [-- FILTER...]: every compiled spec, or those whose path contains a filter; --long: the long runs instead.
const args = process.argv.slice(2);
if (args.includes('--long')) process.env.FLORIN_TEST_LONG = '1';
await prepare().catch((error) => {
  process.on('exit', () => console.log('\n0 passed, 1 failed'));
  exitWith(error);
});
const filters = args.filter((argument) => argument !== '--long');
await become(path.join(root, 'node_modules/vitest/vitest.mjs'), ['run', ...filters]);
