/** Revoking a denomination, by the master key beside the data or by a signature made offline. */
import type { DenominationHash, EddsaSignature } from '@florin/domain';
import { ErrorCode } from '@florin/encoding';
import type { FastifyInstance } from 'fastify';
import { malformedField, TalerError } from '../http/taler-error.js';
import { base32, text } from '../http/wire-fields.js';
import { managementRefusals } from '../management/refusals.js';
import { RevokeDenomination } from '../management/revoke.handler.js';
import type { AdminContext } from './admin.server.js';
import { masterKeyIsOffline } from './master.routes.js';
import { type Body, read, readHash } from './reading.js';

export function denominationRoutes(server: FastifyInstance, { commands, terms, foundation }: AdminContext): void {
  server.post('/denominations/:h_denom_pub/revoke', async (request) => {
    const { h_denom_pub } = request.params as { h_denom_pub: string };
    const body = (request.body ?? {}) as Body;
    const denominationHash = readHash<DenominationHash>('h_denom_pub', 64, h_denom_pub);
    const reason = read('reason', text(1000), body.reason ?? '');
    if (reason === '') throw malformedField('reason', 'a revocation needs its reason');
    if (body.master_sig === undefined && foundation.config.mode === 'production') throw masterKeyIsOffline();
    const masterSignature =
      body.master_sig === undefined
        ? ((await terms.developmentSignatures({ kind: 'denomination-revocation', denominationHash }))
            .master_sig as EddsaSignature)
        : read('master_sig', base32<EddsaSignature>(64), body.master_sig);
    const outcome = await commands.execute(new RevokeDenomination(denominationHash, masterSignature));
    if (outcome.kind !== 'refuse') {
      foundation.log.warn({ denominationHash, reason }, 'a denomination is revoked');
      return { revoked: denominationHash };
    }
    switch (outcome.refusal.code) {
      case 'DENOMINATION_UNKNOWN':
        throw new TalerError(ErrorCode.EXCHANGE_GENERIC_DENOMINATION_KEY_UNKNOWN, { detail: denominationHash });
      case 'MASTER_SIGNATURE_INVALID':
        throw managementRefusals.MASTER_SIGNATURE_INVALID(outcome.refusal);
      default:
        throw new TalerError(ErrorCode.EXCHANGE_GENERIC_KEYS_MISSING, { status: 503 });
    }
  });
}
