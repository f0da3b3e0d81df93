/** Bank accounts: how they are named by hashes, sealed for the log, and which of ours pays them. */
import type { AccountHash, FullPaytoHash, Origin, SealedUri } from '@florin/domain';
import { encodeBase32, parsePayto } from '@florin/encoding';
import { AccountVault } from '@florin/signing';
import { Injectable } from '@nestjs/common';
import type { PaymentTarget } from '../reserves/closings.js';
import { Cryptography } from './cryptography.js';
import { KeyRing } from './key-ring.js';

/** An account that somebody named by its URI. */
export interface NamedAccount {
  readonly uri: string;
  /** Over the URI as given. */
  readonly hash: FullPaytoHash;
  /** Over the normalised URI. */
  readonly account: AccountHash;
  readonly method: string;
}

@Injectable()
export class Accounts {
  constructor(
    private readonly vault: AccountVault,
    private readonly crypto: Cryptography,
    private readonly keys: KeyRing,
  ) {}

  /** @throws EncodingError if `uri` is no payto URI */
  identify(uri: string): NamedAccount {
    const { hash } = this.crypto.taler;
    return {
      uri,
      hash: encodeBase32(hash.fullPayto(uri)) as FullPaytoHash,
      account: encodeBase32(hash.normalizedPayto(uri)) as AccountHash,
      method: parsePayto(uri).method,
    };
  }

  /** The URI sealed under the key of its account, which is durable before this is fulfilled. */
  async seal(account: AccountHash, uri: string): Promise<SealedUri> {
    return (await this.vault.seal(account, uri)) as SealedUri;
  }

  /** @returns undefined if the account was forgotten */
  async unseal(account: AccountHash, sealed: SealedUri): Promise<string | undefined> {
    return this.vault.unseal(account, sealed);
  }

  /** Section name of the exchange's account that pays with this payto method; undefined if there is none. */
  payingAccount(method: string): string | undefined {
    for (const { paytoUri, account } of this.keys.shownBook()?.accounts.values() ?? []) {
      if (parsePayto(paytoUri).method === method) return account;
    }
    return undefined;
  }

  /** Who is paid: the designated account, or the origin of the money. Undefined if no account of ours can pay it. */
  async paymentTarget(
    designated: NamedAccount | undefined,
    origin: Origin | undefined,
  ): Promise<(PaymentTarget & { readonly uri: string }) | undefined> {
    const target = designated ?? (origin && (await this.named(origin)));
    const payingAccount = target && this.payingAccount(target.method);
    if (!target || payingAccount === undefined) return undefined;
    const sealed = designated ? await this.seal(target.account, target.uri) : (origin as Origin).sealed;
    return { ...target, sealed, payingAccount };
  }

  private async named({ account, sealed }: Origin): Promise<NamedAccount | undefined> {
    const uri = await this.unseal(account, sealed);
    return uri === undefined ? undefined : this.identify(uri);
  }
}
