/** Read models: how far they are; built anew, compared with the events, and as they were at a moment of the past. */
import type { Position } from '@florin/event-store';
import { type Moment, type RowSelection, VIEW_NAMES, type ViewName } from '@florin/projections';
import type { FastifyInstance } from 'fastify';
import { malformedField } from '../http/taler-error.js';
import { integer, text } from '../http/wire-fields.js';
import type { AdminContext } from './admin.server.js';
import { type Body, read } from './reading.js';
import { working } from './streaming.js';

const ROWS_MAX = 10_000;

export function projectionRoutes(server: FastifyInstance, { views, log }: AdminContext): void {
  server.get('/projections', async () => {
    const { position, events, storePosition, writtenAtUs } = await views.lag();
    const lag = {
      position: String(position),
      store_position: String(storePosition),
      caught_up: position === storePosition,
      events,
      lag: Math.max(0, (log.head()?.size ?? 0) - events),
      last_event: writtenAtUs === undefined ? null : timeText(writtenAtUs),
    };
    return { projections: VIEW_NAMES.map((name) => ({ name, ...lag })) };
  });

  /** Lines of progress, then `{result}`; the present tables serve until the new ones take their place. */
  server.post('/projections/rebuild', (request, reply) => {
    const target = targetOf(request.body);
    return working(reply, async (onProgress, onNotice) => {
      await views.rebuild(target, { onProgress, onNotice });
      return { rebuilt: target };
    });
  });

  server.post('/projections/verify', (request, reply) => {
    const target = targetOf(request.body);
    return working(reply, async (onProgress, onNotice) => {
      const { events, differences } = await views.verify(target, { onProgress, onNotice });
      return { verified: target, events, differences };
    });
  });

  /** `{view, position | time_us, key?, limit?}`; without a moment as it is now. */
  server.post('/projections/state', (request, reply) => {
    const body = (request.body ?? {}) as Body;
    const view = viewOf(body.view);
    const selection = selectionOf(body);
    const moment = momentOf(body);
    return working(reply, async (onProgress) => {
      if (moment === undefined) return { tables: await views.rows(view, selection) };
      const past = await views.stateAt(view, moment, onProgress);
      try {
        const { position, events } = past.at;
        return { position: String(position), events, tables: await past.rows(selection) };
      } finally {
        await past.close();
      }
    });
  });
}

/** With microseconds, as `--at` of the tool takes it. */
const timeText = (us: number): string =>
  `${new Date(Math.floor(us / 1000)).toISOString().slice(0, 19)}.${String(us % 1_000_000).padStart(6, '0')}Z`;

const targetOf = (body: unknown): ViewName | 'all' => {
  const { view = 'all' } = (body ?? {}) as Body;
  return view === 'all' ? 'all' : viewOf(view);
};

function viewOf(name: unknown): ViewName {
  const view = VIEW_NAMES.find((known) => known === name);
  if (view === undefined) throw malformedField('view', `a read model is one of ${VIEW_NAMES.join(', ')}`);
  return view;
}

function selectionOf(body: Body): RowSelection {
  const limit = body.limit === undefined ? ROWS_MAX : read('limit', integer(ROWS_MAX), body.limit);
  return body.key === undefined ? { limit } : { limit, key: read('key', text(200), body.key) };
}

function momentOf(body: Body): Moment | undefined {
  if (body.position !== undefined) {
    const digits = read('position', text(20), body.position);
    if (!/^[0-9]+$/.test(digits)) throw malformedField('position', 'a position is a decimal number');
    return { position: BigInt(digits) as Position };
  }
  if (body.time_us === undefined) return undefined;
  return { writtenAtUs: read('time_us', integer(Number.MAX_SAFE_INTEGER), body.time_us) };
}
