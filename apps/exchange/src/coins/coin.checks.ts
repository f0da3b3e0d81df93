/** What coins that pay into a purse must prove: denomination, amount, signatures and, where asked for, age. */
import { ageGroup, ageGroups } from '@florin/crypto';
import {
  type AgeCommitmentHash,
  accept,
  type CoinPub,
  type CoinSignature,
  type Decision,
  type DenominationHash,
  type DenominationRefusal,
  type EddsaSignature,
  type KeyBook,
  type OfferedDenomination,
  type OfferedDeposit,
  type PursePub,
  refuse,
  usableDenomination,
} from '@florin/domain';
import { addUnits, decodeBase32, encodeBase32, message } from '@florin/encoding';
import type { VerifyJob } from '@florin/signing';
import { Injectable } from '@nestjs/common';
import { Cryptography, type SignedMessage } from '../runtime/cryptography.js';
import { Config } from '../runtime/tokens.js';

/** A coin as a request presents it; nothing of it is verified. */
export interface CoinOffer {
  readonly coinPub: CoinPub;
  readonly denominationHash: DenominationHash;
  readonly denominationSignature: CoinSignature;
  /** Units, with the deposit fee. */
  readonly amount: bigint;
  readonly coinSignature: EddsaSignature;
  /** Public keys of the age groups; undefined for a coin without age restriction. */
  readonly ageCommitment: readonly string[] | undefined;
  readonly attestation: string | undefined;
}

export type CoinCheckRefusal =
  | (DenominationRefusal & { readonly oper: string })
  | { readonly code: 'COIN_AMOUNT_ABOVE_VALUE' }
  | { readonly code: 'COIN_CIPHER_MISMATCH' }
  | { readonly code: 'DEPOSIT_BELOW_FEE' }
  | { readonly code: 'COIN_DENOMINATION_SIGNATURE_INVALID'; readonly place: number }
  | { readonly code: 'COIN_DEPOSIT_SIGNATURE_INVALID' }
  | { readonly code: 'AGE_PROOF_INCOMPLETE' }
  | { readonly code: 'AGE_PROOF_INVALID' }
  | { readonly code: 'DEPOSITS_OVERFLOW' };

export interface VerifiedDeposits {
  readonly deposits: readonly OfferedDeposit[];
  /** Units, without fees. */
  readonly total: bigint;
}

/** What is asked of one coin: signatures to verify, and what it is refused for by the first that is bad. */
interface Questions {
  readonly deposit: OfferedDeposit;
  readonly jobs: readonly { readonly job: SignedMessage | VerifyJob; readonly refusal: CoinCheckRefusal }[];
}

@Injectable()
export class CoinChecks {
  constructor(
    private readonly crypto: Cryptography,
    private readonly config: Config,
  ) {}

  /**
   * Checks 8a to 8l of purse creation. The first coin of the request that fails decides, whichever check it fails;
   * the signatures of all coins are verified together.
   */
  async verify(
    book: KeyBook,
    offers: readonly CoinOffer[],
    about: { pursePub: PursePub; minAge: number; now: number },
  ): Promise<Decision<VerifiedDeposits, CoinCheckRefusal>> {
    const asked: Questions[] = [];
    let fault: CoinCheckRefusal | undefined;
    let total = 0n;
    for (const [place, offer] of offers.entries()) {
      const questions = this.questionsOf(book, offer, { ...about, place });
      if (questions.kind === 'refuse') {
        fault = questions.refusal;
        break;
      }
      asked.push(questions.value);
      try {
        total = addUnits(total, offer.amount - questions.value.deposit.depositFee);
      } catch {
        fault = { code: 'DEPOSITS_OVERFLOW' };
        break;
      }
    }
    const jobs = asked.flatMap((questions) => questions.jobs);
    const good = await this.crypto.verifyAll(jobs.map(({ job }) => job));
    const bad = jobs[good.indexOf(false)]?.refusal ?? fault;
    return bad ? refuse(bad) : accept({ deposits: asked.map(({ deposit }) => deposit), total });
  }

