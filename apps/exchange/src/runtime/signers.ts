/** The signer processes, in the domain's terms: base32 in, base32 out. */
import {
  type BlindSignature,
  type DenominationHash,
  type EddsaSignature,
  type Planchet,
  planchetBytes,
} from '@florin/domain';
import { decodeBase32, ErrorCode, encodeBase32 } from '@florin/encoding';
import { denominationKeyName, type KeyName, Signers, SigningRefused, signingKeyName } from '@florin/signing';
import { Injectable } from '@nestjs/common';
import { retryLater } from '../http/taler-error.js';
import { KeyRing } from './key-ring.js';

/** A signature of the exchange as it stands in replies. */
export interface ExchangeSignature {
  readonly exchange_pub: string;
  readonly exchange_sig: string;
}

@Injectable()
export class ExchangeSigners {
  constructor(
    private readonly signers: Signers,
    private readonly keys: KeyRing,
  ) {}

  /**
   * One blind signature for each coin, in order. They must not leave this process before their event is committed.
   * @returns undefined if one of the denominations was revoked meanwhile
   */
  async signBlinded(
    coins: readonly { readonly denominationHash: DenominationHash; readonly planchet: Planchet }[],
  ): Promise<readonly BlindSignature[] | undefined> {
    // Not on a view of the keys that grew old while the request waited: a revocation might have been missed.
    if (!this.keys.usableBook()) {
      throw retryLater(ErrorCode.EXCHANGE_GENERIC_KEYS_MISSING, 'the view of the keys could not be confirmed');
    }
    const requests = coins.map(({ denominationHash, planchet }) => ({
      denominationHash,
      planchet: planchetBytes(planchet),
    }));
    const names = coins.map(({ denominationHash }) => denominationKeyName(denominationHash));
    const signed = await this.holding(names, () => this.signers.signBlinded(requests)).catch((error: unknown) => {
      if (error instanceof SigningRefused && error.reason === 'retired-key') return undefined;
      throw error;
    });
    return signed?.map((signature) =>
      signature.cipher === 'RSA'
        ? ({ cipher: 'RSA', signature: encodeBase32(signature.blindSignature) } as BlindSignature)
        : ({ cipher: 'CS', b: signature.b, s: encodeBase32(signature.s) } as BlindSignature),
    );
  }

  /** The two public nonces for each session nonce of a wallet, in base32 and in order. */
  async publicNonces(
    sessions: readonly { readonly denominationHash: DenominationHash; readonly nonce: string }[],
  ): Promise<(readonly [string, string])[]> {
    const requests = sessions.map(({ denominationHash, nonce }) => {
      return { denominationHash, nonce: decodeBase32(nonce, 32), operation: 'withdraw' } as const;
    });
    const names = sessions.map(({ denominationHash }) => denominationKeyName(denominationHash));
    const pairs = await this.holding(names, () => this.signers.deriveAll(requests));
    return pairs.map(({ rPub0, rPub1 }) => [encodeBase32(rPub0), encodeBase32(rPub1)]);
  }

  /** Signs with the online key that is valid now. */
  async sign(message: Uint8Array): Promise<ExchangeSignature> {
    const key = this.keys.activeSigningKey();
    if (!key) throw retryLater(ErrorCode.EXCHANGE_GENERIC_KEYS_MISSING, 'no signing key is valid at present');
    const [signature] = await this.signAllWith(key.exchangePub, [message]);
    return { exchange_pub: key.exchangePub, exchange_sig: signature as string };
  }

  async signAllWith(exchangePub: string, messages: readonly Uint8Array[]): Promise<EddsaSignature[]> {
    const sign = () => this.signers.sign(exchangePub, messages);
    const signatures = await this.holding([signingKeyName(exchangePub)], sign);
    return signatures.map((signature) => encodeBase32(signature) as EddsaSignature);
  }

  /** What another node has just offered may not have reached the signers of this one, or not even its key folder. */
  private async holding<Signed>(names: readonly KeyName[], sign: () => Promise<Signed>): Promise<Signed> {
    try {
      return await sign();
    } catch (error) {
      if (!isUnknownKey(error)) throw error;
    }
    try {
      await this.signers.load([...new Set(names)]);
      return await sign();
    } catch (error) {
      if (!isUnknownKey(error)) throw error;
      throw retryLater(ErrorCode.EXCHANGE_GENERIC_KEYS_MISSING, 'a key that is offered is not held by this node yet');
    }
  }
}

const isUnknownKey = (error: unknown): boolean => error instanceof SigningRefused && error.reason === 'unknown-key';
