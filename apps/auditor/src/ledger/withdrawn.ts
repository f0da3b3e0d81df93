/** Envelopes that were signed: none may be paid for twice, and what is recouped must be among them. */
import { utf8 } from '@florin/encoding';
import { Expiry } from '../expiry.js';
import type { EventRef } from '../findings.js';
import { INSTANT_BYTES, KEY_BYTES, readInstant, readKey, writeInstant, writeKey } from '../layouts.js';
import type { Layout, PackedMap } from '../packed.js';
import { type Context, reporter } from './context.js';
import { sha512 } from './hashes.js';

interface Envelope {
  /** Index of the withdrawal in the ledger. */
  readonly withdrawal: number;
  /** The first 4 bytes of its denomination's hash: enough to tell two apart that a recoup mixes up. */
  readonly denomination: number;
  /** What is left of the commitment by a hash: nobody finds another one that leaves the same. */
  readonly commitment: bigint;
  /** The coin that recouped it; empty until then. */
  readonly coinPub: string;
  readonly expiresAt: number;
}

const COMMITMENT = KEY_BYTES + 4 + 2 * INSTANT_BYTES;

const ENVELOPE: Layout<Envelope> = {
  bytes: COMMITMENT + 8,
  write(view, offset, { withdrawal, denomination, commitment, coinPub, expiresAt }) {
    writeKey(view, offset, coinPub);
    view.setUint32(offset + KEY_BYTES, denomination);
    view.setFloat64(offset + KEY_BYTES + 4, withdrawal);
    writeInstant(view, offset + KEY_BYTES + 4 + INSTANT_BYTES, expiresAt);
    view.setBigUint64(offset + COMMITMENT, commitment);
  },
  read: (view, offset) => ({
    coinPub: readKey(view, offset),
    denomination: view.getUint32(offset + KEY_BYTES),
    withdrawal: view.getFloat64(offset + KEY_BYTES + 4),
    expiresAt: readInstant(view, offset + KEY_BYTES + 4 + INSTANT_BYTES),
    commitment: view.getBigUint64(offset + COMMITMENT),
  }),
};

/** Six letters of base32 are 30 bits. */
const tagOf = (denominationHash: string): number =>
  [...denominationHash.slice(0, 6)].reduce((tag, letter) => (tag * 32 + letter.charCodeAt(0)) % 2 ** 32, 0);

/** The last one: a withdrawal asks for each of its coins. */
let tagged: { readonly commitment: string; readonly tag: bigint } | undefined;

function commitmentTag(commitment: string): bigint {
  if (commitment !== tagged?.commitment) {
    tagged = { commitment, tag: Buffer.from(sha512(utf8(commitment))).readBigUInt64BE() };
  }
  return tagged.tag;
}

/** Half a key: 130 bits of base32. */
const HALF = 26;
/** Uniqueness is per reserve: half of the reserve's key and half of the hash make one key of 32 bytes. */
const keyOf = (reservePub: string, envelopeHash: string): string =>
  reservePub.slice(0, HALF) + envelopeHash.slice(0, HALF);

export class Withdrawn {
  private readonly envelopes: PackedMap<Envelope>;
  private readonly expiry: Expiry;

  constructor(private readonly context: Context) {
    this.envelopes = context.packed.make('envelopes', ENVELOPE);
    this.expiry = new Expiry(this.envelopes);
  }

  get size(): number {
    return this.envelopes.size;
  }

  add(
    ref: EventRef,
    coin: {
      reservePub: string;
      commitment: string;
      envelopeHash: string;
      denominationHash: string;
      price: bigint;
      expiresAt: number;
    },
  ): void {
    const { reservePub, commitment, envelopeHash, denominationHash, price, expiresAt } = coin;
    const key = keyOf(reservePub, envelopeHash);
    const earlier = this.envelopes.get(key);
    if (earlier) {
      const detail = `envelope ${envelopeHash} was paid for by event ${earlier.withdrawal}`;
      reporter(this.context, ref)('envelope-repeated', detail, price);
      return;
    }
    const denomination = tagOf(denominationHash);
    const withdrawal = { withdrawal: ref.index, commitment: commitmentTag(commitment) };
    this.envelopes.set(key, { ...withdrawal, denomination, coinPub: '', expiresAt });
    this.expiry.note(expiresAt);
  }

  /** A coin says that it was withdrawn from a reserve in this envelope. */
  recoup(
    ref: EventRef,
    claim: { reservePub: string; envelopeHash: string; denominationHash: string; coinPub: string; amount: bigint },
  ): void {
    const { reservePub, envelopeHash, denominationHash, coinPub, amount } = claim;
    const report = reporter(this.context, ref);
    const key = keyOf(reservePub, envelopeHash);
    const envelope = this.envelopes.get(key);
    if (!envelope || envelope.denomination !== tagOf(denominationHash)) {
      if (this.context.damage.touches('reserve') || this.context.damage.touches('keys')) return;
      report('recoup-unknown-envelope', `reserve ${reservePub} never withdrew ${envelopeHash}`, -amount);
      return;
    }
    if (envelope.coinPub !== '' && envelope.coinPub !== coinPub) {
      report('coin-counted-twice', `envelope ${envelopeHash} was recouped by coin ${envelope.coinPub}`, -amount);
    }
    this.envelopes.set(key, { ...envelope, coinPub });
  }

  /** The event that withdrew an envelope. */
  withdrawalOf(reservePub: string, envelopeHash: string): number | undefined {
    return this.envelopes.get(keyOf(reservePub, envelopeHash))?.withdrawal;
  }

  /** Whether an envelope was withdrawn under this commitment, or nobody knows. */
  isCommittedTo(reservePub: string, envelopeHash: string, commitment: string): boolean {
    const known = this.envelopes.get(keyOf(reservePub, envelopeHash));
    return known === undefined || known.commitment === commitmentTag(commitment);
  }

  prune(now: number): void {
    this.expiry.prune(now);
  }
}
