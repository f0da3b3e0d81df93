/** The purse endpoints: from wire to command, from outcome to status. No rules live here. */
import type { ContractPub, EddsaSignature, PursePub, ReservePub } from '@florin/domain';
import { decodeBase32, ErrorCode, message, NEVER, timestampJson } from '@florin/encoding';
import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { answered } from '../http/answered.js';
import { KeyPipe, SignatureHeader, TimeoutPipe } from '../http/parameters.js';
import { Refusals } from '../http/refusals.js';
import { Replies } from '../http/replies.js';
import { TalerError } from '../http/taler-error.js';
import { Clock } from '../runtime/clock.js';
import { Cryptography } from '../runtime/cryptography.js';
import { ExchangeSigners } from '../runtime/signers.js';
import { Config } from '../runtime/tokens.js';
import { CreatePurse } from './create.handler.js';
import { DeletePurse } from './delete.handler.js';
import { DepositIntoPurse } from './deposit.handler.js';
import { MergePurse } from './merge.handler.js';
import { PurseStatuses, type WaitTarget } from './purse-status.js';
import { PurseWire } from './purse-wire.js';
import { PurseCreateRequest, PurseDepositRequest, PurseMergeRequest, PurseRequestRequest } from './purses.dto.js';
import { CONTRACT, DEPOSITED, MERGED, PURSE_CREATED, PURSE_STATUS } from './purses.replies.js';
import { RequestPurse } from './request.handler.js';

