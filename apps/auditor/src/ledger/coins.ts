/** Coins: what each was worth, what it paid and got back. Every double spend shows here. */
import type { CoinEvent } from '@florin/domain';
import { Expiry } from '../expiry.js';
import { type EventRef, inMoney } from '../findings.js';
import {
  INSTANT_BYTES,
  KEY_BYTES,
  readInstant,
  readKey,
  readUnits,
  UNITS_BYTES,
  writeInstant,
  writeKey,
  writeUnits,
} from '../layouts.js';
import type { Layout, PackedMap } from '../packed.js';
import { type Context, type Report, reporter } from './context.js';
import type { DenominationLedger } from './denominations.js';
import { textHash } from './hashes.js';
import type { Denomination, Keys, View } from './keys.js';
import type { Totals } from './totals.js';
import type { Withdrawn } from './withdrawn.js';

type Of<Type extends CoinEvent['type']> = Extract<CoinEvent, { type: Type }>;

/** What is remembered of a coin. */
interface Coin {
  /** Place of its denomination in the list of those that coins were seen of. */
  readonly denomination: number;
  residual: bigint;
  /** Base32; empty for a coin without age restriction. */
  readonly ageCommitmentHash: string;
  /** When its denomination stops being redeemed. */
  readonly expiresAt: number;
}

const COIN: Layout<Coin> = {
  bytes: 4 + UNITS_BYTES + KEY_BYTES + INSTANT_BYTES,
  write(view, offset, { denomination, residual, ageCommitmentHash, expiresAt }) {
    view.setUint32(offset, denomination);
    writeUnits(view, offset + 4, residual);
    writeKey(view, offset + 4 + UNITS_BYTES, ageCommitmentHash);
    writeInstant(view, offset + 4 + UNITS_BYTES + KEY_BYTES, expiresAt);
  },
  read: (view, offset) => ({
    denomination: view.getUint32(offset),
    residual: readUnits(view, offset + 4),
    ageCommitmentHash: readKey(view, offset + 4 + UNITS_BYTES),
    expiresAt: readInstant(view, offset + 4 + UNITS_BYTES + KEY_BYTES),
  }),
};

/** A coin as an event shows it, and what is remembered of it. */
interface Recognized {
  readonly coin: Coin;
  readonly denominationHash: string;
  readonly ageCommitmentHash: string | undefined;
  readonly denomination: Denomination | undefined;
}

export class Coins {
  private readonly coins: PackedMap<Coin>;
  private readonly expiry: Expiry;
  private denominations: string[] = [];
  private places = new Map<string, number>();

  constructor(
    private readonly context: Context,
    private readonly parts: {
      readonly keys: Keys;
      readonly ledger: DenominationLedger;
      readonly totals: Totals;
      readonly withdrawn: Withdrawn;
    },
  ) {
    this.coins = context.packed.make('coins', COIN);
    this.expiry = new Expiry(this.coins);
  }

  get size(): number {
    return this.coins.size;
  }

  apply(event: CoinEvent, ref: EventRef, coinPub: string): void {
    switch (event.type) {
      case 'CoinSpentIntoPurse':
        this.spend(event, ref, coinPub);
        return;
      case 'CoinRefundedFromPurse':
        this.refund(event, ref, coinPub);
        return;
      case 'CoinRecouped':
        this.recoup(event, ref, coinPub);
        return;
    }
  }

  /** Forgets coins whose denominations nobody redeems any more. */
  prune(now: number): void {
    this.expiry.prune(now);
  }

  save(): unknown {
    return this.denominations;
  }

  load(saved: unknown): void {
    this.denominations = saved as string[];
    this.places = new Map(this.denominations.map((hash, place) => [hash, place]));
  }