  private questionsOf(
    book: KeyBook,
    offer: CoinOffer,
    { pursePub, minAge, now, place }: { pursePub: PursePub; minAge: number; now: number; place: number },
  ): Decision<Questions, CoinCheckRefusal> {
    const { coinPub, denominationHash, denominationSignature, amount, coinSignature, ageCommitment } = offer;
    const known = book.denominations.get(denominationHash);
    if (known && amount > known.value) return refuse({ code: 'COIN_AMOUNT_ABOVE_VALUE' });
    const found = usableDenomination(book, denominationHash, { now, until: 'expireDeposit' });
    if (found.kind === 'refuse') return refuse({ ...found.refusal, oper: 'PURSE CREATE' });
    const { key, value, feeDeposit: depositFee } = found.value;
    if (key.cipher !== denominationSignature.cipher) return refuse({ code: 'COIN_CIPHER_MISMATCH' });
    if (amount < depositFee) return refuse({ code: 'DEPOSIT_BELOW_FEE' });

    const ageCommitmentHash = ageCommitment && this.commitmentHash(ageCommitment);
    const coin = { coinPub, ageCommitmentHash, denominationSignature };
    const jobs: Questions['jobs'][number][] = [
      {
        job: this.crypto.coinCheck(found.value, coin),
        refusal: { code: 'COIN_DENOMINATION_SIGNATURE_INVALID', place },
      },
      { job: this.payment(offer, pursePub, ageCommitmentHash), refusal: { code: 'COIN_DEPOSIT_SIGNATURE_INVALID' } },
    ];
    const age = ageQuestion(found.value, offer, minAge);
    if (age) jobs.push(age);
    const hasProof = minAge > 0 && ageCommitment !== undefined && offer.attestation !== undefined;
    const deposit = {
      coinPub,
      denominationHash,
      value,
      denominationSignature,
      ...(ageCommitmentHash !== undefined && { ageCommitmentHash }),
      amount,
      depositFee,
      coinSignature,
      ...(hasProof && { ageProof: { commitment: ageCommitment, attestation: offer.attestation } }),
    } as OfferedDeposit;
    return accept({ deposit, jobs });
  }

  private commitmentHash(publicKeys: readonly string[]): AgeCommitmentHash {
    const keys = publicKeys.map((key) => decodeBase32(key, 32));
    return encodeBase32(this.crypto.taler.age.commitmentHash(keys)) as AgeCommitmentHash;
  }

  private payment(
    { coinPub, denominationHash, amount, coinSignature }: CoinOffer,
    pursePub: PursePub,
    ageCommitmentHash: AgeCommitmentHash | undefined,
  ): SignedMessage {
    const { currency, baseUrl } = this.config;
    return {
      message: message('PurseDeposit', {
        coinAmount: { currency, units: amount },
        hDenomPub: decodeBase32(denominationHash, 64),
        hAgeCommitment: ageCommitmentHash === undefined ? undefined : decodeBase32(ageCommitmentHash, 32),
        pursePub: decodeBase32(pursePub, 32),
        hExchangeBaseUrl: this.crypto.taler.hash.text(baseUrl),
      }),
      signature: decodeBase32(coinSignature, 64),
      pub: decodeBase32(coinPub, 32),
    };
  }
}

/** A signature that no key made, for what is refused whatever the signature says. */
const NEVER_GOOD: SignedMessage = {
  message: new Uint8Array(0),
  signature: new Uint8Array(64).fill(0xff),
  pub: new Uint8Array(32),
};

/**
 * Whether the owner has the purse's minimum age. Coins without age restriction prove nothing; those with one show their
 * commitment and an attestation. Asked after the coin's signatures, so a fault that is seen at once becomes a
 * question that is always answered no.
 */
function ageQuestion(
  { ageMask }: OfferedDenomination,
  { ageCommitment, attestation }: CoinOffer,
  minAge: number,
): Questions['jobs'][number] | undefined {
  if (minAge === 0 || (ageCommitment === undefined && attestation === undefined)) return undefined;
  if (ageCommitment === undefined || attestation === undefined) {
    return { job: NEVER_GOOD, refusal: { code: 'AGE_PROOF_INCOMPLETE' } };
  }
  const refusal = { code: 'AGE_PROOF_INVALID' } as const;
  if (ageMask === 0 || ageCommitment.length !== ageGroups(ageMask) - 1) return { job: NEVER_GOOD, refusal };
  const pub = ageCommitment[ageGroup(ageMask, minAge) - 1];
  if (pub === undefined) return undefined; // the lowest group: everybody is that old
  const signed = message('AgeAttestation', { mask: ageMask, age: minAge });
  return { job: { message: signed, signature: decodeBase32(attestation, 64), pub: decodeBase32(pub, 32) }, refusal };
}
