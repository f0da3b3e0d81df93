import { KeyFolder } from './key-folder.js';
import { Signers } from './signers.js';

/* An exchange process with signers at work, to be killed: `orphans PATH`. Answers the process ids of its signers. */

const folder = await KeyFolder.open(process.argv[2] as string, { development: true });
const signers = await Signers.start({ folder, processes: 2 });
await signers.generate({ kind: 'log' });
void signers.generate({ kind: 'denomination', cipher: 'RSA', bits: 4096, ageMask: 0 });
process.send?.(signers.status().map(({ pid }) => pid));
for (;;) await signers.signHead(new Uint8Array(64));
