/** Every reply that is not a success: `{code, hint, detail?, ...proof}` with the status of the protocol. */
import { AssertionError } from 'node:assert';
import { InvariantError } from '@florin/domain';
import { EncodingError, ErrorCode } from '@florin/encoding';
import { DamagedStore, InvalidUnit, StoreUnavailable, TooManyConflicts } from '@florin/event-store';
import { ViewsBehind, ViewsStopped } from '@florin/projections';
import { SignersBusy, SignersUnavailable, VerifiersBusy, VerifiersUnavailable } from '@florin/signing';
import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Log } from '../runtime/tokens.js';
import { bodyFault } from './body.js';
import { hintOf } from './hints.js';
import { retryLater, TalerError } from './taler-error.js';

@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly logger: Log) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    void this.reply(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  /** Also used for what fails before Nest sees the request. */
  reply(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const refusal = refusalOf(error);
    const isFault = refusal.status >= 500 && refusal.status !== 501;
    if (isFault && !isAboutNobody(error, reply)) this.log(error, refusal, request);
    return reply
      .status(refusal.status)
      .headers(refusal.options.headers ?? {})
      .type('application/json')
      .send(errorBody(refusal));
  }

  private log(error: unknown, { code, status }: TalerError, request: FastifyRequest): void {
    const fault = error instanceof Error ? { name: error.name, message: error.message, stack: error.stack } : { error };
    this.logger[status === 503 ? 'warn' : 'error']({ requestId: request.id, code, status, fault }, 'request failed');
  }
}

/** Whoever asked went away while the answer was on its way: no fault, and nobody to tell. */
const isAboutNobody = (error: unknown, { raw }: FastifyReply): boolean =>
  raw.destroyed && (error as NodeJS.ErrnoException | undefined)?.code === 'ERR_STREAM_PREMATURE_CLOSE';

/** `{code, hint, detail?}` and the proofs. */
export const errorBody = ({ code, options: { detail, hint, body } }: TalerError): object => ({
  code,
  hint: hint ?? hintOf(code),
  ...(detail === undefined ? {} : { detail }),
  ...body,
});

const OVERLOADED = [SignersBusy, SignersUnavailable, VerifiersBusy, VerifiersUnavailable];

/** Which refusal an exception becomes. Faults keep their reason in the log, not in the reply. */
export function refusalOf(error: unknown): TalerError {
  if (error instanceof TalerError) return error;
  if (error instanceof TooManyConflicts) {
    return new TalerError(ErrorCode.GENERIC_DB_SOFT_FAILURE, { headers: { 'Retry-After': '1' } });
  }
  if (error instanceof StoreUnavailable) {
    return retryLater(ErrorCode.GENERIC_DB_COMMIT_FAILED, 'the event store does not answer; repeat the same request');
  }
  if (error instanceof DamagedStore) return new TalerError(ErrorCode.GENERIC_DB_FETCH_FAILED, { status: 500 });
  if (error instanceof InvalidUnit && error.tooLarge) {
    return new TalerError(ErrorCode.GENERIC_UPLOAD_EXCEEDS_LIMIT, {
      hint: 'the request needs more than one unit holds',
    });
  }
  if (OVERLOADED.some((kind) => error instanceof kind)) {
    return retryLater(
      ErrorCode.EXCHANGE_DENOMINATION_HELPER_UNAVAILABLE,
      'the exchange has too much to sign or to verify; repeat the same request',
    );
  }
  if (error instanceof ViewsBehind) {
    return retryLater(ErrorCode.GENERIC_DB_FETCH_FAILED, 'the read models are catching up; repeat the request');
  }
  if (error instanceof ViewsStopped) {
    // The process is about to end; its supervisor starts it again.
    return retryLater(ErrorCode.GENERIC_DB_FETCH_FAILED, 'the read models stand still; repeat the request', 5);
  }
  if (error instanceof EncodingError) return new TalerError(ErrorCode.GENERIC_JSON_INVALID, { hint: error.message });
  if (error instanceof InvariantError || error instanceof AssertionError) {
    return new TalerError(ErrorCode.GENERIC_INTERNAL_INVARIANT_FAILURE);
  }
  const fault = bodyFault(error as { code?: string });
  if (fault) return fault;
  return new TalerError(ErrorCode.GENERIC_INTERNAL_INVARIANT_FAILURE, {
    hint: 'an internal fault; the log names it under the request id',
  });
}
