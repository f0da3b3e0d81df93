/** Wire classes of the purse endpoints. After validation they hold values of the domain, not text. */
import type { ContractPub, EddsaPub, EddsaSignature, HashCode, PursePub } from '@florin/domain';
import type { Amount } from '@florin/encoding';
import { PurseDepositItem } from '../coins/coin.dto.js';
import { malformedParameter, type TalerError } from '../http/taler-error.js';
import {
  amount,
  base32,
  base32Blob,
  instant,
  integer,
  OptionalWire,
  OptionalWireObject,
  text,
  timestamp,
  Wire,
  WireList,
} from '../http/wire-fields.js';

/** More than any unit holds; the protocol's own limit of 128 is checked in its place among the checks. */
const DEPOSITS_READ_MAX = 1024;
const ECONTRACT_BYTES_MAX = 512 * 1024;
const PAYTO_LENGTH_MAX = 4096;
const U32_MAX = 2 ** 32 - 1;

const tooManyDeposits = (): TalerError => malformedParameter('deposits', 'one request pays with at most 128 coins');

export class EncryptedContract {
  @Wire(base32Blob(ECONTRACT_BYTES_MAX))
  econtract!: string;

  /** PurseContractPS. */
  @Wire(base32(64))
  econtract_sig!: EddsaSignature;

  @Wire(base32(32))
  contract_pub!: ContractPub;
}

export class PurseDepositRequest {
  @WireList(() => PurseDepositItem, { max: DEPOSITS_READ_MAX, exceeded: tooManyDeposits })
  deposits!: PurseDepositItem[];
}

export class PurseCreateRequest {
  /** What the purse is to hold, without fees. */
  @Wire(amount)
  amount!: Amount;

  @Wire(integer(U32_MAX))
  min_age!: number;

  @OptionalWireObject(() => EncryptedContract)
  econtract?: EncryptedContract | null;

  @Wire(base32(32))
  merge_pub!: EddsaPub;

  /** PurseCreatePS. */
  @Wire(base32(64))
  purse_sig!: EddsaSignature;

  @Wire(base32(64))
  h_contract_terms!: HashCode;

  @WireList(() => PurseDepositItem, { max: DEPOSITS_READ_MAX, exceeded: tooManyDeposits })
  deposits!: PurseDepositItem[];

  @Wire(timestamp)
  purse_expiration!: number;
}

export class PurseMergeRequest {
  /** `payto://taler-reserve/...` */
  @Wire(text(PAYTO_LENGTH_MAX))
  payto_uri!: string;

  /** AccountMergePS. */
  @Wire(base32(64))
  reserve_sig!: EddsaSignature;

  /** PurseMergePS. */
  @Wire(base32(64))
  merge_sig!: EddsaSignature;

  @Wire(instant)
  merge_timestamp!: number;
}

export class PurseRequestRequest {
  /** What the purse is to hold, without fees, and what the reserve gets. */
  @Wire(amount)
  purse_value!: Amount;

  @Wire(integer(U32_MAX))
  min_age!: number;

  /** What the reserve pays for the purse; out of its quota of free ones if absent. */
  @OptionalWire(amount)
  purse_fee?: Amount | null;

  @OptionalWireObject(() => EncryptedContract)
  econtract?: EncryptedContract | null;

  @Wire(base32(32))
  merge_pub!: EddsaPub;

  /** PurseMergePS. */
  @Wire(base32(64))
  merge_sig!: EddsaSignature;

  /** AccountMergePS. */
  @Wire(base32(64))
  reserve_sig!: EddsaSignature;

  @Wire(base32(32))
  purse_pub!: PursePub;

  /** PurseCreatePS. */
  @Wire(base32(64))
  purse_sig!: EddsaSignature;

  @Wire(base32(64))
  h_contract_terms!: HashCode;

  @Wire(instant)
  merge_timestamp!: number;

  @Wire(timestamp)
  purse_expiration!: number;
}
