/** What the offline master key decides; every request carries its signature. */
import type { DenominationHash, EddsaPub } from '@florin/domain';
import { type Amount, decodeBase32, EncodingError, ErrorCode, encodeBase32 } from '@florin/encoding';
import { Signers } from '@florin/signing';
import { Body, Controller, Get, Header, HttpCode, Param, Post } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { answered, type Outcome } from '../http/answered.js';
import { Refusals } from '../http/refusals.js';
import { Replies } from '../http/replies.js';
import { malformedParameter, TalerError } from '../http/taler-error.js';
import { FutureKeys } from '../keys/future-keys.js';
import { MasterTerms } from '../keys/master-terms.js';
import { Config } from '../runtime/tokens.js';
import { announced, futureKeysDocument } from './future-document.js';
import {
  ExtensionsRequest,
  GlobalFeesRequest,
  KeySignaturesRequest,
  LogKeyRequest,
  OfficerRequest,
  RevocationRequest,
  WireAccountEndRequest,
  WireAccountRequest,
  WireFeesRequest,
} from './management.dto.js';
import { FUTURE_KEYS } from './management.replies.js';
import { RecordMasterDecision } from './master-decision.handler.js';
import { OfferKeys } from './offer-keys.handler.js';
import { RevokeDenomination } from './revoke.handler.js';

@Controller('management')
export class ManagementController {
  constructor(
    private readonly commands: CommandBus,
    private readonly refusals: Refusals,
    private readonly future: FutureKeys,
    private readonly terms: MasterTerms,
    private readonly signers: Signers,
    private readonly config: Config,
  ) {}

  /** Keys that are made and wait for the master key; in development none ever do. */
  @Get('keys')
  @Replies({ 200: FUTURE_KEYS })
  @Header('Cache-Control', 'no-store')
  async futureKeys(): Promise<object> {
    const rows = [...(await this.future.waiting()).values()].map(announced);
    const { pub: logPub } = await this.signers.generate({ kind: 'log' });
    const signed = rows.map(async (row) => ({ ...row, signature: await this.signers.signHead(row.message) }));
    return futureKeysDocument(await Promise.all(signed), { masterPub: await this.terms.masterPub(), logPub });
  }

  @Post('keys')
  @HttpCode(204)
  async offerKeys(@Body() { denom_sigs, signkey_sigs }: KeySignaturesRequest): Promise<void> {
    const denominations = denom_sigs.map((one) => ({ key: one.h_denom_pub, masterSignature: one.master_sig }));
    const signingKeys = signkey_sigs.map((one) => ({ key: one.exchange_pub, masterSignature: one.master_sig }));
    await this.answered(await this.commands.execute(new OfferKeys(denominations, signingKeys)));
  }

  @Post('denominations/:h_denom_pub/revoke')
  @HttpCode(204)
  async revoke(@Param('h_denom_pub') text: string, @Body() { master_sig }: RevocationRequest): Promise<void> {
    const denominationHash = hashOf<DenominationHash>(text, 64);
    await this.answered(await this.commands.execute(new RevokeDenomination(denominationHash, master_sig)));
  }

  @Post('signkeys/:exchange_pub/revoke')
  @HttpCode(204)
  async revokeSigningKey(
    @Param('exchange_pub') text: string,
    @Body() { master_sig }: RevocationRequest,
  ): Promise<void> {
    const order = { kind: 'signing-key-revocation', exchangePub: hashOf<EddsaPub>(text, 32) } as const;
    await this.answered(await this.commands.execute(new RecordMasterDecision(order, { master_sig })));
  }

  /** Florin's own: vouches for the key that signs the heads of the ledger. */
  @Post('log-key')
  @HttpCode(204)
  async offerLogKey(@Body() { log_pub, validity_start, master_sig }: LogKeyRequest): Promise<void> {
    const order = { kind: 'log-key', logPub: log_pub, start: validity_start } as const;
    await this.answered(await this.commands.execute(new RecordMasterDecision(order, { master_sig })));
  }