  private spend(event: Of<'CoinSpentIntoPurse'>, ref: EventRef, coinPub: string): void {
    const { amount, depositFee, pursePub, coinSignature, exchangeBaseUrl, at, keysRevision } = event;
    const report = reporter(this.context, ref);
    const view = { event: ref, revision: keysRevision, at };
    const { keys, ledger, totals } = this.parts;
    keys.checkView(view);
    keys.checkBaseUrl(exchangeBaseUrl, ref);
    const known = this.recognize(event.firstSight, view, coinPub, report);
    if (!known) return;
    const { coin, denominationHash, ageCommitmentHash, denomination } = known;
    if (denomination) {
      keys.checkNotRevoked(view, denomination);
      const { feeDeposit } = denomination.offer;
      if (depositFee !== feeDeposit) {
        report(
          'deposit-fee-wrong',
          `${inMoney(depositFee)} instead of ${inMoney(feeDeposit)}`,
          depositFee - feeDeposit,
        );
      }
    }
    if (depositFee > amount) report('deposit-fee-wrong', 'the fee exceeds the payment', depositFee - amount);
    this.context.verify(ref, {
      check: 'signed',
      name: 'PurseDeposit',
      fields: {
        coinAmount: amount,
        hDenomPub: denominationHash,
        hAgeCommitment: ageCommitmentHash,
        pursePub,
        hExchangeBaseUrl: textHash(exchangeBaseUrl),
      },
      pub: coinPub,
      signature: coinSignature,
      code: 'bad-signature-purse-deposit',
      what: 'a payment',
    });
    this.take(coin, amount, report, ref);
    ledger.spend(ref, this.denominations[coin.denomination] as string, amount);
    totals.sums.purses += amount;
    this.coins.set(coinPub, coin);
    const facts = [depositFee, denominationHash, ageCommitmentHash ?? '', coinSignature];
    this.context.unit.give('deposit', `${coinPub} into ${pursePub}`, { event: ref, units: amount, facts });
  }

  private refund(event: Of<'CoinRefundedFromPurse'>, ref: EventRef, coinPub: string): void {
    const { amount, pursePub } = event;
    const report = reporter(this.context, ref);
    const { ledger, totals } = this.parts;
    this.context.unit.take('refund', `${pursePub} to ${coinPub}`, { event: ref, units: amount, facts: [] });
    const coin = this.coins.get(coinPub);
    const denominationHash = coin && this.denominations[coin.denomination];
    if (!coin || denominationHash === undefined) {
      if (!this.context.damage.has(ref.stream)) report('coin-identity-wrong', 'a coin that nobody saw was refunded');
      return;
    }
    coin.residual += amount;
    const value = this.parts.keys.denominations.get(denominationHash)?.offer.value;
    if (value !== undefined && coin.residual > value && !this.context.damage.has(ref.stream)) {
      report(
        'coin-restored-above-value',
        `${inMoney(coin.residual)} of a value of ${inMoney(value)}`,
        value - coin.residual,
      );
      coin.residual = value;
    }
    ledger.spend(ref, denominationHash, -amount);
    totals.sums.purses -= amount;
    this.coins.set(coinPub, coin);
  }

