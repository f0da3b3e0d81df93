/** The reserve endpoints: from wire to command, from outcome to status. No rules live here. */
import type { BlindSignature, EddsaSignature, ReservePub } from '@florin/domain';
import { decodeBase32, ErrorCode, formatAmount, message } from '@florin/encoding';
import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { FastifyReply } from 'fastify';
import { answered } from '../http/answered.js';
import { sendHistory } from '../http/histories.js';
import { KeyPipe, SignatureHeader, StartPipe, TimeoutPipe } from '../http/parameters.js';
import { Refusals } from '../http/refusals.js';
import { Replies } from '../http/replies.js';
import { malformedParameter, TalerError } from '../http/taler-error.js';
import { blindSignatureJson } from '../http/wire-crypto.js';
import { Cryptography } from '../runtime/cryptography.js';
import { Config } from '../runtime/tokens.js';
import { CloseReserve } from './close.handler.js';
import { CsrWithdraw } from './csr-withdraw.handler.js';
import { ReserveHistory } from './history.js';
import { ReserveStatus, reserveSummaryJson } from './reserve-status.js';
import { BatchWithdrawRequest, CsrWithdrawRequest, ReserveCloseRequest, WithdrawRequest } from './reserves.dto.js';
import { BATCH_WITHDRAWN, CLOSED, CS_VALUES, RESERVE_HISTORY, RESERVE_SUMMARY, WITHDRAWN } from './reserves.replies.js';
import { Withdraw, type WithdrawOutcome } from './withdraw.handler.js';

@Controller()
export class ReservesController {
  constructor(
    private readonly commands: CommandBus,
    private readonly refusals: Refusals,
    private readonly status: ReserveStatus,
    private readonly history: ReserveHistory,
    private readonly crypto: Cryptography,
    private readonly config: Config,
  ) {}

  /** A reserve's balance; waits up to `timeout_ms` for a reserve that is not there yet. */
  @Get('reserves/:reserve_pub')
  @Replies({ 200: RESERVE_SUMMARY })
  async summary(
    @Param('reserve_pub', KeyPipe) reservePub: ReservePub,
    @Query('timeout_ms', TimeoutPipe) timeoutMs: number,
  ): Promise<object> {
    const summary = await this.status.summary(reservePub, timeoutMs);
    if (!summary) throw await this.refusals.toError({ code: 'RESERVE_UNKNOWN', reservePub });
    return reserveSummaryJson(summary, this.config.currency);
  }

