/** The admin's own port: decisions that need a person. Its credential lies in a file that only the owner reads. */
import { join } from 'node:path';
import { ErrorCode } from '@florin/encoding';
import { Views } from '@florin/projections';
import type { INestApplicationContext } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { fastify } from 'fastify';
import type { RunningFoundation } from '../foundation.js';
import { keptCredential, requireBearer, writeCredential } from '../http/bearer.js';
import { ErrorFilter } from '../http/error-filter.js';
import { TalerError } from '../http/taler-error.js';
import { MasterTerms } from '../keys/master-terms.js';
import { Offering } from '../keys/offering.js';
import { Measurements } from '../operating/measurements.js';
import { Cryptography } from '../runtime/cryptography.js';
import { KeyRing } from '../runtime/key-ring.js';
import { ProvenEvents } from '../transparency/proven-events.js';
import { PublishedLog } from '../transparency/published-log.js';
import { accountRoutes } from './account.routes.js';
import { denominationRoutes } from './denomination.routes.js';
import { doctorRoutes } from './doctor.routes.js';
import { ledgerRoutes } from './ledger.routes.js';
import { legitimizationRoutes } from './legitimization.routes.js';
import { masterRoutes } from './master.routes.js';
import { projectionRoutes } from './projection.routes.js';
import { transferRoutes } from './transfer.routes.js';

const METRICS_PATH = '/metrics';
const BODY_BYTES_MAX = 1024 * 1024;
/** Hashes of 64 bytes have 103 characters, three more than Fastify takes by itself. */
const PATH_PARAMETER_LENGTH_MAX = 600;

export interface AdminServer {
  readonly credentialFile: string;
  /** Of what opens the metrics and nothing else; kept from one start to the next. */
  readonly metricsCredentialFile: string;
  close(): Promise<void>;
}

/** What the admin's routes work with. */
export interface AdminContext {
  readonly commands: CommandBus;
  readonly views: Views;
  readonly signers: RunningFoundation['signers'];
  readonly crypto: Cryptography;
  readonly terms: MasterTerms;
  readonly offering: Offering;
  readonly keys: KeyRing;
  readonly log: PublishedLog;
  readonly proven: ProvenEvents;
  readonly foundation: RunningFoundation;
}

/** A new credential with every start; requests carry it as `Authorization: Bearer ...`. */
export async function startAdmin(app: INestApplicationContext, foundation: RunningFoundation): Promise<AdminServer> {
  const { config, log, clock } = foundation;
  const credentialFile = join(config.data, 'admin-credential');
  const credential = writeCredential(credentialFile);

  const routerOptions = { maxParamLength: PATH_PARAMETER_LENGTH_MAX };
  const server = fastify({ bodyLimit: BODY_BYTES_MAX, forceCloseConnections: true, routerOptions });
  const filter = new ErrorFilter(log);
  server.setErrorHandler((error, request, reply) => filter.reply(error, request, reply));
  server.setNotFoundHandler((request, reply) =>
    filter.reply(new TalerError(ErrorCode.GENERIC_ENDPOINT_UNKNOWN, { detail: request.url }), request, reply),
  );
  const metricsCredentialFile = join(config.data, 'metrics-credential');
  const metricsCredential = keptCredential(metricsCredentialFile);
  server.addHook('onRequest', async ({ headers, routeOptions }) => {
    const expected = routeOptions.url === METRICS_PATH ? metricsCredential : credential;
    requireBearer(headers.authorization, expected, 'run.json names the file with the credential: a Bearer token');
  });
  const context: AdminContext = {
    commands: app.get(CommandBus),
    views: foundation.views,
    signers: foundation.signers,
    crypto: app.get(Cryptography),
    terms: app.get(MasterTerms),
    offering: app.get(Offering),
    keys: app.get(KeyRing),
    log: app.get(PublishedLog),
    proven: app.get(ProvenEvents),
    foundation,
  };
  legitimizationRoutes(server, context);
  transferRoutes(server, context);
  denominationRoutes(server, context);
  masterRoutes(server, context);
  projectionRoutes(server, context);
  ledgerRoutes(server, context);
  accountRoutes(server, context);
  doctorRoutes(server, context);
  server.get('/status', async () => ({
    lag: await lagOf(foundation.views),
    signers: foundation.signers.status(),
    clock: clock.suspicion() ?? 'trusted',
    unsigned: (await context.offering.lookForMissing()) || 'nothing',
  }));
  server.post('/clock/trust', async () => {
    clock.trust();
    return { clock: clock.suspicion() ?? 'trusted' };
  });
  const measurements = app.get(Measurements);
  server.get(METRICS_PATH, async (_request, reply) => {
    const { type, text } = await measurements.text();
    return reply.type(type).send(text);
  });
  await server.listen({ port: config.adminPort, host: config.adminHost });
  return { credentialFile, metricsCredentialFile, close: () => server.close() };
}

async function lagOf(views: Views): Promise<Record<string, unknown>> {
  const { position, events, storePosition } = await views.lag();
  return { position: String(position), events, storePosition: String(storePosition) };
}
