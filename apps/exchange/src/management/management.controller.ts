/** What the offline master key decides; every request carries its signature. */
import type { DenominationHash, EddsaSignature } from '@florin/domain';
import { decodeBase32, EncodingError, ErrorCode, encodeBase32 } from '@florin/encoding';
import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { answered } from '../http/answered.js';
import { Refusals } from '../http/refusals.js';
import { TalerError } from '../http/taler-error.js';
import { base32, Wire } from '../http/wire-fields.js';
import { RevokeDenomination } from './revoke.handler.js';

class RevocationRequest {
  /** MasterDenominationKeyRevocationPS. */
  @Wire(base32(64))
  master_sig!: EddsaSignature;
}

@Controller('management')
export class ManagementController {
  constructor(
    private readonly commands: CommandBus,
    private readonly refusals: Refusals,
  ) {}

  @Post('denominations/:h_denom_pub/revoke')
  @HttpCode(204)
  async revoke(@Param('h_denom_pub') text: string, @Body() { master_sig }: RevocationRequest): Promise<void> {
    const outcome = await this.commands.execute(new RevokeDenomination(denominationHash(text), master_sig));
    await answered(this.refusals, outcome);
  }
}

function denominationHash(text: string): DenominationHash {
  try {
    return encodeBase32(decodeBase32(text, 64)) as DenominationHash;
  } catch (error) {
    if (!(error instanceof EncodingError)) throw error;
    const hint = 'the hash of a denomination is 64 bytes in Crockford base32, 103 characters';
    throw new TalerError(ErrorCode.GENERIC_PATH_SEGMENT_MALFORMED, { detail: text.slice(0, 120), hint });
  }
}
