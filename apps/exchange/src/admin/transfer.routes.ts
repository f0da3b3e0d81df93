/** Transfers that the bank refused for good: list them, order them again, or to another account. */
import type { EddsaPub, HashCode } from '@florin/domain';
import { ErrorCode, encodeBase32, formatAmount, validatePayto } from '@florin/encoding';
import type { OutgoingTransfer, TransferStatus } from '@florin/projections';
import type { FastifyInstance } from 'fastify';
import { malformedField, malformedParameter, TalerError } from '../http/taler-error.js';
import { base32, text } from '../http/wire-fields.js';
import { DecideTransfer } from '../wire/decide-transfer.handler.js';
import type { AdminContext } from './admin.server.js';
import { type Body, read, readHash } from './reading.js';

const TRANSFERS_PER_PAGE = 1000;
const STATUSES: readonly string[] = ['requested', 'confirmed', 'rejected', 'replaced'];

export function transferRoutes(server: FastifyInstance, context: AdminContext): void {
  const { commands, views, signers, keys, foundation } = context;
  const { config, ledger, vault } = foundation;

  const shown = async (transfer: OutgoingTransfer): Promise<object> => ({
    request_uid: transfer.requestUid,
    status: transfer.status,
    amount: formatAmount({ currency: config.currency, units: transfer.amount }),
    wtid: transfer.wtid,
    payto_uri: await vault.unseal(transfer.targetAccount, transfer.sealedTarget),
    reserve_pub: transfer.reservePub,
    closing: transfer.closing,
    attempt: transfer.attempt,
    reason: transfer.reason,
    next_request_uid: transfer.nextRequestUid,
  });

  server.get('/transfers', async (request) => {
    const { status = 'rejected' } = request.query as { status?: string };
    if (!STATUSES.includes(status)) throw malformedParameter('status', `status is one of ${STATUSES.join(', ')}`);
    await views.caughtUpWith(ledger.lastCommitted);
    const transfers = await views.ask('transfers', 'byStatus', status as TransferStatus, { limit: TRANSFERS_PER_PAGE });
    return { transfers: await Promise.all(transfers.map(shown)) };
  });

  /** Who is named in the ledger for a decision: in development the officer beside the data, if nobody is named. */
  const officer = async (body: Body): Promise<EddsaPub> => {
    if (body.officer_pub === undefined && config.mode === 'development') {
      return encodeBase32((await signers.generate({ kind: 'officer' })).pub) as EddsaPub;
    }
    const officerPub = read('officer_pub', base32<EddsaPub>(32), body.officer_pub);
    const enrolled = (await keys.confirm()).officers.get(officerPub);
    if (enrolled?.active && !enrolled.readOnly) return officerPub;
    throw new TalerError(ErrorCode.EXCHANGE_GENERIC_AML_OFFICER_ACCESS_DENIED, { detail: officerPub });
  };

  const decide = async (requestUid: string, body: Body, redirectTo: string | undefined): Promise<object> => {
    const reason = read('reason', text(1000), body.reason ?? '');
    if (reason === '') throw malformedField('reason', 'a decision needs its reason');
    // The same decision again is answered as then: an admin repeats what was not heard.
    const outcome = await commands.execute(
      new DecideTransfer(readHash<HashCode>('request_uid', 64, requestUid), {
        decidedBy: await officer(body),
        reason,
        ...(redirectTo === undefined ? {} : { redirectTo }),
      }),
    );
    if (outcome.kind === 'accept') return { next_request_uid: outcome.value.nextRequestUid };
    if (outcome.kind === 'repeat') return { next_request_uid: outcome.earlier.nextRequestUid };
    switch (outcome.refusal.code) {
      case 'TRANSFER_UNKNOWN':
        throw new TalerError(ErrorCode.EXCHANGE_TRANSFERS_GET_WTID_NOT_FOUND, { detail: requestUid });
      case 'TRANSFER_NOT_REJECTED':
        throw malformedParameter('request_uid', 'only a transfer that the bank rejected can be ordered again');
      case 'WIRE_METHOD_UNSUPPORTED':
        throw malformedParameter('payto_uri', 'no account of this exchange pays with this payto method');
    }
  };

  server.post('/transfers/:request_uid/retry', async (request) => {
    const { request_uid } = request.params as { request_uid: string };
    return decide(request_uid, (request.body ?? {}) as Body, undefined);
  });

  server.post('/transfers/:request_uid/redirect', async (request) => {
    const { request_uid } = request.params as { request_uid: string };
    const body = (request.body ?? {}) as Body;
    const uri = read('payto_uri', text(4096), body.payto_uri ?? '');
    const fault = validatePayto(uri);
    if (fault !== undefined) throw malformedField('payto_uri', fault);
    return decide(request_uid, body, uri);
  });
}
