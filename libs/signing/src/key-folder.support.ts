import { once } from 'node:events';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/*
 * A process of its own that works in a key folder:
 *   race PATH                creates the accounts of the race when it is told to, and answers what it created and read
 *   create PATH CALL         creates an account, and ends as by kill -9 when it comes to this call of the file system
 *   destroy PATH CALL        destroys it, and ends likewise
 */

const [job, path = '', call] = process.argv.slice(2);

if (call !== undefined) {
  Object.assign(fs.promises, { [call]: () => process.kill(process.pid, 'SIGKILL') });
  syncBuiltinESMExports();
}

const { KeyFolder } = await import('./key-folder.js');
const { ACCOUNTS_OF_RACE } = await import('./accounts.support.js');
const folder = await KeyFolder.open(path, { development: true });
const [account = ''] = ACCOUNTS_OF_RACE;

if (job === 'create') await folder.createAccount(account, 'there');
else if (job === 'destroy') await folder.destroyAccount(account);
else {
  process.send?.('ready');
  await once(process, 'message');
  const created: string[] = [];
  for (const name of ACCOUNTS_OF_RACE) if (await folder.createAccount(name, `of ${process.pid}`)) created.push(name);
  const read = await Promise.all(ACCOUNTS_OF_RACE.map((name) => folder.readAccount(name)));
  process.send?.({ created, read }, () => process.disconnect());
}
