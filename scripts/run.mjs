import { existsSync } from 'node:fs';
import path from 'node:path';
import { prepare } from './prepare.mjs';
import { become, exitWith, Failure, root } from './process.mjs';

// node scripts/run.mjs FILE [ARGUMENT...]: a compiled program of the repository, by its path below the root.
const [file, ...args] = process.argv.slice(2);
if (file === undefined) exitWith(new Failure('usage: node scripts/run.mjs FILE [ARGUMENT...]'));
await prepare().catch(exitWith);
const program = path.join(root, file);
if (!existsSync(program)) exitWith(new Failure(`${file} does not exist`));
await become(program, args);
