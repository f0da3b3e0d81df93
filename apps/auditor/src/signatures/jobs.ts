/**
 * What a worker thread is asked to check. Jobs hold values as events do, base32 and units: decoding, packing and
 * hashing are the worker's.
 */
import type { BlindSignature, CoinSignature, Planchet, Session } from '@florin/domain';
import type { MessageName } from '@florin/encoding';
import type { FindingCode } from '../catalogue.js';

/** Base32, an amount in units, several amounts, a count or instant, an opaque u64; absent is signed as zeros. */
export type JobField = string | bigint | number | undefined | { readonly [name: string]: bigint };

export type Job =
  /** An Ed25519 signature over a structure of the protocol. */
  | {
      readonly check: 'signed';
      readonly name: MessageName;
      readonly fields: Readonly<Record<string, JobField>>;
      readonly pub: string;
      readonly signature: string;
      readonly code: FindingCode;
      readonly what: string;
    }
  /** A denomination's signature over a coin. */
  | {
      readonly check: 'coin';
      readonly denominationHash: string;
      readonly coinPub: string;
      readonly ageCommitmentHash: string | undefined;
      readonly signature: CoinSignature;
    }
  /** All that a withdrawal claims. */
  | {
      readonly check: 'withdrawal';
      readonly reservePub: string;
      readonly coins: readonly WithdrawnCoin[];
      readonly commitment: string;
    }
  /** Whether coin and secret give the envelope that was withdrawn. */
  | {
      readonly check: 'envelope';
      readonly denominationHash: string;
      readonly coinPub: string;
      readonly ageCommitmentHash: string | undefined;
      readonly blindingSecret: string;
      readonly session: Session | undefined;
      readonly envelopeHash: string;
    }
  /** Whether the owner of a coin has the age that a purse asks for. */
  | {
      readonly check: 'age';
      readonly mask: number;
      readonly minAge: number;
      readonly ageCommitmentHash: string;
      readonly commitment: readonly string[];
      readonly attestation: string;
    };

export interface WithdrawnCoin {
  readonly denominationHash: string;
  readonly planchet: Planchet;
  readonly envelopeHash: string;
  /** Units, value and fee together. */
  readonly price: bigint;
  readonly reserveSignature: string;
  readonly blindSignature: BlindSignature;
}

/** A public key that later jobs name by its hash. */
export interface DenominationKey {
  readonly denominationHash: string;
  readonly ageMask: number;
  readonly key: { readonly cipher: 'RSA'; readonly rsaPub: string } | { readonly cipher: 'CS'; readonly csPub: string };
}

/** What is wrong; `place` counts the coins of a withdrawal. */
export interface Fault {
  readonly code: FindingCode;
  readonly detail: string;
  readonly place?: number;
}

/** To a worker. */
export interface Batch {
  readonly id: number;
  readonly currency: string;
  readonly denominations: readonly DenominationKey[];
  readonly jobs: readonly Job[];
}

/** From a worker: faults by the number of their job in the batch. */
export interface BatchResult {
  readonly id: number;
  readonly faults: readonly (readonly [job: number, fault: Fault])[];
  readonly signatures: number;
}