  @Post('wire')
  @HttpCode(204)
  async enableWireAccount(@Body() body: WireAccountRequest): Promise<void> {
    const order = { kind: 'wire-account', paytoUri: body.payto_uri, start: body.validity_start } as const;
    const { master_sig_add, master_sig_wire } = body;
    const old = body.master_sig_wire_old ?? undefined;
    const signatures = { master_sig_add, master_sig_wire, ...(old === undefined ? {} : { master_sig_wire_old: old }) };
    await this.answered(await this.commands.execute(new RecordMasterDecision(order, signatures)));
  }

  @Post('wire/disable')
  @HttpCode(204)
  async disableWireAccount(@Body() body: WireAccountEndRequest): Promise<void> {
    const { payto_uri, validity_end, master_sig_del } = body;
    const order = { kind: 'wire-account-end', paytoUri: payto_uri, end: validity_end } as const;
    await this.answered(await this.commands.execute(new RecordMasterDecision(order, { master_sig_del })));
  }

  @Post('wire-fee')
  @HttpCode(204)
  async setWireFees(@Body() body: WireFeesRequest): Promise<void> {
    const order = {
      kind: 'wire-fees',
      method: body.wire_method,
      ...period(body),
      wireFee: this.money('wire_fee', body.wire_fee),
      closingFee: this.money('closing_fee', body.closing_fee),
    } as const;
    await this.answered(await this.commands.execute(new RecordMasterDecision(order, { master_sig: body.master_sig })));
  }

  @Post('global-fee')
  @HttpCode(204)
  async setGlobalFees(@Body() body: GlobalFeesRequest): Promise<void> {
    const order = {
      kind: 'global-fees',
      ...period(body),
      historyFee: this.money('history_fee', body.history_fee),
      accountFee: this.money('account_fee', body.account_fee),
      purseFee: this.money('purse_fee', body.purse_fee),
      purseTimeoutUs: body.purse_timeout,
      historyExpirationUs: body.history_expiration,
      purseAccountLimit: body.purse_account_limit,
    } as const;
    await this.answered(await this.commands.execute(new RecordMasterDecision(order, { master_sig: body.master_sig })));
  }

  @Post('extensions')
  @HttpCode(204)
  async setExtensions(@Body() { extensions, extensions_sig }: ExtensionsRequest): Promise<void> {
    const order = { kind: 'extensions', manifest: extensions } as const;
    await this.answered(await this.commands.execute(new RecordMasterDecision(order, { extensions_sig })));
  }

  @Post('aml-officers')
  @HttpCode(204)
  async enrolOfficer(@Body() body: OfficerRequest): Promise<void> {
    const order = {
      kind: 'officer',
      officerPub: body.officer_pub,
      name: body.officer_name,
      active: body.is_active,
      readOnly: body.read_only,
      changedAt: body.change_date,
    } as const;
    await this.answered(await this.commands.execute(new RecordMasterDecision(order, { master_sig: body.master_sig })));
  }

  private answered(outcome: Outcome<undefined>): Promise<undefined> {
    return answered(this.refusals, outcome);
  }

  private money(name: string, amount: Amount): Amount {
    if (amount.currency === this.config.currency) return amount;
    throw malformedParameter(name, `this exchange is about ${this.config.currency}`);
  }
}

function period({ fee_start, fee_end }: { fee_start: number; fee_end: number }): { start: number; end: number } {
  if (fee_start >= fee_end) throw malformedParameter('fee_end', 'fees end after they begin');
  return { start: fee_start, end: fee_end };
}

function hashOf<Name extends string>(text: string, sizeBytes: 32 | 64): Name {
  try {
    return encodeBase32(decodeBase32(text, sizeBytes)) as Name;
  } catch (error) {
    if (!(error instanceof EncodingError)) throw error;
    const hint =
      sizeBytes === 64
        ? 'the hash of a denomination is 64 bytes in Crockford base32, 103 characters'
        : 'a signing key is 32 bytes in Crockford base32, 52 characters';
    throw new TalerError(ErrorCode.GENERIC_PATH_SEGMENT_MALFORMED, { detail: text.slice(0, 120), hint });
  }
}
