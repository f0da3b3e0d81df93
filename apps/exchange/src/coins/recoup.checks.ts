/** What disclosed coins must prove: a revoked denomination, two signatures, and an envelope that can be rebuilt. */
import type { Blinding } from '@florin/crypto';
import {
  type AgeCommitmentHash,
  accept,
  type BlindingSecret,
  type CoinPub,
  type CoinSignature,
  type Decision,
  type DenominationHash,
  type DisclosedCoin,
  type EddsaSignature,
  type EnvelopeHash,
  type KeyBook,
  type OfferedDenomination,
  type RecoupClaim,
  type RecoupDenominationRefusal,
  recoupableDenomination,
  refuse,
  type Session,
} from '@florin/domain';
import { decodeBase32, message } from '@florin/encoding';
import type { VerifyJob } from '@florin/signing';
import { Injectable } from '@nestjs/common';
import { Cryptography, type SignedMessage } from '../runtime/cryptography.js';
import { ExchangeSigners } from '../runtime/signers.js';

export type CsValues = Pick<Session, 'rPub0' | 'rPub1'>;

/** A coin as its owner discloses it; nothing of it is verified. */
export interface CoinDisclosure {
  readonly coinPub: CoinPub;
  readonly blindingSecret: BlindingSecret;
  readonly denominationSignature: CoinSignature;
  readonly denominationHash: DenominationHash;
  readonly coinSignature: EddsaSignature;
  readonly ageCommitmentHash: AgeCommitmentHash | undefined;
  /** Clause-Schnorr only. */
  readonly nonce: string | undefined;
  readonly csValues: CsValues | undefined;
}

export type RecoupCheckRefusal =
  | (RecoupDenominationRefusal & { readonly oper: string })
  | { readonly code: 'COIN_CIPHER_MISMATCH' }
  | { readonly code: 'RECOUP_SESSION_MALFORMED'; readonly place: number }
  /** The same in the older recoup of one coin. */
  | { readonly code: 'COIN_SESSION_MALFORMED' }
  | { readonly code: 'COIN_DENOMINATION_SIGNATURE_INVALID'; readonly place: number }
  | { readonly code: 'RECOUP_SIGNATURE_INVALID'; readonly place: number }
  | { readonly code: 'RECOUP_BLINDING_FAILED' }
  | { readonly code: 'RECOUP_COINS_MALFORMED' };

type Job = { readonly job: SignedMessage | VerifyJob; readonly refusal: RecoupCheckRefusal };

@Injectable()
export class RecoupChecks {
  constructor(
    private readonly crypto: Cryptography,
    private readonly signers: ExchangeSigners,
  ) {}

  /** Checks 4 to 11 of recoup-withdraw; the first coin of the request that fails decides. */
  async verify(
    book: KeyBook,
    entries: readonly (EnvelopeHash | CoinDisclosure)[],
    now: number,
  ): Promise<Decision<(EnvelopeHash | DisclosedCoin)[], RecoupCheckRefusal>> {
    const checked: (EnvelopeHash | DisclosedCoin)[] = [];
    const jobs: Job[] = [];
    let fault: RecoupCheckRefusal | undefined;
    for (const [place, entry] of entries.entries()) {
      if (typeof entry === 'string') {
        checked.push(entry);
        continue;
      }
      const coin = await this.disclosed(book, entry, { now, place });
      if (coin.kind === 'refuse') {
        fault = coin.refusal;
        break;
      }
      jobs.push(...coin.value.jobs);
      checked.push(coin.value.coin);
    }
    const good = await this.crypto.verifyAll(jobs.map(({ job }) => job));
    const bad = jobs[good.indexOf(false)]?.refusal ?? fault;
    if (bad) return refuse(bad);
    const envelopes = checked.map((entry) => (typeof entry === 'string' ? entry : entry.envelopeHash));
    if (new Set(envelopes).size < envelopes.length) return refuse({ code: 'RECOUP_COINS_MALFORMED' });
    return accept(checked);
  }

