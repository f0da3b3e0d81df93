import type { Taler } from '@florin/crypto';
import { ExchangeMisbehaved } from './errors.js';

/** A signature as it is checked. */
export interface Signed {
  /** Header and packed fields: what `message()` of @florin/encoding gives. */
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  readonly pub: Uint8Array;
}

/** Checks signatures and counts those that hold, so that a program can say what its words rest on. */
export class SignatureChecker {
  #count = 0;

  constructor(readonly taler: Taler) {}

  /** Signatures that were found good, those of coins included. */
  get count(): number {
    return this.#count;
  }

  /** For signatures that are verified elsewhere: those of denominations, while unblinding. */
  counted(): void {
    this.#count += 1;
  }

  holds({ message, signature, pub }: Signed): boolean {
    const valid = this.taler.eddsa.verify(message, signature, pub);
    if (valid) this.#count += 1;
    return valid;
  }

  /** @param subject whose signature over what. @throws ExchangeMisbehaved */
  require(subject: string, signed: Signed): void {
    if (!this.holds(signed)) throw new ExchangeMisbehaved('signature', subject, 'the signature does not verify');
  }
}
