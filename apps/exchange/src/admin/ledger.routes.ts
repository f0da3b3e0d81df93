/** The ledger itself: its signed head, its events, proofs of them, and copies while it runs. */
import { isAbsolute } from 'node:path';
import { encodeBase32, toHex } from '@florin/encoding';
import { type CommittedUnit, type EventStore, exportEventLine, type Position } from '@florin/event-store';
import type { FastifyInstance } from 'fastify';
import { malformedField, malformedParameter } from '../http/taler-error.js';
import { text } from '../http/wire-fields.js';
import type { PublishedLog } from '../transparency/published-log.js';
import type { AdminContext } from './admin.server.js';
import { type Body, read } from './reading.js';
import { streamed, working } from './streaming.js';

export function ledgerRoutes(server: FastifyInstance, { foundation, log, proven }: AdminContext): void {
  const { store, config } = foundation;

  server.get('/ledger/head', async () => {
    const { origin, size, note } = proven.head();
    const { instance, currency } = config;
    return { origin, size, note, log_pub: encodeBase32(log.logPub), instance, currency };
  });

  /** Lines of the export format: the events of one stream, oldest first. */
  server.get('/ledger/stream', (request, reply) => {
    const name = read('name', text(300), (request.query as Body).name ?? '');
    return streamed(reply, () => streamLines(store, log, name));
  });

  /** Lines of the export format, from the unit of event `first` on; with `follow=1` also what comes later. */
  server.get('/ledger/events', (request, reply) => {
    const { first = '0', follow } = request.query as { first?: string; follow?: string };
    const index = countOf('first', first);
    return streamed(reply, (signal) => eventLines(store, log, { first: index, signal, follow: follow === '1' }));
  });

  server.get('/ledger/proof', async (request) => {
    const query = request.query as { index?: string; size?: string };
    const [index, size] = [countOf('index', query.index ?? ''), countOf('size', query.size ?? '')];
    const { proofs } = await proven.proofs();
    if (index >= size || size > proofs.size) throw outside(proofs.size);
    const proof = await proofs.inclusionProof(index, size);
    return { proof: proof.map(toHex) };
  });

  server.get('/ledger/consistency', async (request) => {
    const query = request.query as { from?: string; to?: string };
    const [from, to] = [countOf('from', query.from ?? ''), countOf('to', query.to ?? '')];
    const { proofs } = await proven.proofs();
    if (from > to || to > proofs.size) throw outside(proofs.size);
    const proof = await proofs.consistencyProof(from, to);
    return { proof: proof.map(toHex) };
  });

  /** All that is committed now, with the head that covers it, into an empty folder. */
  server.post('/ledger/backup', (request, reply) => {
    const folder = read('folder', text(4096), ((request.body ?? {}) as Body).folder);
    if (!isAbsolute(folder)) throw malformedField('folder', 'an absolute path is expected');
    if (!('backup' in store)) {
      throw malformedParameter('folder', 'the ledger lies on EventStoreDB, which has backups of its own; or export it');
    }
    return working(reply, async () => {
      try {
        const { size, note } = await store.backup(folder);
        return { folder, size, note };
      } catch (error) {
        // A full disk may be this one or that of the ledger.
        throw new Error(`the backup to ${folder} failed: ${error instanceof Error ? error.message : String(error)}`);
      }
    });
  });
}

const outside = (size: number): Error => malformedParameter('size', `the ledger has ${size} events`);

async function* streamLines(store: EventStore, log: PublishedLog, name: string): AsyncGenerator<string> {
  let next = 0;
  for (let complete = false; !complete; ) {
    const page = await store.readStream(name, { fromNumber: next });
    for (const event of page.events) {
      const index = event.index < 0 ? await log.proofs?.indexOf(event) : event.index;
      if (index === undefined) return; // no head covers it yet
      yield exportEventLine({ ...event, index, unitFirst: index });
    }
    next += page.events.length;
    complete = page.complete || page.events.length === 0;
  }
}

interface Stretch {
  readonly first: number;
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

async function* eventLines(store: EventStore, log: PublishedLog, stretch: Stretch): AsyncGenerator<string> {
  const { first, follow, signal } = stretch;
  const after = await log.positionBefore(first);
  const units = follow ? store.subscribe(after, signal) : present(store, after);
  for await (const { events } of units) {
    const last = events.at(-1);
    if (signal.aborted) return;
    if (!last || last.index < first) continue;
    const unitFirst = events[0]?.index ?? last.index;
    yield events.map((event) => exportEventLine({ ...event, unitFirst })).join('');
  }
}

/** Nothing at the end of the ledger, where a read would have nowhere to begin. */
async function* present(store: EventStore, after: Position): AsyncGenerator<CommittedUnit> {
  if (after < (await store.lastPosition())) yield* store.readAll(after);
}

function countOf(name: string, digits: string): number {
  if (!/^[0-9]{1,15}$/.test(digits)) throw malformedParameter(name, 'a whole number is expected');
  return Number(digits);
}
