/** What wants the master key's signature; and, in development only, that signature. */
import { encodeBase32 } from '@florin/encoding';
import { managementRequests, orderJson, parseOrder } from '@florin/signing';
import type { FastifyInstance } from 'fastify';
import { malformedField, malformedParameter, type TalerError } from '../http/taler-error.js';
import type { AdminContext } from './admin.server.js';
import { type Body, read } from './reading.js';

const ORDERS_MAX = 1000;
/** How a tool on this machine reaches what listens everywhere. */
const LOCAL: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };

/** In production there is nothing here that could sign. */
export const masterKeyIsOffline = (): TalerError =>
  malformedParameter('master_sig', 'production keeps its master key offline: export, sign there, and import');

export function masterRoutes(server: FastifyInstance, { terms, offering, foundation }: AdminContext): void {
  const { config, clock } = foundation;

  const about = async (): Promise<object> => ({
    base_url: config.baseUrl,
    listens_at: `http://${LOCAL[config.host] ?? config.host}:${config.port}/`,
    currency: config.currency,
    master_pub: encodeBase32(await terms.masterPub()),
    mode: config.mode,
    now: clock.now(),
  });

  server.get('/master', about);

  /** All that the configuration names and the ledger does not have under the master key's signature. */
  server.get('/master/orders', async () => {
    await offering.round();
    return { ...(await about()), orders: (await offering.unsigned()).map(orderJson) };
  });

  /** Management requests with signatures of the key beside the data. */
  server.post('/master/sign-in-development', async (request) => {
    if (config.mode === 'production') throw masterKeyIsOffline();
    const { orders } = (request.body ?? {}) as Body;
    if (!Array.isArray(orders) || orders.length > ORDERS_MAX) {
      throw malformedField('orders', `an array of at most ${ORDERS_MAX} orders is expected`);
    }
    const signed = orders.map(async (json: unknown, index) => {
      const order = read(`orders[${index}]`, parseOrder, json);
      return { order, signatures: await terms.developmentSignatures(order) };
    });
    return { requests: managementRequests(await Promise.all(signed)) };
  });

  /** Looks at once for what is due, instead of within a minute. */
  server.post('/keys/round', async () => {
    await offering.round();
    return { unsigned: (await offering.unsigned()).length };
  });
}
