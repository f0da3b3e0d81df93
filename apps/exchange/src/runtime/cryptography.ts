/** The protocol's cryptography on the server's primitives, in the domain's terms: base32 in, base32 out. */
import { type Blinding, type Denomination, type DenominationPub, type Taler, taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import {
  type AccountHash,
  type AgeCommitmentHash,
  type CoinPub,
  type CoinSignature,
  type DenominationHash,
  type EnvelopeHash,
  type HashCode,
  type OfferedDenomination,
  type Planchet,
  planchetBytes,
  type ReservePub,
  type WithdrawCommitment,
  type Wtid,
} from '@florin/domain';
import { decodeBase32, EncodingError, encodeBase32 } from '@florin/encoding';
import { Verifiers, type VerifyJob } from '@florin/signing';
import { deriveRequestUid, deriveWtid } from '@florin/wire';
import { Injectable } from '@nestjs/common';

/** A client's Ed25519 signature to check. */
export interface SignedMessage {
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  readonly pub: Uint8Array;
}

@Injectable()
export class Cryptography {
  readonly taler: Taler = taler(serverPrimitives);
  private readonly denominations = new Map<DenominationHash, Denomination>();

  constructor(private readonly verifiers: Verifiers) {}

  envelopeHash(denominationHash: DenominationHash, planchet: Planchet): EnvelopeHash {
    const hash = this.taler.hash.envelope(decodeBase32(denominationHash, 64), planchetBytes(planchet));
    return encodeBase32(hash) as EnvelopeHash;
  }

  withdrawCommitment(envelopes: readonly EnvelopeHash[]): WithdrawCommitment {
    const hashes = envelopes.map((envelope) => decodeBase32(envelope, 64));
    return encodeBase32(this.taler.hash.withdrawCommitment(hashes)) as WithdrawCommitment;
  }

  /** Whether the denomination can sign these blinded bytes: below the modulus, canonical scalars. */
  acceptsPlanchet(offered: OfferedDenomination, planchet: Planchet): boolean {
    try {
      this.denomination(offered).envelopeHash(planchetBytes(planchet));
      return true;
    } catch (error) {
      if (error instanceof EncodingError) return false;
      throw error;
    }
  }

  /** The envelope of each coin that was blinded like this, in order; undefined if it cannot have been. */
  async rebuiltEnvelopes(
    coins: readonly { readonly offered: OfferedDenomination; readonly blinding: Blinding }[],
  ): Promise<(EnvelopeHash | undefined)[]> {
    const hashes = await this.verifiers.rebuildAll(
      coins.map(({ offered, blinding }) => ({
        pub: denominationPub(offered),
        denominationHash: decodeBase32(offered.denominationHash, 64),
        blinding,
      })),
    );
    return hashes.map((hash) => hash && (encodeBase32(hash) as EnvelopeHash));
  }

  accountHash(paytoUri: string): AccountHash {
    return encodeBase32(this.taler.hash.normalizedPayto(paytoUri)) as AccountHash;
  }

  /** Checks off the event loop where there is much to check; in the order of `jobs`. */
  verifyAll(jobs: readonly (SignedMessage | VerifyJob)[]): Promise<readonly boolean[]> {
    return this.verifiers.verifyAll(jobs.map((job) => ('kind' in job ? job : { kind: 'eddsa', ...job })));
  }

  /** Whether the base32 signature of a request's header is there and good. */
  async isSignedHeader(
    signed: Uint8Array,
    { signature, pub }: { signature: string | undefined; pub: Uint8Array },
  ): Promise<boolean> {
    try {
      const [good] = await this.verifyAll([{ message: signed, signature: decodeBase32(signature ?? '', 64), pub }]);
      return good === true;
    } catch (error) {
      if (error instanceof EncodingError) return false;
      throw error;
    }
  }

  /** What a denomination signed for a coin. */
  coinPubHash(coinPub: CoinPub, ageCommitmentHash: AgeCommitmentHash | undefined): Uint8Array {
    const age = ageCommitmentHash === undefined ? undefined : decodeBase32(ageCommitmentHash, 32);
    return this.taler.hash.coinPub(decodeBase32(coinPub, 32), age);
  }

  /** The check that `offered` signed this coin, for {@link verifyAll}. */
  coinCheck(
    offered: OfferedDenomination,
    coin: { coinPub: CoinPub; ageCommitmentHash: AgeCommitmentHash | undefined; denominationSignature: CoinSignature },
  ): VerifyJob {
    const { denominationSignature: signature } = coin;
    return {
      kind: 'denomination',
      pub: denominationPub(offered),
      coinPubHash: this.coinPubHash(coin.coinPub, coin.ageCommitmentHash),
      signature:
        signature.cipher === 'RSA'
          ? { cipher: 'RSA', signature: decodeBase32(signature.signature) }
          : { cipher: 'CS', r: decodeBase32(signature.r, 32), s: decodeBase32(signature.s, 32) },
    };
  }

  /** The names of a payment: a gateway knows a repeat by the one, and refuses the other twice. */
  transferIds(reservePub: ReservePub, closing: number, attempt: number): { requestUid: HashCode; wtid: Wtid } {
    const origin = { reservePub: decodeBase32(reservePub, 32), closing, attempt };
    return {
      requestUid: encodeBase32(deriveRequestUid(origin, this.taler.hash.sha512)) as HashCode,
      wtid: encodeBase32(deriveWtid(origin, this.taler.hash.sha512)) as Wtid,
    };
  }

  /** The prepared public key; parsing it again for each coin would cost more than using it. */
  private denomination(offered: OfferedDenomination): Denomination {
    const known = this.denominations.get(offered.denominationHash);
    if (known) return known;
    const prepared = this.taler.denomination(denominationPub(offered));
    this.denominations.set(offered.denominationHash, prepared);
    return prepared;
  }
}

export const denominationPub = ({ key, ageMask }: OfferedDenomination): DenominationPub =>
  key.cipher === 'RSA'
    ? { cipher: 'RSA', ageMask, rsaPub: decodeBase32(key.rsaPub) }
    : { cipher: 'CS', ageMask, csPub: decodeBase32(key.csPub, 32) };