@Controller()
export class PursesController {
  constructor(
    private readonly commands: CommandBus,
    private readonly refusals: Refusals,
    private readonly wire: PurseWire,
    private readonly statuses: PurseStatuses,
    private readonly crypto: Cryptography,
    private readonly signers: ExchangeSigners,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  /** Makes a purse and pays up to 128 coins into it; the same request again has the same answer, for ever. */
  @Post('purses/:purse_pub/create')
  @HttpCode(200)
  @Replies({ 200: PURSE_CREATED })
  async create(
    @Param('purse_pub', KeyPipe) pursePub: PursePub,
    @Body() { amount, min_age, econtract, merge_pub, purse_sig, h_contract_terms, ...rest }: PurseCreateRequest,
  ): Promise<object> {
    const terms = {
      target: this.wire.units(amount, 'amount'),
      minAge: min_age,
      expiresAt: rest.purse_expiration,
      contractTermsHash: h_contract_terms,
      mergePub: merge_pub,
    };
    const contract = this.wire.contract(econtract);
    const deposits = this.wire.coins(rest.deposits);
    const command = new CreatePurse(pursePub, { terms, purseSignature: purse_sig, contract, deposits });
    return this.wire.confirmation(await answered(this.refusals, await this.commands.execute(command)));
  }

  /** Makes a purse that others pay into, and that this reserve is paid by once it is full. */
  @Post('reserves/:reserve_pub/purse')
  @HttpCode(200)
  @Replies({ 200: PURSE_CREATED })
  async request(
    @Param('reserve_pub', KeyPipe) reservePub: ReservePub,
    @Body() { purse_value, min_age, purse_fee, econtract, purse_pub, ...rest }: PurseRequestRequest,
  ): Promise<object> {
    const terms = {
      target: this.wire.units(purse_value, 'purse_value'),
      minAge: min_age,
      expiresAt: rest.purse_expiration,
      contractTermsHash: rest.h_contract_terms,
      mergePub: rest.merge_pub,
    };
    const outcome = await this.commands.execute(
      new RequestPurse(reservePub, purse_pub, {
        terms,
        purseSignature: rest.purse_sig,
        contract: this.wire.contract(econtract),
        mergeTimestamp: rest.merge_timestamp,
        mergeSignature: rest.merge_sig,
        reserveSignature: rest.reserve_sig,
        purseFee: purse_fee ? this.wire.units(purse_fee, 'purse_fee') : undefined,
      }),
    );
    return this.wire.confirmation(await answered(this.refusals, outcome));
  }

  @Post('purses/:purse_pub/deposit')
  @HttpCode(200)
  @Replies({ 200: DEPOSITED })
  async deposit(
    @Param('purse_pub', KeyPipe) pursePub: PursePub,
    @Body() { deposits }: PurseDepositRequest,
  ): Promise<object> {
    const outcome = await this.commands.execute(new DepositIntoPurse(pursePub, this.wire.coins(deposits)));
    const { terms, confirmation } = await answered(this.refusals, outcome);
    return {
      ...this.wire.confirmation(confirmation),
      purse_value_after_fees: this.wire.amount(terms.target),
      purse_expiration: timestampJson(terms.expiresAt),
      h_contract_terms: terms.contractTermsHash,
    };
  }

  /** Moves a full purse into a reserve of this exchange. */
  @Post('purses/:purse_pub/merge')
  @HttpCode(200)
  @Replies({ 200: MERGED })
  async merge(
    @Param('purse_pub', KeyPipe) pursePub: PursePub,
    @Body() { payto_uri, merge_timestamp, merge_sig, reserve_sig }: PurseMergeRequest,
  ): Promise<object> {
    const outcome = await this.commands.execute(
      new MergePurse(pursePub, {
        paytoUri: payto_uri,
        mergeTimestamp: merge_timestamp,
        mergeSignature: merge_sig,
        reserveSignature: reserve_sig,
      }),
    );
    const { credited, confirmation } = await answered(this.refusals, outcome);
    return {
      merge_amount: this.wire.amount(credited),
      exchange_timestamp: timestampJson(confirmation.exchangeTimestamp),
      exchange_sig: confirmation.exchangeSignature,
      exchange_pub: confirmation.exchangePub,
    };
  }

  /** What is in the purse; waits up to `timeout_ms` for its merge, or for it to be full. */
  @Get('purses/:purse_pub/:target')
  @Replies({ 200: PURSE_STATUS })
  async status(
    @Param('purse_pub', KeyPipe) pursePub: PursePub,
    @Param('target') target: string,
    @Query('timeout_ms', TimeoutPipe) timeoutMs: number,
  ): Promise<object> {
    if (!isWaitTarget(target)) {
      const hint = 'a purse is asked for its merge or its deposit';
      throw new TalerError(ErrorCode.EXCHANGE_PURSES_INVALID_WAIT_TARGET, { detail: target, hint });
    }
    const purse = await this.statuses.status(pursePub, target, timeoutMs);
    if (!purse) throw await this.refusals.toError({ code: 'PURSE_UNKNOWN' });
    const { balance, expiresAt, mergeTimestamp } = purse;
    if (purse.end === 'deleted') throw await this.refusals.toError({ code: 'PURSE_DELETED' });
    if (purse.end === 'expired') throw await this.refusals.toError({ code: 'PURSE_EXPIRED', expiresAt });
    const depositTimestamp = balance >= purse.target ? Math.min(this.clock.now(), expiresAt) : 0;
    const signed = await this.signers.sign(
      message('PurseStatus', {
        mergeTimestamp: mergeTimestamp ?? NEVER,
        depositTimestamp,
        balance: { currency: this.config.currency, units: balance },
      }),
    );
    return {
      balance: this.wire.amount(balance),
      ...signed,
      purse_expiration: timestampJson(expiresAt),
      ...(mergeTimestamp === undefined ? {} : { merge_timestamp: timestampJson(mergeTimestamp) }),
      ...(depositTimestamp === 0 ? {} : { deposit_timestamp: timestampJson(depositTimestamp) }),
    };
  }

  /** Ends a purse that nobody merged; all coins get their money back. */
  @Delete('purses/:purse_pub')
  @HttpCode(204)
  async remove(
    @Param('purse_pub', KeyPipe) pursePub: PursePub,
    @SignatureHeader('Taler-Purse-Signature') signature: EddsaSignature,
  ): Promise<void> {
    const pub = decodeBase32(pursePub, 32);
    if (!(await this.crypto.isSignedHeader(message('PurseDelete', {}), { signature, pub }))) {
      throw new TalerError(ErrorCode.EXCHANGE_PURSE_DELETE_SIGNATURE_INVALID);
    }
    await answered(this.refusals, await this.commands.execute(new DeletePurse(pursePub, signature)));
  }

  /** A contract as its writer encrypted it. */
  @Get('contracts/:contract_pub')
  @Replies({ 200: CONTRACT })
  async contract(@Param('contract_pub', KeyPipe) contractPub: ContractPub): Promise<object> {
    const found = await this.statuses.contract(contractPub);
    if (!found) throw new TalerError(ErrorCode.EXCHANGE_CONTRACTS_UNKNOWN, { detail: contractPub });
    const { pursePub, econtract, econtractSignature } = found;
    return { purse_pub: pursePub, econtract, econtract_sig: econtractSignature };
  }
}

const isWaitTarget = (word: string): word is WaitTarget => word === 'merge' || word === 'deposit';
