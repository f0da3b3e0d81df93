/** Whether the law still wants to know who somebody is: `/kyc-check` in the form of 2023 and in the present one. */
import type { AccountHash } from '@florin/domain';
import { decodeBase32, ErrorCode, encodeBase32 } from '@florin/encoding';
import { Controller, Get, Headers, Param, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { TimeoutPipe } from '../http/parameters.js';
import { Replies } from '../http/replies.js';
import { malformedParameter, TalerError } from '../http/taler-error.js';
import { ACCOUNT_KYC_STATUS, TO_BE_DECIDED } from './kyc.replies.js';
import { KycStatus } from './kyc-status.js';

@Controller('kyc-check')
export class KycController {
  constructor(private readonly status: KycStatus) {}

  /** 202 with the place to go to until the case is decided, then 204; waits up to `timeout_ms` for the decision. */
  @Get(':requirement_row/:h_payto/:user_type')
  @Replies({ 202: TO_BE_DECIDED, 204: undefined })
  async byRow(
    @Param('requirement_row') rowText: string,
    @Param('h_payto') hashText: string,
    @Param('user_type') userType: string,
    @Query('timeout_ms', TimeoutPipe) timeoutMs: number,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object | undefined> {
    const account = accountHash(hashText);
    if (!/^[0-9]{1,15}$/.test(rowText)) throw malformedParameter('requirement_row', 'a requirement row is a number');
    if (!['individual', 'business'].includes(userType)) {
      throw malformedParameter('userType', 'the user type is individual or business');
    }
    const found = await this.status.ofRequirement(account, Number(rowText), timeoutMs);
    if (!found) throw new TalerError(ErrorCode.EXCHANGE_KYC_CHECK_REQUEST_UNKNOWN, { detail: rowText });
    if (found.approved) {
      reply.status(204);
      return undefined;
    }
    reply.status(202);
    return { kyc_url: this.status.urlFor(account, Number(rowText)) };
  }

  /** The present form: the account's owner signs the query with the key that a KYC transfer bound to the account. */
  @Get(':h_payto')
  @Replies({ 200: ACCOUNT_KYC_STATUS, 202: ACCOUNT_KYC_STATUS, 204: undefined })
  async byAccount(
    @Param('h_payto') hashText: string,
    @Headers('account-owner-signature') signature: string | undefined,
    @Query('timeout_ms', TimeoutPipe) timeoutMs: number,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object | undefined> {
    const account = accountHash(hashText);
    const known = await this.status.ofAccount(account, timeoutMs);
    if (known.cases.length === 0 && known.ownerPub === undefined) {
      throw new TalerError(ErrorCode.EXCHANGE_KYC_CHECK_REQUEST_UNKNOWN, { detail: hashText });
    }
    if (known.ownerPub === undefined) throw new TalerError(ErrorCode.EXCHANGE_KYC_CHECK_AUTHORIZATION_KEY_UNKNOWN);
    if (!(await this.status.isOwner(known.ownerPub, signature))) {
      const body = { expected_account_pub: known.ownerPub };
      throw new TalerError(ErrorCode.EXCHANGE_KYC_CHECK_AUTHORIZATION_FAILED, { body });
    }
    const open = known.cases.find(({ decision }) => !decision?.approved);
    if (known.cases.length === 0) {
      reply.status(204);
      return undefined;
    }
    reply.status(open ? 202 : 200);
    return {
      aml_review: open !== undefined,
      access_token: this.status.accessToken(account),
      ...(open ? { kyc_url: this.status.urlFor(account, open.requirement) } : {}),
    };
  }
}

function accountHash(text: string): AccountHash {
  try {
    return encodeBase32(decodeBase32(text, 32)) as AccountHash;
  } catch {
    throw malformedParameter('h_payto', 'h_payto is the normalised payto hash: 32 bytes in base32');
  }
}
