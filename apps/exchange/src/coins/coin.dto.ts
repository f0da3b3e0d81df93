/** Wire classes of coins: as they pay, and as they are recouped. */
import type { CoinPub, CoinSignature, DenominationHash, EddsaSignature } from '@florin/domain';
import type { Amount } from '@florin/encoding';
import { coinSignature } from '../http/wire-crypto.js';
import { amount, base32, listOf, OptionalWire, Wire } from '../http/wire-fields.js';

/** An age mask has at most 31 groups above the lowest. */
const AGE_KEYS_MAX = 31;

/** One coin's payment into a purse. */
export class PurseDepositItem {
  /** With the deposit fee. */
  @Wire(amount)
  amount!: Amount;

  @Wire(base32(64))
  denom_pub_hash!: DenominationHash;

  @Wire(coinSignature)
  ub_sig!: CoinSignature;

  @Wire(base32(32))
  coin_pub!: CoinPub;

  /** PurseDepositPS. */
  @Wire(base32(64))
  coin_sig!: EddsaSignature;

  /** AgeAttestationPS, by the key of the group that has the purse's minimum age. */
  @OptionalWire(base32(64))
  attest?: string | null;

  @OptionalWire(listOf(base32(32), AGE_KEYS_MAX))
  age_commitment?: string[] | null;
}
