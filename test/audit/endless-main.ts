/** A data folder with a long honest history in it, to try the auditor and other tools at size. */
import { parseArgs } from 'node:util';
import type { SourceEvent } from '@florin/auditor';
import { decodeBase32 } from '@florin/encoding';
import { type CommittedUnit, openSqliteStore, type Position } from '@florin/event-store';
import { wallet } from '../e2e/support/oracle.js';
import { Endless } from './endless.js';

/** Units handed to the store at a time. */
const AT_A_TIME = 256;
/** A slow disk is no reason to give up. */
const COMMIT_TIMEOUT_MS = 600_000;

export const help = `npm run simulate -- --model ledger --data FOLDER [options]

Writes an honest history into a new data folder: customers who fund a reserve, withdraw, pay by purses, delete some and
close. Every signature is good (a million events take some minutes), so \`npm run audit -- --data FOLDER\` says nothing
of them. The folder has events and signed heads, as an auditor gets them; no exchange serves it, for it has no keys.

  --data FOLDER  where to; it must not hold a ledger
  --events N     how many at least; default 1000000
  --noise        noise instead of signatures, much faster: for \`audit --no-signatures\`
  --help         this text
`;

/** @returns the exit code @throws on arguments that make no sense */
export async function simulate(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      data: { type: 'string' },
      events: { type: 'string', default: '1000000' },
      noise: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  if (values.data === undefined) throw new RangeError('--data names the folder to be written');
  if (!/^[1-9][0-9]{0,9}$/.test(values.events)) throw new RangeError('--events is a whole number');
  const events = await writeFolder(values.data, Number(values.events), new Endless({ signed: !values.noise }));
  console.log(`${events} events in ${values.data}`);
  return 0;
}

/** @returns how many events it has @throws RangeError if there is a ledger already */
export async function writeFolder(folder: string, count: number, endless: Endless): Promise<number> {
  const { pub, seed } = endless.logKey;
  const store = await openSqliteStore({
    folder,
    origin: `florin/endless/${pub.slice(0, 16)}`,
    logPub: decodeBase32(pub),
    signHead: async (text) => wallet.eddsa.sign(text, seed),
    now: () => endless.now * 1e6,
    commitTimeoutMs: COMMIT_TIMEOUT_MS,
    onReport: () => {},
  });
  try {
    if (store.head().size > 0) throw new RangeError(`${folder} holds a ledger already`);
    let underWay: Promise<unknown>[] = [];
    let shown = 0;
    for await (const { items } of endless.stretches(count)) {
      for (const unit of unitsIn(items as SourceEvent[])) {
        underWay.push(store.importUnit(unit));
        if (underWay.length < AT_A_TIME) continue;
        await Promise.all(underWay);
        underWay = [];
      }
      const size = store.head().size;
      if (size - shown < 50_000) continue;
      shown = size;
      process.stderr.write(`${size} of ${count} events\n`);
    }
    await Promise.all(underWay);
    return store.head().size;
  } finally {
    await store.close();
  }
}

function* unitsIn(items: readonly SourceEvent[]): Generator<CommittedUnit> {
  for (let first = 0; first < items.length; ) {
    const { unitFirst } = items[first] as SourceEvent;
    let end = first + 1;
    while (items[end]?.unitFirst === unitFirst) end += 1;
    const position = BigInt(unitFirst + end - first - 1) as Position;
    const events = items.slice(first, end).map(({ text, unitFirst: _, ...event }) => {
      return { ...event, position, data: JSON.parse(text) };
    });
    yield { position, events };
    first = end;
  }
}
