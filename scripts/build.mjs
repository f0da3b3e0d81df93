import { prepare } from './prepare.mjs';
import { exitWith } from './process.mjs';

// npm run build: packages installed, sources compiled, nothing started.
await prepare().catch(exitWith);
