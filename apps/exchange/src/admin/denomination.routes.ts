/** Revoking a denomination, by the master key beside the data or by a signature made offline. */
import type { DenominationHash, EddsaSignature } from '@florin/domain';
import { ErrorCode, encodeBase32 } from '@florin/encoding';
import type { FastifyInstance } from 'fastify';
import { malformedField, TalerError } from '../http/taler-error.js';
import { base32, text } from '../http/wire-fields.js';
import { RevokeDenomination, revocationMessage } from '../management/revoke.handler.js';
import type { AdminContext } from './admin.server.js';
import { type Body, read, readHash } from './reading.js';

export function denominationRoutes(server: FastifyInstance, { commands, signers, foundation }: AdminContext): void {
  server.post('/denominations/:h_denom_pub/revoke', async (request) => {
    const { h_denom_pub } = request.params as { h_denom_pub: string };
    const body = (request.body ?? {}) as Body;
    const denominationHash = readHash<DenominationHash>('h_denom_pub', 64, h_denom_pub);
    const reason = read('reason', text(1000), body.reason ?? '');
    if (reason === '') throw malformedField('reason', 'a revocation needs its reason');
    const masterSignature =
      body.master_sig === undefined
        ? (encodeBase32(await signers.signMaster(revocationMessage(denominationHash))) as EddsaSignature)
        : read('master_sig', base32<EddsaSignature>(64), body.master_sig);
    const outcome = await commands.execute(new RevokeDenomination(denominationHash, masterSignature));
    if (outcome.kind !== 'refuse') {
      foundation.log.warn({ denominationHash, reason }, 'a denomination is revoked');
      return { revoked: denominationHash };
    }
    switch (outcome.refusal.code) {
      case 'DENOMINATION_UNKNOWN':
        throw new TalerError(ErrorCode.EXCHANGE_GENERIC_DENOMINATION_KEY_UNKNOWN, { detail: denominationHash });
      case 'REVOCATION_SIGNATURE_INVALID':
        throw new TalerError(ErrorCode.EXCHANGE_MANAGEMENT_DENOMINATION_REVOKE_SIGNATURE_INVALID);
      default:
        throw new TalerError(ErrorCode.EXCHANGE_GENERIC_KEYS_MISSING, { status: 503 });
    }
  });
}
