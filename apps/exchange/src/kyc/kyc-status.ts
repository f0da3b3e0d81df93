/** What is known of an account's cases, for `/kyc-check`: from the read model, with the wait for a decision. */
import { type AccountHash, type EddsaPub, Streams } from '@florin/domain';
import { concat, decodeBase32, encodeBase32, message, utf8 } from '@florin/encoding';
import { type LegitimizedAccount, Views } from '@florin/projections';
import { Injectable } from '@nestjs/common';
import { Cryptography } from '../runtime/cryptography.js';
import { LongPoll } from '../runtime/long-poll.js';
import { Config } from '../runtime/tokens.js';

@Injectable()
export class KycStatus {
  constructor(
    private readonly longPoll: LongPoll,
    private readonly views: Views,
    private readonly streams: Streams,
    private readonly crypto: Cryptography,
    private readonly config: Config,
  ) {}

  /** Whether the case was approved; waits for that up to `timeoutMs`. Undefined if there is no such case. */
  async ofRequirement(
    account: AccountHash,
    requirement: number,
    timeoutMs: number,
  ): Promise<{ readonly approved: boolean } | undefined> {
    const known = await this.waitFor(account, timeoutMs, ({ cases }) => {
      const found = cases.find((one) => one.requirement === requirement);
      return !found || found.decision?.approved === true;
    });
    const found = known.cases.find((one) => one.requirement === requirement);
    return found && { approved: found.decision?.approved === true };
  }

  /** All that is known of the account; waits up to `timeoutMs` for its open cases to be decided. */
  ofAccount(account: AccountHash, timeoutMs: number): Promise<LegitimizedAccount> {
    return this.waitFor(account, timeoutMs, ({ cases }) => cases.every(({ decision }) => decision?.approved));
  }

  /** Where the owner goes, from the configuration. */
  urlFor(account: AccountHash, requirement: number): string {
    const url = this.config.legitimization.kycUrl ?? `${this.config.baseUrl}terms?row={row}&h_payto={h_payto}`;
    return url.replaceAll('{row}', String(requirement)).replaceAll('{h_payto}', account);
  }

  /** Whether KycQueryPS was signed by the account's owner. */
  async isOwner(ownerPub: EddsaPub, signature: string | undefined): Promise<boolean> {
    if (signature === undefined) return false;
    try {
      const [good] = await this.crypto.verifyAll([
        { message: message('KycQuery', {}), signature: decodeBase32(signature, 64), pub: decodeBase32(ownerPub, 32) },
      ]);
      return good === true;
    } catch {
      return false;
    }
  }

  /** Clients expect one; Florin serves nothing under it, for cases are decided by officers. Names the account only. */
  accessToken(account: AccountHash): string {
    const bytes = this.crypto.taler.hash.sha512(concat(utf8('florin-kyc-access-token'), decodeBase32(account, 32)));
    return encodeBase32(bytes.slice(0, 32));
  }

  private waitFor(
    account: AccountHash,
    timeoutMs: number,
    settled: (known: LegitimizedAccount) => boolean,
  ): Promise<LegitimizedAccount> {
    const read = (): Promise<LegitimizedAccount> => this.views.ask('legitimizations', 'account', account);
    return this.longPoll.until({ stream: this.streams.account(account).name, timeoutMs }, read, settled);
  }
}
