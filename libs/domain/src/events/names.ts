/** Fields that many events share: keys, hashes and signatures, each with a type of its own. */
import type { BlindedPlanchet } from '@florin/crypto';
import { decodeBase32 } from '@florin/encoding';
import { amount, type Base32, blob, byCipher, bytes, count, type Field, instant, object, optional } from './fields.js';

export type ReservePub = Base32<'ReservePub'>;
export type CoinPub = Base32<'CoinPub'>;
export type PursePub = Base32<'PursePub'>;
export type DenominationHash = Base32<'DenominationHash'>;
export type EnvelopeHash = Base32<'EnvelopeHash'>;
export type WithdrawCommitment = Base32<'WithdrawCommitment'>;
export type EddsaPub = Base32<'EddsaPub'>;
export type EddsaSignature = Base32<'EddsaSignature'>;
export type HashCode = Base32<'HashCode'>;
/** First 32 bytes of SHA-512 of the payto URI exactly as given, with its NUL. */
export type FullPaytoHash = Base32<'FullPaytoHash'>;
/** The same over the normalised URI: names an account stream and a legitimization. */
export type AccountHash = Base32<'AccountHash'>;
/** A payto URI sealed under the key of its account, which lives outside of the log. */
export type SealedUri = Base32<'SealedUri'>;
/** Names a wire transfer towards the bank; never used twice. */
export type Wtid = Base32<'Wtid'>;
/** First 32 bytes of SHA-512 over the keys of an age commitment. A coin without one has no such hash, never zeros. */
export type AgeCommitmentHash = Base32<'AgeCommitmentHash'>;
/** What a coin was blinded with; disclosed by its owner in a recoup. */
export type BlindingSecret = Base32<'BlindingSecret'>;
/** X25519 key under which a purse's contract is encrypted. */
export type ContractPub = Base32<'ContractPub'>;

export const reservePub = () => bytes<'ReservePub'>(32);
export const coinPub = () => bytes<'CoinPub'>(32);
export const pursePub = () => bytes<'PursePub'>(32);
export const denominationHash = () => bytes<'DenominationHash'>(64);
export const envelopeHash = () => bytes<'EnvelopeHash'>(64);
export const withdrawCommitment = () => bytes<'WithdrawCommitment'>(64);
export const eddsaPub = () => bytes<'EddsaPub'>(32);
export const eddsaSignature = () => bytes<'EddsaSignature'>(64);
export const hashCode = () => bytes<'HashCode'>(64);
export const fullPaytoHash = () => bytes<'FullPaytoHash'>(32);
export const accountHash = () => bytes<'AccountHash'>(32);
export const ageCommitmentHash = () => bytes<'AgeCommitmentHash'>(32);
export const blindingSecret = () => bytes<'BlindingSecret'>(32);
export const contractPub = () => bytes<'ContractPub'>(32);
export const sealedUri = () => blob<'SealedUri'>();

/** What the wallet asked to have signed: the blinded bytes exactly as received. */
export const planchet = () =>
  byCipher({ blinded: blob() }, { c0: bytes(32), c1: bytes(32), nonce: bytes<'Nonce'>(32) });
export type Planchet = ReturnType<typeof planchet> extends Field<infer Value> ? Value : never;

/** As those take it who hash it or sign it. */
export const planchetBytes = (planchet: Planchet): BlindedPlanchet =>
  planchet.cipher === 'RSA'
    ? { cipher: 'RSA', blindedPlanchet: decodeBase32(planchet.blinded) }
    : {
        cipher: 'CS',
        c0: decodeBase32(planchet.c0, 32),
        c1: decodeBase32(planchet.c1, 32),
        nonce: decodeBase32(planchet.nonce, 32),
      };

/** The exchange's answer to a planchet, to be unblinded by the wallet. */
export const blindSignature = () => byCipher({ signature: blob() }, { b: count(), s: bytes(32) });
export type BlindSignature = ReturnType<typeof blindSignature> extends Field<infer Value> ? Value : never;

/** The denomination's signature over a coin, after unblinding. */
export const coinSignature = () => byCipher({ signature: blob() }, { r: bytes(32), s: bytes(32) });
export type CoinSignature = ReturnType<typeof coinSignature> extends Field<infer Value> ? Value : never;

export const wtid = () => bytes<'Wtid'>(32);

/** The values of a Clause-Schnorr withdrawal from which the coin's envelope is rebuilt. */
const session = () =>
  object({ nonce: bytes<'Nonce'>(32), rPub0: bytes<'CurvePoint'>(32), rPub1: bytes<'CurvePoint'>(32) });
export type Session = ReturnType<typeof session> extends Field<infer Value> ? Value : never;

/**
 * How a coin's owner showed that it was withdrawn from a reserve: coin, secret and denomination give the envelope.
 * `coinSignature` is RecoupRequestPS over denomination and secret.
 */
export const disclosure = () => ({
  envelopeHash: envelopeHash(),
  blindingSecret: blindingSecret(),
  /** Clause-Schnorr only. */
  session: optional(session()),
  coinSignature: eddsaSignature(),
});

/** What the exchange confirmed (PurseCreateDepositConfirmationPS); its other fields are those of the purse. */
export const depositConfirmation = () =>
  object({
    exchangeTimestamp: instant(),
    /** In the purse by then, without deposit fees. */
    totalDeposited: amount(),
    exchangeSignature: eddsaSignature(),
    exchangePub: eddsaPub(),
  });
export type DepositConfirmation = ReturnType<typeof depositConfirmation> extends Field<infer Value> ? Value : never;

/** How a reserve pays for a purse that it requests: out of its quota of open purses, or with a fee. */
export const PAID_FROM = ['quota', 'fee'] as const;
