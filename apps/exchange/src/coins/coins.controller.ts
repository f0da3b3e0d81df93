/** The coin endpoints: from wire to command, from outcome to status. No rules live here. */
import type { CoinPub, EddsaSignature } from '@florin/domain';
import { decodeBase32, ErrorCode, formatAmount, message } from '@florin/encoding';
import { Body, Controller, Get, Headers, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import type { FastifyReply } from 'fastify';
import { answered } from '../http/answered.js';
import { sendHistory } from '../http/histories.js';
import { KeyPipe, SignatureHeader, StartPipe } from '../http/parameters.js';
import { Refusals } from '../http/refusals.js';
import { Replies } from '../http/replies.js';
import { TalerError } from '../http/taler-error.js';
import { ReserveStatus, reserveSummaryJson } from '../reserves/reserve-status.js';
import { RESERVE_SUMMARY } from '../reserves/reserves.replies.js';
import { Cryptography } from '../runtime/cryptography.js';
import { Config } from '../runtime/tokens.js';
import { COIN_HISTORY, RECOUPED } from './coins.replies.js';
import { CoinHistories } from './history.js';
import { coinDataOf, disclosureOf, RecoupRequest, RecoupWithdrawRequest } from './recoup.dto.js';
import { RecoupWithdrawal } from './recoup.handler.js';
import { RecoupCoin } from './recoup-coin.handler.js';

@Controller()
export class CoinsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly refusals: Refusals,
    private readonly reserves: ReserveStatus,
    private readonly histories: CoinHistories,
    private readonly crypto: Cryptography,
    private readonly config: Config,
  ) {}

  /** What a coin paid for and got back after entry number `start`; only its owner may ask. */
  @Get('coins/:coin_pub/history')
  @Replies({ 200: COIN_HISTORY, 204: undefined, 304: undefined })
  async history(
    @Param('coin_pub', KeyPipe) coinPub: CoinPub,
    @Query('start', StartPipe) start: number,
    @SignatureHeader('Taler-Coin-History-Signature') signature: EddsaSignature,
    @Headers('if-none-match') knownTag: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object | undefined> {
    const signed = message('CoinHistoryRequest', { startOff: BigInt(start) });
    if (!(await this.crypto.isSignedHeader(signed, { signature, pub: decodeBase32(coinPub, 32) }))) {
      throw new TalerError(ErrorCode.EXCHANGE_COIN_HISTORY_BAD_SIGNATURE);
    }
    const history = await this.histories.read(coinPub, { start });
    if (!history) throw new TalerError(ErrorCode.EXCHANGE_GENERIC_COIN_UNKNOWN, { detail: coinPub });
    const { denominationHash, balance, lastRow, entries } = history;
    return sendHistory(reply, { start, knownTag, lastRow }, async () => ({
      h_denom_pub: denominationHash,
      balance: formatAmount({ currency: this.config.currency, units: balance }),
      history: await entries(),
    }));
  }

  /** The older form for one coin; answers which reserve got its value. */
  @Post('coins/:coin_pub/recoup')
  @HttpCode(200)
  @Replies({ 200: RECOUPED })
  async recoupCoin(
    @Param('coin_pub', KeyPipe) coinPub: CoinPub,
    @Body() request: RecoupRequest,
  ): Promise<{ reserve_pub: string }> {
    const outcome = await this.commands.execute(new RecoupCoin(disclosureOf(coinPub, request)));
    return { reserve_pub: await answered(this.refusals, outcome) };
  }

  /** Takes coins of revoked denominations back; answers what their reserve holds then. */
  @Post('recoup-withdraw')
  @HttpCode(200)
  @Replies({ 200: RESERVE_SUMMARY })
  async recoup(@Body() { reserve_pub: reservePub, coin_data }: RecoupWithdrawRequest): Promise<object> {
    await answered(
      this.refusals,
      await this.commands.execute(new RecoupWithdrawal(reservePub, coin_data.map(coinDataOf))),
    );
    const summary = await this.reserves.summary(reservePub, 0);
    if (!summary) throw await this.refusals.toError({ code: 'RESERVE_UNKNOWN', reservePub });
    return reserveSummaryJson(summary, this.config.currency);
  }
}
