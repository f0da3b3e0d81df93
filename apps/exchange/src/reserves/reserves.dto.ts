/** Wire classes of the reserve endpoints. After validation they hold values of the domain, not text. */
import type { DenominationHash, EddsaSignature, Planchet } from '@florin/domain';
import { malformedParameter, type TalerError } from '../http/taler-error.js';
import { coinEnvelope } from '../http/wire-crypto.js';
import { base32, OptionalWire, payto, timestamp, Wire, WireList } from '../http/wire-fields.js';

/** The most coins that one request withdraws. */
const PLANCHETS_MAX = 256;

const tooManyPlanchets = (): TalerError =>
  malformedParameter('too many planchets', `at most ${PLANCHETS_MAX} planchets fit in one request`);

/** One coin to withdraw. */
export class WithdrawRequest {
  @Wire(base32(64))
  denom_pub_hash!: DenominationHash;

  @Wire(coinEnvelope)
  coin_ev!: Planchet;

  /** WithdrawRequestPS, the form for one coin. */
  @Wire(base32(64))
  reserve_sig!: EddsaSignature;
}

export class BatchWithdrawRequest {
  @WireList(() => WithdrawRequest, { max: PLANCHETS_MAX, exceeded: tooManyPlanchets })
  planchets!: WithdrawRequest[];
}

export class ReserveCloseRequest {
  @Wire(timestamp)
  request_timestamp!: number;

  /** Full payto URI; the origin of the reserve's money if absent. */
  @OptionalWire(payto)
  payto_uri?: string | null;

  @Wire(base32(64))
  reserve_sig!: EddsaSignature;
}

export class CsrWithdrawRequest {
  @Wire(base32(32))
  nonce!: string;

  @Wire(base32(64))
  denom_pub_hash!: DenominationHash;
}
