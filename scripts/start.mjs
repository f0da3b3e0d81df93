import path from 'node:path';
import { prepare } from './prepare.mjs';
import { become, exitWith, root } from './process.mjs';

// npm start: the exchange in the foreground, from a clone as it is.
await prepare().catch(exitWith);
await become(path.join(root, 'apps/exchange/dist/main.js'), process.argv.slice(2));
