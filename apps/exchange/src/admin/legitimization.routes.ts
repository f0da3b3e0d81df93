/** Open legitimization cases, and an officer's decision about one. */
import type { AccountHash, EddsaPub, EddsaSignature } from '@florin/domain';
import { ErrorCode, encodeBase32, formatAmount } from '@florin/encoding';
import { verdictMessage } from '@florin/signing';
import type { FastifyInstance } from 'fastify';
import { malformedField, TalerError } from '../http/taler-error.js';
import { base32, integer, text } from '../http/wire-fields.js';
import { DecideLegitimization } from '../kyc/decide.handler.js';
import type { AdminContext } from './admin.server.js';
import { type Body, read, readHash } from './reading.js';

const CASES_PER_PAGE = 1000;

export function legitimizationRoutes(server: FastifyInstance, context: AdminContext): void {
  const { commands, views, signers, crypto, foundation } = context;
  const { config, clock, ledger } = foundation;

  server.get('/legitimizations', async () => {
    await views.caughtUpWith(ledger.lastCommitted);
    const open = await views.ask('legitimizations', 'open', { limit: CASES_PER_PAGE });
    return {
      cases: await Promise.all(
        open.map(async (one) => ({
          h_payto: one.account,
          requirement_row: one.requirement,
          rule: one.rule,
          amount: formatAmount({ currency: config.currency, units: one.amount }),
          reserve_pub: one.reservePub,
          payto_uri: await foundation.vault.unseal(one.account, one.sealedUri),
          required_at: one.requiredAt,
        })),
      ),
    };
  });

  /** Signed by the officer (AmlDecisionPS); in development the officer's key beside the data signs what is not. */
  server.post('/legitimizations/:h_payto/:requirement_row/decide', async (request) => {
    const { h_payto, requirement_row } = request.params as { h_payto: string; requirement_row: string };
    const body = (request.body ?? {}) as Body;
    const account = readHash<AccountHash>('h_payto', 32, h_payto);
    const verdict = {
      requirement: read('requirement_row', integer(2 ** 31), Number(requirement_row)),
      approved: booleanOf(body, 'approved'),
      maximumAges: agesOf(body),
      justification: read('justification', text(1000), body.justification ?? ''),
      decidedAt: body.decided_at === undefined ? clock.now() : read('decided_at', integer(2 ** 40), body.decided_at),
    };
    if (verdict.justification === '') throw malformedField('justification', 'a decision needs its reason');
    let officerPub: EddsaPub;
    let officerSignature: EddsaSignature;
    const isSigned = body.officer_pub !== undefined || body.officer_sig !== undefined;
    if (!isSigned && config.mode === 'development') {
      const { pub } = await signers.generate({ kind: 'officer' });
      officerPub = encodeBase32(pub) as EddsaPub;
      const bytes = verdictMessage(crypto.taler.hash, account, verdict);
      officerSignature = encodeBase32(await signers.signOfficer(bytes)) as EddsaSignature;
    } else {
      officerPub = read('officer_pub', base32<EddsaPub>(32), body.officer_pub);
      officerSignature = read('officer_sig', base32<EddsaSignature>(64), body.officer_sig);
    }
    const outcome = await commands.execute(new DecideLegitimization(account, verdict, officerPub, officerSignature));
    // The same decision again is answered with the one that stands.
    if (outcome.kind === 'accept') return { decided: true, decided_at: outcome.value.decidedAt };
    if (outcome.kind === 'repeat') return { decided: true, decided_at: outcome.earlier.decidedAt };
    switch (outcome.refusal.code) {
      case 'CASE_UNKNOWN':
        throw new TalerError(ErrorCode.EXCHANGE_KYC_CHECK_REQUEST_UNKNOWN, {
          hint: `this account has no case ${requirement_row}; the list shows those that are open`,
        });
      case 'OFFICER_UNKNOWN':
        throw new TalerError(ErrorCode.EXCHANGE_GENERIC_AML_OFFICER_ACCESS_DENIED);
      case 'OFFICER_SIGNATURE_INVALID':
        throw new TalerError(ErrorCode.EXCHANGE_AML_DECISION_ADD_SIGNATURE_INVALID);
      case 'DECISION_MORE_RECENT':
        throw new TalerError(ErrorCode.EXCHANGE_AML_DECISION_MORE_RECENT_PRESENT);
      case 'KEYS_UNAVAILABLE':
        throw new TalerError(ErrorCode.EXCHANGE_GENERIC_KEYS_MISSING, { status: 503 });
    }
  });
}

function booleanOf(body: Body, name: string): boolean {
  const value = body[name];
  if (typeof value !== 'boolean') throw malformedField(name, 'true or false is expected');
  return value;
}

/** `maximum_ages: [{from, age}]`, or `maximum_age` from now on and for ever. */
function agesOf(body: Body): { from: number; age: number }[] {
  const age = (value: unknown): number => read('maximum_age', integer(150), value);
  if (body.maximum_age !== undefined) return [{ from: 0, age: age(body.maximum_age) }];
  if (body.maximum_ages === undefined) return [];
  if (!Array.isArray(body.maximum_ages)) throw malformedField('maximum_ages', 'an array is expected');
  return body.maximum_ages.map((entry: Body | null) => ({
    from: read('maximum_ages', integer(2 ** 40), entry?.from),
    age: age(entry?.age),
  }));
}
