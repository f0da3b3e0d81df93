/** The `/keys` document as it is sent: signed once, kept until something in it changes. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KeyBook, OfferedSigningKey } from '@florin/domain';
import { encodeBase32 } from '@florin/encoding';
import { Injectable } from '@nestjs/common';
import { Clock } from '../runtime/clock.js';
import { Cryptography } from '../runtime/cryptography.js';
import { KeyRing } from '../runtime/key-ring.js';
import { ExchangeSigners } from '../runtime/signers.js';
import { Config } from '../runtime/tokens.js';
import { keysDocument } from './keys-document.js';

export interface PublishedDocument {
  readonly text: string;
  /** Base32 of SHA-512 of `text`. */
  readonly etag: string;
  /** Seconds: since when, and until when at most, the document is as it is. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** How long a request for keys is held while there are none yet. */
const HOLD_MS = 10_000;
const HOLD_STEP_MS = 100;

@Injectable()
export class PublishedKeys {
  private cached:
    | { readonly name: string; readonly document: Promise<PublishedDocument>; readonly until: number }
    | undefined;

  constructor(
    private readonly keys: KeyRing,
    private readonly signers: ExchangeSigners,
    private readonly crypto: Cryptography,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  /** Waits a little for keys that are just being made; undefined if there are none. */
  async current(): Promise<PublishedDocument | undefined> {
    for (let waited = 0; ; waited += HOLD_STEP_MS) {
      const book = this.keys.usableBook();
      const signingKey = this.keys.activeSigningKey();
      if (book && signingKey) return this.document(book, signingKey);
      if (waited >= HOLD_MS || this.waitsForMaster(book)) return undefined;
      await sleep(HOLD_STEP_MS);
    }
  }

  /** Keys that are signed elsewhere do not come within seconds. */
  private waitsForMaster(book: KeyBook | undefined): boolean {
    if (this.config.mode === 'development' || !book) return false;
    const now = this.clock.now();
    return ![...book.signingKeys.values()].some(({ exchangePub, expire }) => {
      return expire > now && !book.revokedSigningKeys.has(exchangePub);
    });
  }

  private document(book: KeyBook, signingKey: OfferedSigningKey): Promise<PublishedDocument> {
    const now = this.clock.now();
    const name = `${book.revision} ${signingKey.exchangePub}`;
    if (this.cached?.name === name && now < this.cached.until) return this.cached.document;
    const until = nextChange(book, now);
    const document = this.sign(book, signingKey, now, until);
    this.cached = { name, document, until };
    document.catch(() => {
      this.cached = undefined;
    });
    return document;
  }

  private async sign(
    book: KeyBook,
    signingKey: OfferedSigningKey,
    now: number,
    expiresAt: number,
  ): Promise<PublishedDocument> {
    const { baseUrl, currency } = this.config;
    const { sha512 } = this.crypto.taler.hash;
    const { body, messages } = keysDocument(book, { baseUrl, currency, now, signingKey, sha512 });
    const [exchangeSignature, eddsaSignature, denominationsSignature] = await this.signers.signAllWith(
      signingKey.exchangePub,
      messages,
    );
    const text = JSON.stringify({
      ...body,
      exchange_sig: exchangeSignature,
      eddsa_sig: eddsaSignature,
      denominations_sig: denominationsSignature,
    });
    const etag = encodeBase32(sha512(new TextEncoder().encode(text)));
    const issuedAt = (body.list_issue_date as { t_s: number }).t_s;
    return { text, etag, issuedAt, expiresAt };
  }
}

/** The next moment at which the document changes although nothing is written: something in it ends or begins. */
function nextChange(book: KeyBook, now: number): number {
  const moments = [
    ...[...book.denominations.values()].map(({ expireDeposit }) => expireDeposit),
    ...[...book.signingKeys.values()].flatMap(({ start, expire }) => [start, expire]),
    ...book.wireFees.map(({ end }) => end),
    ...book.globalFees.map(({ end }) => end),
  ];
  return Math.min(...moments.filter((at) => at > now), now + 3600);
}
