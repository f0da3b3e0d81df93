/**
 * A reserve asks others to pay: the first step of a pull payment. The purse is made without coins; the deposit that
 * fills it merges it.
 *
 *   payee -> exchange   terms and contract, signed by the purse; the merge, signed by merge key and reserve
 *   exchange -> payee   confirmation of an empty purse, the same for ever
 */
import {
  accept,
  type Contract,
  type Decision,
  type DepositConfirmation,
  decidePurseRequest,
  type EddsaSignature,
  expirationFault,
  globalFeesAt,
  isEarlierPurseRequest,
  type MergeRequest,
  type PursePub,
  type PurseRequestPlan,
  type PurseTerms,
  type ReservePub,
  refuse,
  repeat,
  Streams,
} from '@florin/domain';
import { Ledger } from '@florin/event-store';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Refusal } from '../http/refusals.js';
import { Legitimization } from '../kyc/legitimization.js';
import { ReserveExpiry } from '../reserves/expiry.js';
import { Clock } from '../runtime/clock.js';
import { Cryptography } from '../runtime/cryptography.js';
import { KeyRing } from '../runtime/key-ring.js';
import { Config } from '../runtime/tokens.js';
import { PurseConfirmations } from './confirmations.js';
import { PurseDeposits } from './deposits.js';
import { PurseExpiry } from './expiry.js';
import { PurseChecks } from './purse.checks.js';

export type RequestOutcome = Decision<DepositConfirmation, Refusal, DepositConfirmation>;

export class RequestPurse extends Command<RequestOutcome> {
  constructor(
    readonly reservePub: ReservePub,
    readonly pursePub: PursePub,
    readonly request: {
      readonly terms: PurseTerms;
      readonly purseSignature: EddsaSignature;
      readonly contract: Contract | undefined;
      readonly mergeTimestamp: number;
      readonly mergeSignature: EddsaSignature;
      readonly reserveSignature: EddsaSignature;
      /** Units; undefined for a purse out of the quota. */
      readonly purseFee: bigint | undefined;
    },
  ) {
    super();
  }
}

@CommandHandler(RequestPurse)
export class RequestPurseHandler implements ICommandHandler<RequestPurse> {
  constructor(
    private readonly ledger: Ledger,
    private readonly streams: Streams,
    private readonly keys: KeyRing,
    private readonly crypto: Cryptography,
    private readonly checks: PurseChecks,
    private readonly confirmations: PurseConfirmations,
    private readonly deposits: PurseDeposits,
    private readonly legitimization: Legitimization,
    private readonly expiry: PurseExpiry,
    private readonly reserveExpiry: ReserveExpiry,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  async execute({ reservePub, pursePub, request }: RequestPurse): Promise<RequestOutcome> {
    const [stream, reserveStream] = [this.streams.purse(pursePub), this.streams.reserve(reservePub)];
    const account = this.legitimization.reserveAccount(reservePub);
    const { terms, contract, purseSignature, purseFee, ...signed } = request;
    const merge: MergeRequest = {
      ...signed,
      reservePub,
      paytoUri: account.uri,
      paidFrom: purseFee === undefined ? 'quota' : 'fee',
      purseFee: purseFee ?? 0n,
    };
    const asked = { terms, purseSignature, contract, request: merge };
    let verified: Awaited<ReturnType<RequestPurseHandler['verify']>> | undefined;

    await this.expiry.settle(pursePub);
    await this.reserveExpiry.settle(reservePub);
    const queue = [stream.name, this.streams.account(account.hash).name, reserveStream.name];
    return this.ledger.transact(queue, async (tx): Promise<RequestOutcome> => {
      const purse = await tx.load(stream);
      const earlier = async () => (await this.deposits.requestedBy(tx, pursePub, reservePub)).confirmation;
      if (isEarlierPurseRequest(purse, asked)) return repeat(await earlier());

      const now = this.clock.now();
      verified ??= await this.verify(pursePub, asked, now); // kept over a conflict
      if (verified.kind === 'refuse') return verified;
      const { purseLimit, keysRevision } = verified.value;
      const decision = decidePurseRequest(purse, await tx.load(reserveStream), {
        ...asked,
        pursePub,
        exchangeBaseUrl: this.config.baseUrl,
        now,
        keysRevision,
        purseLimit,
      });
      if (decision.kind === 'repeat') return repeat(await earlier());
      if (decision.kind === 'accept' && !decision.value.reserve) {
        tx.append(stream.append(decision.value.purse)); // only a contract is new, and the money was counted then
        return accept(await earlier());
      }
      const amount = terms.target;
      const allowed = await this.legitimization.checkReceive(tx, { reservePub, amount, now });
      if (allowed.kind === 'refuse') return allowed;
      if (decision.kind === 'refuse') return refuse({ ...decision.refusal, reservePub });

      const confirmation = await this.confirmations.ofDeposit(pursePub, terms, { total: 0n, now });
      if (allowed.value) {
        tx.append(allowed.value.append({ type: 'ReceiptCounted', reservePub, pursePub, amount, at: now }));
      }
      tx.append(stream.append(decision.value.purse));
      tx.append(reserveStream.appendSigned(requestedOf(decision.value, confirmation)));
      return accept(confirmation);
    });
  }

  /** The checks in their order; the signatures are verified together. */
  private async verify(
    pursePub: PursePub,
    asked: { terms: PurseTerms; purseSignature: EddsaSignature; contract: Contract | undefined; request: MergeRequest },
    now: number,
  ) {
    const { terms, purseSignature, contract, request } = asked;
    const { reserveSignature, ...agreed } = request;
    const [isMerge, isPurse, isReserve, isContract] = await this.crypto.verifyAll([
      this.checks.merge(pursePub, terms.mergePub, request),
      this.checks.terms(pursePub, terms, purseSignature),
      this.checks.accountMerge(pursePub, terms, { ...agreed, merge: request, reserveSignature }),
      ...(contract ? [this.checks.contract(pursePub, contract)] : []),
    ]);
    if (!isMerge) return refuse({ code: 'REQUEST_MERGE_SIGNATURE_INVALID' as const });
    const fault = expirationFault(terms.expiresAt, now);
    if (fault) return refuse({ code: `REQUEST_${fault}` as const });
    const found = await this.keys.judge((book, keysRevision) => {
      const fees = globalFeesAt(book, now);
      return fees ? accept({ fees, keysRevision }) : refuse({ code: 'GLOBAL_FEES_MISSING' as const });
    });
    if (found.kind !== 'accept') return found;
    const { fees, keysRevision } = found.value;
    if (request.paidFrom === 'fee' && request.purseFee < fees.purseFee) {
      return refuse({ code: 'PURSE_FEE_TOO_LOW' as const });
    }
    if (!isPurse) return refuse({ code: 'PURSE_SIGNATURE_INVALID' as const });
    if (!isReserve) return refuse({ code: 'REQUEST_RESERVE_SIGNATURE_INVALID' as const });
    if (contract && !isContract) return refuse({ code: 'CONTRACT_SIGNATURE_INVALID' as const });
    return accept({ purseLimit: fees.purseAccountLimit, keysRevision });
  }
}

function requestedOf({ reserve }: PurseRequestPlan, confirmation: DepositConfirmation) {
  if (!reserve) throw new Error('a purse was made that no reserve requested');
  return reserve(confirmation);
}
