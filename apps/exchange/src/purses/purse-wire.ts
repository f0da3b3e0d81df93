/** Between the wire classes of purses and the domain: amounts of our currency, contracts, coins, confirmations. */
import type { Contract, DepositConfirmation, HashCode } from '@florin/domain';
import { type Amount, decodeBase32, encodeBase32, formatAmount, timestampJson } from '@florin/encoding';
import { Injectable } from '@nestjs/common';
import type { CoinOffer } from '../coins/coin.checks.js';
import type { PurseDepositItem } from '../coins/coin.dto.js';
import { malformedField } from '../http/taler-error.js';
import { Cryptography } from '../runtime/cryptography.js';
import { Config } from '../runtime/tokens.js';
import type { EncryptedContract } from './purses.dto.js';

@Injectable()
export class PurseWire {
  constructor(
    private readonly crypto: Cryptography,
    private readonly config: Config,
  ) {}

  /** @throws TalerError 400/22 naming `field` if the amount is of another currency */
  units({ currency, units }: Amount, field: string): bigint {
    if (currency === this.config.currency) return units;
    throw malformedField(field, `the currency of this exchange is ${this.config.currency}`);
  }

  readonly amount = (units: bigint): string => formatAmount({ currency: this.config.currency, units });

  coins(deposits: readonly PurseDepositItem[]): CoinOffer[] {
    return deposits.map((item, place) => ({
      coinPub: item.coin_pub,
      denominationHash: item.denom_pub_hash,
      denominationSignature: item.ub_sig,
      amount: this.units(item.amount, `deposits[${place}].amount`),
      coinSignature: item.coin_sig,
      ageCommitment: item.age_commitment ?? undefined,
      attestation: item.attest ?? undefined,
    }));
  }

  contract(json: EncryptedContract | null | undefined): Contract | undefined {
    if (!json) return undefined;
    const { econtract, econtract_sig: econtractSignature, contract_pub: contractPub } = json;
    const hash = this.crypto.taler.hash.sha512(decodeBase32(econtract));
    const econtractHash = encodeBase32(hash) as HashCode;
    return { econtract: econtract as Contract['econtract'], econtractHash, contractPub, econtractSignature };
  }

  /** The members of every answer that confirms a deposit. */
  confirmation({ totalDeposited, exchangeTimestamp, exchangeSignature, exchangePub }: DepositConfirmation): object {
    return {
      total_deposited: this.amount(totalDeposited),
      exchange_timestamp: timestampJson(exchangeTimestamp),
      exchange_sig: exchangeSignature,
      exchange_pub: exchangePub,
    };
  }
}
