import type { CsOperation, DenominationPub } from '@florin/crypto';
import type { KeyName } from './key-folder.js';

/*
 * What the exchange process and a signer process say to each other. Keys are named, never sent: the signer reads the
 * files, and creates them. Byte strings that come in numbers travel packed (see pack.ts).
 *
 *   signer -> exchange   STARTED
 *   exchange -> signer   [{ id, job, ask }, ...]
 *   signer -> exchange   [{ id, answer } or { id, fault }, ...] for every job, in any order
 *
 * What is said within a turn of the event loop travels together: a system call costs as much as an Ed25519 signature.
 */

export type NewKey =
  | { readonly kind: 'denomination'; readonly cipher: 'RSA'; readonly bits: number; readonly ageMask: number }
  | { readonly kind: 'denomination'; readonly cipher: 'CS'; readonly ageMask: number }
  /** There is one log key, one master key and one officer key: each is made when it is not there yet. */
  | { readonly kind: Ed25519KeyKind };

export type Ed25519KeyKind = 'signing' | 'log' | 'master' | 'officer';

/** The public part of a private key that the signers hold. */
export type PublicKey = DenominationKey | Ed25519Key;

export interface DenominationKey {
  readonly kind: 'denomination';
  readonly name: KeyName;
  /** Canonical base32 of 64 bytes. */
  readonly denominationHash: string;
  readonly pub: DenominationPub;
}

export interface Ed25519Key {
  readonly kind: Ed25519KeyKind;
  readonly name: KeyName;
  readonly pub: Uint8Array;
}

/** A key to load. A retired one signs nothing: it only derives R, for recoups of a revoked Clause-Schnorr key. */
export interface KeyToLoad {
  readonly name: KeyName;
  readonly retired: boolean;
}

/** Under which key a planchet is signed; a Clause-Schnorr nonce gives another R for each operation. */
export interface BlindKey {
  readonly name: KeyName;
  readonly operation: CsOperation;
}

/** Every job: what is asked and what is answered. */
export interface Jobs {
  load: { ask: readonly KeyToLoad[]; answer: readonly PublicKey[] };
  generate: { ask: NewKey; answer: KeyName };
  /** After the answer this signer signs nothing under the key. */
  retire: { ask: KeyName; answer: null };
  /** After the answer the key is not in the signer's memory. */
  drop: { ask: KeyName; answer: null };
  /**
   * `of[i]` is the index of the key for planchet i. Planchets are packed, RSA: the integer, CS: c0 | c1 | nonce; so are
   * the answers, RSA: the integer, CS: b (one byte) | s.
   */
  blind: {
    ask: { readonly keys: readonly BlindKey[]; readonly of: readonly number[]; readonly planchets: Uint8Array };
    answer: Uint8Array;
  };
  /** Like `blind`: packed nonces; packed answers, R_0 | R_1 each. */
  derive: {
    ask: { readonly keys: readonly BlindKey[]; readonly of: readonly number[]; readonly nonces: Uint8Array };
    answer: Uint8Array;
  };
  /** Packed messages; packed signatures. */
  sign: { ask: { readonly name: KeyName; readonly messages: Uint8Array }; answer: Uint8Array };
  /** Shows that the signer lives. */
  ping: { ask: null; answer: null };
}

export type JobName = keyof Jobs;
export type Ask<J extends JobName> = Jobs[J]['ask'];
export type Answer<J extends JobName> = Jobs[J]['answer'];

/** A job on its way to a signer. */
export type Order = { [J in JobName]: { readonly id: number; readonly job: J; readonly ask: Ask<J> } }[JobName];

export type Reply =
  | { readonly id: number; readonly answer: Answer<JobName> }
  | { readonly id: number; readonly fault: Fault };

/** The first word of a signer: jobs can be given to it. */
export const STARTED = 'started';

export type FaultKind = 'unknown-key' | 'retired-key' | 'malformed' | 'not-allowed' | 'failed';

export interface Fault {
  readonly kind: FaultKind;
  readonly message: string;
}

/** The signers do not do it, and asking again does not help: a mistake of the caller, or a key that is not there. */
export class SigningRefused extends Error {
  override readonly name = 'SigningRefused';

  constructor(
    readonly reason: FaultKind,
    message: string,
  ) {
    super(message);
  }
}