  private recoup(event: Of<'CoinRecouped'>, ref: EventRef, coinPub: string): void {
    const { amount, reservePub, envelopeHash, blindingSecret, session, coinSignature, at, keysRevision } = event;
    const report = reporter(this.context, ref);
    const view = { event: ref, revision: keysRevision, at };
    const { keys, ledger, totals, withdrawn } = this.parts;
    keys.checkView(view);
    const known = this.recognize(event.firstSight, view, coinPub, report);
    if (!known) return;
    const { coin, denominationHash, ageCommitmentHash, denomination } = known;
    const revoked = denomination?.revoked;
    if (denomination && !(revoked && revoked.number < keysRevision) && !keys.isUncertain) {
      report('recoup-not-revoked', `${denominationHash} was not revoked`);
    }
    const fields = { hDenomPub: denominationHash, coinBlind: blindingSecret };
    const code = 'bad-signature-recoup';
    const signed = { fields, pub: coinPub, signature: coinSignature, code, what: 'a recoup' } as const;
    this.context.verify(ref, { check: 'signed', name: 'RecoupRequest', ...signed }, [-amount]);
    const disclosed = { denominationHash, coinPub, ageCommitmentHash, blindingSecret, session, envelopeHash };
    this.context.verify(ref, { check: 'envelope', ...disclosed }, [-amount]);
    withdrawn.recoup(ref, { reservePub, envelopeHash, denominationHash, coinPub, amount });
    const left = coin.residual > 0n ? coin.residual : 0n;
    if (!this.context.damage.has(ref.stream)) {
      if (amount > left)
        report('coin-overspent', `a recoup of ${inMoney(amount)}, ${inMoney(left)} were left`, left - amount);
      else if (amount < left || amount === 0n) {
        report('recoup-amount-wrong', `a recoup of ${inMoney(amount)}, ${inMoney(left)} were left`, left - amount);
      }
    }
    coin.residual = 0n;
    ledger.recoup(ref, this.denominations[coin.denomination] as string, amount);
    totals.sums.reserves += amount;
    this.coins.set(coinPub, coin);
    this.context.unit.give('recoup', `${coinPub} to ${reservePub}`, {
      event: ref,
      units: amount,
      facts: [envelopeHash],
    });
  }

  /** The coin by this event; a first sight is checked and remembered. Undefined if nothing can be said of it. */
  private recognize(
    firstSight: Of<'CoinRecouped'>['firstSight'],
    view: View,
    coinPub: string,
    report: Report,
  ): Recognized | undefined {
    const { keys, ledger } = this.parts;
    const earlier = this.coins.get(coinPub);
    const isUncertain = this.context.damage.has(view.event.stream);
    if (!firstSight) {
      const denominationHash = earlier && this.denominations[earlier.denomination];
      if (!earlier || denominationHash === undefined) {
        if (isUncertain) this.context.unit.tear();
        else report('coin-identity-wrong', 'a coin that nobody saw was used as if it were known');
        return undefined;
      }
      const denomination = keys.denomination(view, denominationHash, { until: 'expireDeposit' });
      const ageCommitmentHash = earlier.ageCommitmentHash || undefined;
      return { coin: earlier, denominationHash, ageCommitmentHash, denomination };
    }
    const { denominationHash, value, denominationSignature: signature, ageCommitmentHash } = firstSight;
    const denomination = keys.denomination(view, denominationHash, { until: 'expireDeposit' });
    if (denomination && denomination.offer.value !== value) {
      report('coin-identity-wrong', `worth ${inMoney(value)}, its denomination ${inMoney(denomination.offer.value)}`);
    }
    if (earlier) {
      // Shown for the first time once more: what it spent before would be forgotten.
      report('coin-identity-wrong', 'a coin that was seen before came as a new one');
      return { coin: earlier, denominationHash, ageCommitmentHash, denomination };
    }
    if (denomination) {
      const gain = -denomination.offer.value;
      this.context.verify(view.event, { check: 'coin', denominationHash, coinPub, ageCommitmentHash, signature }, [
        gain,
      ]);
    }
    ledger.see(view.event, denominationHash, value);
    const coin = {
      denomination: this.placeOf(denominationHash),
      residual: value,
      ageCommitmentHash: ageCommitmentHash ?? '',
      expiresAt: denomination?.offer.expireDeposit ?? view.at,
    };
    this.expiry.note(coin.expiresAt);
    return { coin, denominationHash, ageCommitmentHash, denomination };
  }

  private take(coin: Coin, amount: bigint, report: Report, { stream }: EventRef): void {
    const left = coin.residual > 0n ? coin.residual : 0n;
    if (amount > left && !this.context.damage.has(stream)) {
      report('coin-overspent', `it paid ${inMoney(amount)} and had ${inMoney(left)}`, left - amount);
    }
    coin.residual -= amount;
  }

  private placeOf(denominationHash: string): number {
    const known = this.places.get(denominationHash);
    if (known !== undefined) return known;
    this.denominations.push(denominationHash);
    this.places.set(denominationHash, this.denominations.length - 1);
    return this.denominations.length - 1;
  }
}
