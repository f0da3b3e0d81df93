/**
 * A process that commits as fast as it can and prints a line for each acknowledgement, until it is killed:
 *
 *     node busy-process.js FOLDER RUN SEED
 *
 * Every event says which unit it belongs to, which part of it it is, and how many parts there are.
 */
import { writeSync } from 'node:fs';
import { type NewEvent, NO_EVENTS, openSqliteStore, type Revision, type StreamAppend } from '../../index.js';
import { LOG_PUB, ORIGIN, seeded, signHead } from './folder.js';

const WRITERS = 24;
const [folder, run, seed] = process.argv.slice(2) as [string, string, string];
const random = seeded(Number(seed));

const store = await openSqliteStore({
  folder,
  origin: ORIGIN,
  logPub: LOG_PUB,
  signHead,
  now: () => Date.now() * 1_000,
  onReport: (report) => writeSync(1, `report ${JSON.stringify(report)}\n`),
});
writeSync(1, 'open\n');
await Promise.all(Array.from({ length: WRITERS }, (_, writer) => work(writer)));

/** Each writer has a reserve of its own, where its units are decided, and spends new coins with every unit. */
async function work(writer: number): Promise<void> {
  let revision: Revision | typeof NO_EVENTS = NO_EVENTS;
  const reserve = `test.reserve-${run}.${writer}`;
  for (let count = 0; ; count++) {
    const id = `${run}.${writer}.${count}`;
    const coins = Math.floor(random() * 4);
    const streams = [...Array.from({ length: coins }, (_, i) => `test.coin-${id}.${i}`), reserve];
    const sizes = streams.map(() => 1 + Math.floor(random() * 3));
    const of = sizes.reduce((sum, size) => sum + size, 0);
    let part = 0;
    const unit = streams.map((stream, i): StreamAppend => {
      const events = Array.from({ length: sizes[i] ?? 0 }, (): NewEvent => {
        const filling = 'x'.repeat(Math.floor(random() * 800));
        return { type: 'Noted', version: 1, data: { unit: id, part: part++, of, filling } };
      });
      return { stream, expected: stream === reserve ? revision : NO_EVENTS, events };
    });
    const committed = await store.commit(unit);
    revision = committed.revisions.get(reserve) as Revision;
    writeSync(1, `ack ${id} ${committed.position}\n`);
  }
}
