import { EncodingError } from '@florin/encoding';
import { KeyFolder } from './key-folder.js';
import { pack, unpack } from './pack.js';
import {
  type Answer,
  type Ask,
  type Fault,
  type JobName,
  type Order,
  type Reply,
  SigningRefused,
  STARTED,
} from './protocol.js';
import { SignerKeys } from './signer-keys.js';

/*
 * The program of a signer process: it owns private keys and answers jobs on the channel to the exchange that forked
 * it. It opens no socket, reads nothing but the key folder, and ends when the channel closes, however its parent ended.
 *
 * Blind signatures are made one at a time, with a look at the channel between two of them: whatever else is asked
 * waits for one signature at most.
 */

for (const name of Object.keys(process.env)) delete process.env[name];
process.umask(0o077);
// A signal to the whole group ends the exchange, which first lets its jobs be answered and then closes the channel.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
process.on('disconnect', () => process.exit(0));

const [path = '', mode] = process.argv.slice(2);
const keys = new SignerKeys(KeyFolder.at(path, { development: mode === 'development' }));

interface Batch {
  readonly id: number;
  readonly ask: Ask<'blind'>;
  readonly planchets: readonly Uint8Array[];
  readonly signatures: Uint8Array[];
}

const batches: Batch[] = [];
let replies: Reply[] = [];
/** What changes the set of keys happens in the order in which it was asked for. */
let changes: Promise<unknown> = Promise.resolve();

const take = (order: Order) => {
  switch (order.job) {
    case 'load':
      return inOrder(order.id, () => keys.load(order.ask));
    case 'retire':
      return inOrder(order.id, async () => {
        keys.retire(order.ask);
        return null;
      });
    case 'drop':
      return inOrder(order.id, async () => {
        keys.drop(order.ask);
        return null;
      });
    case 'generate': // takes long, on another thread
      return void keys.generate(order.ask).then(
        (name) => reply(order.id, name),
        (error) => refuse(order.id, error),
      );
    case 'blind':
      return enqueue(order.id, order.ask);
    case 'derive':
      return answer(order.id, () => pack(derive(order.ask)));
    case 'sign':
      return answer(order.id, () => pack(keys.sign(order.ask.name, unpack(order.ask.messages))));
    case 'ping':
      return reply(order.id, null);
  }
};

process.on('message', (orders) => {
  for (const order of orders as Order[]) take(order);
});

// A channel that closes meanwhile ends us anyway.
if (process.connected) process.send?.(STARTED, undefined, undefined, () => {});
else process.exit(0);

function derive({ keys: asked, of, nonces }: Ask<'derive'>): Uint8Array[] {
  return unpack(nonces).map((nonce, i) => {
    const key = asked[of[i] ?? -1];
    if (key === undefined) throw new SigningRefused('malformed', 'a nonce without a key');
    return keys.deriveR(key.name, nonce, key.operation);
  });
}

function enqueue(id: number, ask: Ask<'blind'>): void {
  batches.push({ id, ask, planchets: unpack(ask.planchets), signatures: [] });
  if (batches.length === 1) setImmediate(signNext);
}

function signNext(): void {
  const [batch] = batches;
  if (batch === undefined) return;
  const { id, ask, planchets, signatures } = batch;
  try {
    const planchet = planchets[signatures.length];
    const key = ask.keys[ask.of[signatures.length] ?? -1];
    if (planchet === undefined || key === undefined) throw new SigningRefused('malformed', 'a batch without a key');
    signatures.push(keys.signBlinded(key.name, planchet, key.operation));
    if (signatures.length === planchets.length) {
      batches.shift();
      reply(id, pack(signatures));
    }
  } catch (error) {
    batches.shift();
    refuse(id, error);
  }
  if (batches.length > 0) setImmediate(signNext);
}

function inOrder(id: number, change: () => Promise<Answer<JobName>>): void {
  changes = changes.then(change).then(
    (result) => reply(id, result),
    (error) => refuse(id, error),
  );
}

function answer(id: number, compute: () => Answer<JobName>): void {
  try {
    reply(id, compute());
  } catch (error) {
    refuse(id, error);
  }
}

function reply(id: number, result: Answer<JobName>): void {
  send({ id, answer: result });
}

/** None of our errors quotes a key: see private-keys.ts. */
function refuse(id: number, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  const kind = error instanceof SigningRefused ? error.reason : error instanceof EncodingError ? 'malformed' : 'failed';
  send({ id, fault: { kind, message } satisfies Fault });
}

function send(message: Reply): void {
  replies.push(message);
  if (replies.length > 1) return;
  setImmediate(() => {
    if (process.connected) process.send?.(replies, undefined, undefined, () => {});
    replies = [];
  });
}