  /** What happened to a reserve after entry number `start`; only its owner may ask. */
  @Get('reserves/:reserve_pub/history')
  @Replies({ 200: RESERVE_HISTORY, 204: undefined, 304: undefined })
  async entries(
    @Param('reserve_pub', KeyPipe) reservePub: ReservePub,
    @Query('start', StartPipe) start: number,
    @SignatureHeader('Taler-Reserve-History-Signature') signature: EddsaSignature,
    @Headers('if-none-match') knownTag: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object | undefined> {
    const signed = message('ReserveHistoryRequest', { startOff: BigInt(start) });
    if (!(await this.crypto.isSignedHeader(signed, { signature, pub: decodeBase32(reservePub, 32) }))) {
      throw new TalerError(ErrorCode.EXCHANGE_RESERVE_HISTORY_BAD_SIGNATURE);
    }
    const { balance, lastRow, entries } = await this.history.read(reservePub);
    if (lastRow === 0) throw await this.refusals.toError({ code: 'RESERVE_UNKNOWN', reservePub });
    return sendHistory(reply, { start, knownTag, lastRow }, async () => {
      return { balance: this.amount(balance), history: (await entries(start)).map(({ json }) => json) };
    });
  }

  /** Withdraws up to 256 coins at once; the same request again gives the same signatures, for ever. */
  @Post('reserves/:reserve_pub/batch-withdraw')
  @HttpCode(200)
  @Replies({ 200: BATCH_WITHDRAWN })
  async batchWithdraw(
    @Param('reserve_pub', KeyPipe) reservePub: ReservePub,
    @Body() { planchets }: BatchWithdrawRequest,
  ): Promise<object> {
    if (planchets.length === 0) throw malformedParameter('planchets', 'at least one planchet is needed');
    const signatures = await this.withdraw(reservePub, planchets, 'batch-withdraw');
    return { ev_sigs: signatures.map((signature) => ({ ev_sig: blindSignatureJson(signature) })) };
  }

  /** The single form, for wallets before protocol 26. */
  @Post('reserves/:reserve_pub/withdraw')
  @HttpCode(200)
  @Replies({ 200: WITHDRAWN })
  async singleWithdraw(
    @Param('reserve_pub', KeyPipe) reservePub: ReservePub,
    @Body() planchet: WithdrawRequest,
  ): Promise<object> {
    const [signature] = await this.withdraw(reservePub, [planchet], 'WITHDRAW');
    return { ev_sig: blindSignatureJson(signature as BlindSignature) };
  }

  /** Wires the balance, less the closing fee, to the origin or to a designated account. */
  @Post('reserves/:reserve_pub/close')
  @HttpCode(200)
  @Replies({ 200: CLOSED })
  async close(
    @Param('reserve_pub', KeyPipe) reservePub: ReservePub,
    @Body() { request_timestamp, payto_uri, reserve_sig }: ReserveCloseRequest,
  ): Promise<object> {
    const outcome = await this.commands.execute(
      new CloseReserve(reservePub, {
        requestTimestamp: request_timestamp,
        paytoUri: payto_uri ?? undefined,
        reserveSignature: reserve_sig,
      }),
    );
    const answer = await answered(this.refusals, outcome);
    return { wire_amount: this.amount(answer.wireAmount) };
  }

  /** Documented by the protocol, but not implemented by anybody; `close` does what it promises. */
  @Delete('reserves/:reserve_pub')
  @Replies({})
  remove(@Param('reserve_pub', KeyPipe) _reservePub: ReservePub): never {
    throw new TalerError(ErrorCode.GENERIC_METHOD_INVALID, {
      status: 501,
      detail: 'DELETE',
      hint: 'deleting a reserve is not implemented; POST /reserves/$RESERVE_PUB/close wires its balance back',
    });
  }

  /** Public nonces for a Clause-Schnorr withdrawal. */
  @Post('csr-withdraw')
  @HttpCode(200)
  @Replies({ 200: CS_VALUES })
  async csrWithdraw(@Body() { denom_pub_hash, nonce }: CsrWithdrawRequest): Promise<object> {
    const outcome = await this.commands.execute(new CsrWithdraw(denom_pub_hash, nonce));
    const [r0, r1] = await answered(this.refusals, outcome);
    return { ewv: { cipher: 'CS', r_pub_0: r0, r_pub_1: r1 } };
  }

  private async withdraw(
    reservePub: ReservePub,
    planchets: readonly WithdrawRequest[],
    oper: 'batch-withdraw' | 'WITHDRAW',
  ): Promise<readonly BlindSignature[]> {
    const coins = planchets.map(({ denom_pub_hash, coin_ev, reserve_sig }) => ({
      denominationHash: denom_pub_hash,
      planchet: coin_ev,
      envelopeHash: this.crypto.envelopeHash(denom_pub_hash, coin_ev),
      reserveSignature: reserve_sig,
    }));
    if (new Set(coins.map(({ planchet }) => JSON.stringify(planchet))).size < coins.length) {
      throw malformedParameter('duplicate planchet', 'two planchets of the request are alike');
    }
    const outcome: WithdrawOutcome = await this.commands.execute(new Withdraw(reservePub, coins, oper));
    return answered(this.refusals, outcome);
  }

  private readonly amount = (units: bigint): string => formatAmount({ currency: this.config.currency, units });
}
