/** Keys that are due by the schedule of the configuration: planned ahead, and made by the signers. */
import type { KeyBook } from '@florin/domain';
import { encodeBase32 } from '@florin/encoding';
import {
  type DenominationConfig,
  type DenominationOrder,
  type PlannedDenomination,
  planDenominations,
  planSigningKeys,
  Signers,
  type SigningKeyOrder,
  type SigningKeyStamps,
} from '@florin/signing';
import { Injectable } from '@nestjs/common';
import { Clock } from '../runtime/clock.js';
import { Config } from '../runtime/tokens.js';

/** Orders for keys that are made and not offered yet; they count where the next are planned. */
export type WaitingOrder = DenominationOrder | SigningKeyOrder;

@Injectable()
export class KeyPlans {
  constructor(
    private readonly signers: Signers,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  signingKeys(book: KeyBook, waiting: readonly WaitingOrder[] = []): SigningKeyStamps[] {
    const { overlap, lookahead, signingKeyFor, signingKeyLegalFor } = this.config.keySchedule;
    const offered = [...book.signingKeys.values()].map((key) => ({
      ...key,
      revoked: book.revokedSigningKeys.has(key.exchangePub),
    }));
    const schedule = {
      overlapSeconds: overlap,
      lookaheadSeconds: lookahead,
      signSeconds: signingKeyFor,
      legalSeconds: signingKeyLegalFor,
    };
    const others = waiting.filter((order) => order.kind === 'signing-key');
    return planSigningKeys(schedule, [...offered, ...others], this.clock.now());
  }

  denominations(book: KeyBook, waiting: readonly WaitingOrder[] = []): PlannedDenomination[] {
    const offered = [...book.denominations.values()].map(({ denominationHash, key, value, ageMask, ...stamps }) => ({
      value: this.money(value),
      pub: { cipher: key.cipher, ageMask },
      start: stamps.start,
      expireWithdraw: stamps.expireWithdraw,
      revoked: book.revoked.has(denominationHash),
    }));
    const others = waiting.filter((order) => order.kind === 'denomination');
    return planDenominations(this.configured(), [...offered, ...others], this.clock.now());
  }

  /** Has the key made; its file is durable, and every live signer has loaded it. */
  async makeSigningKey(stamps: SigningKeyStamps): Promise<SigningKeyOrder> {
    const { pub } = await this.signers.generate({ kind: 'signing' });
    return { kind: 'signing-key', exchangePub: encodeBase32(pub), ...stamps };
  }

  /** Has the key made; its file is durable, and every live signer has loaded it. */
  async makeDenomination(plan: PlannedDenomination): Promise<DenominationOrder> {
    const { ageMask, fees, value, start, expireWithdraw, expireDeposit, expireLegal } = plan;
    const { pub } = await this.signers.generate(
      plan.cipher === 'RSA'
        ? { kind: 'denomination', cipher: 'RSA', bits: plan.bits, ageMask }
        : { kind: 'denomination', cipher: 'CS', ageMask },
    );
    return { kind: 'denomination', pub, value, fees, start, expireWithdraw, expireDeposit, expireLegal };
  }

  /** Whether the configuration would still have this key made, with these fees and durations. */
  isConfigured(order: DenominationOrder): boolean {
    const { pub, value, fees, start, expireWithdraw, expireDeposit, expireLegal } = order;
    return this.configured().some(
      (denomination) =>
        denomination.cipher === pub.cipher &&
        denomination.ageMask === pub.ageMask &&
        denomination.value.units === value.units &&
        denomination.withdrawSeconds === expireWithdraw - start &&
        denomination.depositSeconds === expireDeposit - expireWithdraw &&
        denomination.legalSeconds === expireLegal - expireDeposit &&
        Object.entries(fees).every(([name, fee]) => denomination.fees[name as keyof typeof fees].units === fee.units),
    );
  }

  private configured(): DenominationConfig[] {
    const { denominations, keySchedule } = this.config;
    return denominations.map((denomination) => ({
      value: this.money(denomination.value),
      fees: {
        withdraw: this.money(denomination.feeWithdraw),
        deposit: this.money(denomination.feeDeposit),
        refresh: this.money(denomination.feeRefresh),
        refund: this.money(denomination.feeRefund),
      },
      ...(denomination.cipher === 'RSA'
        ? { cipher: 'RSA' as const, bits: denomination.bits }
        : { cipher: 'CS' as const }),
      ageMask: denomination.ageGroups,
      withdrawSeconds: denomination.withdrawFor,
      depositSeconds: denomination.depositFor,
      legalSeconds: denomination.legalFor,
      overlapSeconds: keySchedule.overlap,
      lookaheadSeconds: keySchedule.lookahead,
    }));
  }

  private readonly money = (units: bigint) => ({ currency: this.config.currency, units });
}