  /** The same for the older recoup of one coin. */
  async verifyOne(
    book: KeyBook,
    disclosure: CoinDisclosure,
    now: number,
  ): Promise<Decision<DisclosedCoin, RecoupCheckRefusal>> {
    const checked = await this.verify(book, [disclosure], now);
    if (checked.kind === 'accept') return accept(checked.value[0] as DisclosedCoin);
    const { refusal } = checked;
    return refusal.code === 'RECOUP_SESSION_MALFORMED' ? refuse({ code: 'COIN_SESSION_MALFORMED' }) : checked;
  }

  private async disclosed(
    book: KeyBook,
    disclosure: CoinDisclosure,
    { now, place }: { now: number; place: number },
  ): Promise<Decision<{ coin: DisclosedCoin; jobs: Job[] }, RecoupCheckRefusal>> {
    const { coinPub, blindingSecret, denominationHash, denominationSignature, coinSignature } = disclosure;
    const { ageCommitmentHash } = disclosure;
    const found = recoupableDenomination(book, denominationHash, now);
    if (found.kind === 'refuse') return refuse({ ...found.refusal, oper: 'RECOUP' });
    const { key, value } = found.value;
    if (key.cipher !== denominationSignature.cipher) return refuse({ code: 'COIN_CIPHER_MISMATCH' });
    const session = await this.session(found.value, disclosure);
    if (session === 'malformed') return refuse({ code: 'RECOUP_SESSION_MALFORMED', place });

    const signed: SignedMessage = {
      message: message('RecoupRequest', {
        hDenomPub: decodeBase32(denominationHash, 64),
        coinBlind: decodeBase32(blindingSecret, 32),
      }),
      signature: decodeBase32(coinSignature, 64),
      pub: decodeBase32(coinPub, 32),
    };
    const proof = { coinPub, ageCommitmentHash, denominationSignature };
    const jobs: Job[] = [
      {
        job: this.crypto.coinCheck(found.value, proof),
        refusal: { code: 'COIN_DENOMINATION_SIGNATURE_INVALID', place },
      },
      { job: signed, refusal: { code: 'RECOUP_SIGNATURE_INVALID', place } },
    ];
    const envelopeHash = this.crypto.rebuiltEnvelope(found.value, {
      coinPubHash: this.crypto.coinPubHash(coinPub, ageCommitmentHash),
      blindingSecret: decodeBase32(blindingSecret, 32),
      ...(session && { session: sessionBytes(session) }),
    });
    if (envelopeHash === undefined) return refuse({ code: 'RECOUP_BLINDING_FAILED' });
    const coin = {
      coinPub,
      denominationHash,
      value,
      denominationSignature,
      ...(ageCommitmentHash !== undefined && { ageCommitmentHash }),
      envelopeHash,
      blindingSecret,
      ...(session && { session }),
      coinSignature,
    };
    return accept({ coin, jobs });
  }

  /** The exchange's part of a Clause-Schnorr coin, derived again: what the client says must be the same. */
  private async session(
    { key, denominationHash }: OfferedDenomination,
    { nonce, csValues }: CoinDisclosure,
  ): Promise<Session | undefined | 'malformed'> {
    if (key.cipher === 'RSA') return nonce === undefined && csValues === undefined ? undefined : 'malformed';
    if (nonce === undefined || csValues === undefined) return 'malformed';
    const [rPub0, rPub1] = await this.signers.publicNonces(denominationHash, nonce);
    if (csValues.rPub0 !== rPub0 || csValues.rPub1 !== rPub1) return 'malformed';
    return { nonce: nonce as Session['nonce'], ...csValues };
  }
}

const sessionBytes = ({ nonce, rPub0, rPub1 }: Session): NonNullable<Blinding['session']> => ({
  nonce: decodeBase32(nonce, 32),
  rPub0: decodeBase32(rPub0, 32),
  rPub1: decodeBase32(rPub1, 32),
});

/** What a disclosure says, before anything of it is verified. */
export function claimOf({ nonce, csValues, ageCommitmentHash, ...shown }: CoinDisclosure): RecoupClaim {
  const session = { ...(nonce !== undefined && { nonce: nonce as Session['nonce'] }), ...csValues };
  return {
    ...shown,
    ...(ageCommitmentHash !== undefined && { ageCommitmentHash }),
    ...((nonce !== undefined || csValues) && { session }),
  };
}
