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

@Injectable()
export class RecoupChecks {
  constructor(
    private readonly crypto: Cryptography,
    private readonly signers: ExchangeSigners,
  ) {}

  /** Checks 4 to 11 of recoup-withdraw; the first coin of the request that fails decides, whichever check it fails. */
  async verify(
    book: KeyBook,
    entries: readonly (EnvelopeHash | CoinDisclosure)[],
    now: number,
  ): Promise<Decision<(EnvelopeHash | DisclosedCoin)[], RecoupCheckRefusal>> {
    const eligible = eligibleCoins(book, entries, now);
    const known = await this.withSessions(eligible);
    const [good, envelopes] = await Promise.all([
      this.crypto.verifyAll(known.coins.flatMap((coin) => this.questions(coin))),
      this.crypto.rebuiltEnvelopes(
        known.coins.map((coin) => ({ offered: coin.offered, blinding: this.blinding(coin) })),
      ),
    ]);
    const rebuilt = new Map<number, DisclosedCoin>();
    for (const [at, coin] of known.coins.entries()) {
      const { place } = coin;
      if (!good[2 * at]) return refuse({ code: 'COIN_DENOMINATION_SIGNATURE_INVALID', place });
      if (!good[2 * at + 1]) return refuse({ code: 'RECOUP_SIGNATURE_INVALID', place });
      const envelopeHash = envelopes[at];
      if (envelopeHash === undefined) return refuse({ code: 'RECOUP_BLINDING_FAILED' });
      rebuilt.set(place, disclosedCoin(coin, envelopeHash));
    }
    if (known.fault) return refuse(known.fault);
    const checked = entries.map((entry, place) => rebuilt.get(place) ?? (entry as EnvelopeHash));
    const all = checked.map((entry) => (typeof entry === 'string' ? entry : entry.envelopeHash));
    return new Set(all).size < all.length ? refuse({ code: 'RECOUP_COINS_MALFORMED' }) : accept(checked);
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

  /** The exchange's part of the Clause-Schnorr coins, derived again: what the client says must be the same. */
  private async withSessions({ coins, fault }: Eligible): Promise<Eligible> {
    const sessions = coins.flatMap(({ offered: { denominationHash }, session }) => {
      return session ? [{ denominationHash, ...session }] : [];
    });
    const derived = await this.signers.publicNonces(sessions);
    const wrong = sessions.findIndex(({ rPub0, rPub1 }, i) => derived[i]?.[0] !== rPub0 || derived[i]?.[1] !== rPub1);
    if (wrong < 0) return { coins, fault };
    const { place } = coins.filter(({ session }) => session)[wrong] as EligibleCoin;
    const code = 'RECOUP_SESSION_MALFORMED';
    return { coins: coins.filter((coin) => coin.place < place), fault: { code, place } };
  }

  /** Two for each coin: was it signed by its denomination, and does its owner agree? */
  private questions({ offered, disclosure }: EligibleCoin): (SignedMessage | VerifyJob)[] {
    const { coinPub, blindingSecret, denominationHash, coinSignature } = disclosure;
    const signed = message('RecoupRequest', {
      hDenomPub: decodeBase32(denominationHash, 64),
      coinBlind: decodeBase32(blindingSecret, 32),
    });
    const owner = { message: signed, signature: decodeBase32(coinSignature, 64), pub: decodeBase32(coinPub, 32) };
    return [this.crypto.coinCheck(offered, disclosure), owner];
  }

  private blinding({ disclosure, session }: EligibleCoin): Blinding {
    const { coinPub, ageCommitmentHash, blindingSecret } = disclosure;
    return {
      coinPubHash: this.crypto.coinPubHash(coinPub, ageCommitmentHash),
      blindingSecret: decodeBase32(blindingSecret, 32),
      ...(session && { session: sessionBytes(session) }),
    };
  }
}

/** A disclosed coin of a denomination that may be recouped, as far as the client's word goes. */
interface EligibleCoin {
  readonly place: number;
  readonly disclosure: CoinDisclosure;
  readonly offered: OfferedDenomination;
  /** Clause-Schnorr only. */
  readonly session: Session | undefined;
}

/** The coins before the first one that fails, and how that one fails. */
interface Eligible {
  readonly coins: readonly EligibleCoin[];
  readonly fault: RecoupCheckRefusal | undefined;
}

function eligibleCoins(book: KeyBook, entries: readonly (EnvelopeHash | CoinDisclosure)[], now: number): Eligible {
  const coins: EligibleCoin[] = [];
  for (const [place, entry] of entries.entries()) {
    if (typeof entry === 'string') continue;
    const found = recoupableDenomination(book, entry.denominationHash, now);
    if (found.kind === 'refuse') return { coins, fault: { ...found.refusal, oper: 'RECOUP' } };
    const { cipher } = found.value.key;
    if (cipher !== entry.denominationSignature.cipher) return { coins, fault: { code: 'COIN_CIPHER_MISMATCH' } };
    const { nonce, csValues } = entry;
    const isWhole = cipher === 'CS' ? nonce !== undefined && csValues : nonce === undefined && !csValues;
    if (!isWhole) return { coins, fault: { code: 'RECOUP_SESSION_MALFORMED', place } };
    const session = csValues && { nonce: nonce as Session['nonce'], ...csValues };
    coins.push({ place, disclosure: entry, offered: found.value, session });
  }
  return { coins, fault: undefined };
}

function disclosedCoin({ disclosure, offered, session }: EligibleCoin, envelopeHash: EnvelopeHash): DisclosedCoin {
  const { ageCommitmentHash, nonce: _, csValues: __, ...shown } = disclosure;
  const age = ageCommitmentHash === undefined ? {} : { ageCommitmentHash };
  return { ...shown, ...age, value: offered.value, envelopeHash, ...(session && { session }) };
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
