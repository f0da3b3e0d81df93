/** What is checked of a purse besides its sums: signatures, ages, times, what was confirmed. */
import type { PurseEvent } from '@florin/domain';
import { decodeBase32, EncodingError } from '@florin/encoding';
import { type EventRef, inMoney } from '../findings.js';
import { type Context, type Report } from './context.js';
import type { Keys } from './keys.js';
import { bytesHash, purseSignature, reserveOf } from './purse-signatures.js';

type Of<Type extends PurseEvent['type']> = Extract<PurseEvent, { type: Type }>;
export type Deposits = Of<'PurseCreated'>['deposits'];

interface PaidIn {
  readonly amount: bigint;
  readonly fee: bigint;
  refunded: boolean;
}

/** A purse that has not ended, or still owes its coins something. */
export interface Purse {
  readonly terms: Pick<
    Of<'PurseCreated'>,
    'target' | 'minAge' | 'expiresAt' | 'contractTermsHash' | 'mergePub' | 'request'
  >;
  hasContract: boolean;
  readonly coins: Map<string, PaidIn>;
  /** Without deposit fees. */
  balance: bigint;
  fees: bigint;
  end: 'merged' | 'expired' | 'deleted' | undefined;
  endedAt: number | undefined;
  /** What is still to go back to coins. */
  owed: number;
  lastIndex: number;
}

/** An event of a purse that is being applied. */
export interface At {
  readonly ref: EventRef;
  readonly report: Report;
  readonly pursePub: string;
  readonly purse: Purse;
}

export class PurseChecks {
  constructor(
    private readonly context: Context,
    private readonly keys: Keys,
  ) {}

  /** A purse made by coins must hold at least the purse fee. */
  checkLeast({ at, keysRevision }: Of<'PurseCreated'>, { ref, report, purse }: At): void {
    const fees = this.keys.globalFees({ event: ref, revision: keysRevision, at }, at);
    if (fees && purse.balance < fees.purseFee) {
      report('purse-below-fee', `${inMoney(purse.balance)}, the purse fee is ${inMoney(fees.purseFee)}`);
    }
  }

  checkAge(deposit: Deposits[number], { ref, report, purse }: Pick<At, 'ref' | 'report' | 'purse'>): void {
    const { minAge } = purse.terms;
    const { ageProof, ageCommitmentHash, denominationHash, coinPub } = deposit;
    if (minAge === 0 || ageCommitmentHash === undefined) return;
    const mask = this.keys.denominations.get(denominationHash)?.offer.ageMask ?? 0;
    if (mask === 0) return;
    if (!ageProof) {
      report('age-proof-missing', `coin ${coinPub} paid into a purse for the age of ${minAge}`);
      return;
    }
    const { commitment, attestation } = ageProof;
    this.context.verify(ref, { check: 'age', mask, minAge, ageCommitmentHash, commitment, attestation });
  }

  checkMergeSum({ credited, excess, depositFees }: Of<'PurseMerged'>, { report, purse }: At): void {
    const { target } = purse.terms;
    if (purse.balance < target) {
      report('purse-not-full', `${inMoney(purse.balance)} of ${inMoney(target)}`, purse.balance - target);
    } else if (credited !== target || excess !== purse.balance - target || depositFees !== purse.fees) {
      const detail =
        `${inMoney(credited)}, an excess of ${inMoney(excess)} and fees of ${inMoney(depositFees)}, of a purse with ` +
        `${inMoney(purse.balance)} and fees of ${inMoney(purse.fees)} for ${inMoney(target)}`;
      report('purse-merge-wrong', detail, target - credited);
    }
  }

  mergeSigned(
    merge: { reservePub: string; paytoUri: string; mergeTimestamp: number; mergeSignature: string },
    { ref, report, pursePub }: Pick<At, 'ref' | 'report' | 'pursePub'>,
    mergePub: string,
  ): void {
    try {
      const { reservePub, baseUrl } = reserveOf(merge.paytoUri);
      this.keys.checkBaseUrl(baseUrl, ref);
      if (reservePub !== merge.reservePub) {
        report('merge-mismatch', `the URI that was signed names another reserve than ${merge.reservePub}`);
      }
      this.context.verify(ref, purseSignature.merge({ pursePub, mergePub }, merge));
    } catch (error) {
      if (!(error instanceof EncodingError)) throw error;
      report('bad-signature-purse-merge', 'the URI that was signed names no reserve');
    }
  }

  contract(
    contract: Pick<Of<'PurseContractAdded'>, 'econtract' | 'econtractHash' | 'contractPub' | 'econtractSignature'>,
    { ref, report, pursePub }: Pick<At, 'ref' | 'report' | 'pursePub'>,
  ): void {
    if (bytesHash(decodeBase32(contract.econtract)) !== contract.econtractHash) {
      report('purse-contract-wrong', 'the encrypted contract has another hash');
    }
    this.context.verify(ref, purseSignature.contract(pursePub, contract));
  }

  /** What was answered says what is in the purse, and an exchange's key of that time signed it. */
  confirmed(
    { confirmation, deposits }: Of<'PurseCreated' | 'PurseDeposited'>,
    { ref, report, pursePub, purse }: At,
  ): void {
    if (!confirmation) {
      // PurseRequested carries it, or the PurseMergedIntoReserve of a deposit that completes a requested purse.
      const isElsewhere = purse.terms.request && (deposits.length === 0 || purse.balance >= purse.terms.target);
      if (!isElsewhere && !this.context.damage.has(ref.stream)) {
        report('bad-signature-exchange', 'what was paid in was not confirmed');
      }
      return;
    }
    const { totalDeposited, exchangePub, exchangeTimestamp } = confirmation;
    if (totalDeposited !== purse.balance && !this.context.damage.has(ref.stream)) {
      const detail = `${inMoney(totalDeposited)} were confirmed, the purse holds ${inMoney(purse.balance)}`;
      report('purse-balance-wrong', detail, purse.balance - totalDeposited);
    }
    const fault = this.keys.signingFault(exchangePub, exchangeTimestamp, ref.at);
    if (fault !== undefined) report('bad-signature-exchange', fault);
    this.context.verify(ref, purseSignature.confirmation({ pursePub, ...purse.terms }, confirmation));
  }

  checkStanding(event: { readonly at: number }, at: At): void {
    if (at.purse.end !== undefined) {
      at.report('purse-decided-twice', `it went on after it was ${at.purse.end}`);
    } else this.checkTime(event, at);
  }

  checkTime({ at }: { readonly at: number }, { report, purse }: At): void {
    const { expiresAt } = purse.terms;
    if (at >= expiresAt) report('purse-after-expiry', `at ${at}, it expired at ${expiresAt}`);
  }
}
