/** Wire classes of recoup. Which members an element of `coin_data` has depends on its `type`. */
import { parseWithdrawValues } from '@florin/crypto';
import type {
  AgeCommitmentHash,
  BlindingSecret,
  CoinPub,
  CoinSignature,
  DenominationHash,
  EddsaSignature,
  EnvelopeHash,
  ReservePub,
} from '@florin/domain';
import { encodeBase32 } from '@florin/encoding';
import { malformedField, malformedParameter, type TalerError } from '../http/taler-error.js';
import { byCipher, coinSignature } from '../http/wire-crypto.js';
import { base32, described, OptionalWire, type Parser, schemaOf, Wire, WireList } from '../http/wire-fields.js';
import type { CoinDisclosure, CsValues } from './recoup.checks.js';

const COINS_MAX = 256;
const TYPES = ['non_recouped_coin', 'recoup_coin_details'];

const tooManyCoins = (): TalerError => malformedParameter('coin_data', `a withdrawal has at most ${COINS_MAX} coins`);

const coinType: Parser<string> = described({ enum: TYPES }, (json) => {
  if (typeof json !== 'string' || !TYPES.includes(json)) throw new RangeError(`one of ${TYPES.join(', ')} is expected`);
  return json;
});

const csPart = base32(32);

/** `CSRPublicPair` */
const csValues: Parser<CsValues> = described(
  {
    type: 'object',
    properties: { r_pub_0: schemaOf(csPart), r_pub_1: schemaOf(csPart) },
    required: ['r_pub_0', 'r_pub_1'],
  },
  (json) => {
    if (typeof json !== 'object' || json === null) throw new TypeError('an object is expected');
    const { r_pub_0, r_pub_1 } = json as Record<string, unknown>;
    return { rPub0: csPart(r_pub_0), rPub1: csPart(r_pub_1) } as CsValues;
  },
);

export class RecoupCoinData {
  @Wire(coinType)
  type!: string;

  @OptionalWire(base32(64))
  coin_ev?: EnvelopeHash | null;

  @OptionalWire(base32(32))
  coin_pub?: CoinPub | null;

  @OptionalWire(base32(32))
  coin_blinding_key_secret?: BlindingSecret | null;

  @OptionalWire(base32(32))
  age_commitment_h?: AgeCommitmentHash | null;

  /** 32 bytes, as in the envelope of the withdrawal. */
  @OptionalWire(base32(32))
  cs_session_nonce?: string | null;

  @OptionalWire(csValues)
  cs_r_pubs?: CsValues | null;

  @OptionalWire(coinSignature)
  denom_pub_sig?: CoinSignature | null;

  @OptionalWire(base32(64))
  denom_pub_h?: DenominationHash | null;

  /** RecoupRequestPS. */
  @OptionalWire(base32(64))
  coin_sig?: EddsaSignature | null;
}

export class RecoupWithdrawRequest {
  @Wire(base32(32))
  reserve_pub!: ReservePub;

  @WireList(() => RecoupCoinData, { max: COINS_MAX, exceeded: tooManyCoins })
  coin_data!: RecoupCoinData[];
}

/** `ewv`: what the exchange contributed to the envelope, which is nothing for RSA. */
const NO_VALUES = 'none';
const withdrawValues: Parser<CsValues | typeof NO_VALUES> = described(
  byCipher({}, { r_pub_0: schemaOf(csPart), r_pub_1: schemaOf(csPart) }),
  (json) => {
    const values = parseWithdrawValues(json);
    if (values.cipher === 'RSA') return NO_VALUES;
    return { rPub0: encodeBase32(values.rPub0), rPub1: encodeBase32(values.rPub1) } as CsValues;
  },
);

/** The older form: one coin, whose key is in the path. */
export class RecoupRequest {
  @Wire(base32(64))
  denom_pub_hash!: DenominationHash;

  @Wire(coinSignature)
  denom_sig!: CoinSignature;

  @Wire(withdrawValues)
  ewv!: CsValues | typeof NO_VALUES;

  @Wire(base32(32))
  coin_blind_key_secret!: BlindingSecret;

  /** RecoupRequestPS. */
  @Wire(base32(64))
  coin_sig!: EddsaSignature;

  @OptionalWire(base32(32))
  h_age_commitment?: AgeCommitmentHash | null;

  /** 32 bytes, as in the envelope of the withdrawal; Clause-Schnorr only. */
  @OptionalWire(base32(32))
  nonce?: string | null;
}

/** "None" may be told as 32 zero bytes, too: the denomination signs the same for both, so they are the same coin. */
const NO_AGE_COMMITMENT = encodeBase32(new Uint8Array(32));
const ageCommitmentOf = (hash: AgeCommitmentHash | null | undefined): AgeCommitmentHash | undefined =>
  hash === NO_AGE_COMMITMENT ? undefined : (hash ?? undefined);

export const disclosureOf = (coinPub: CoinPub, request: RecoupRequest): CoinDisclosure => ({
  coinPub,
  blindingSecret: request.coin_blind_key_secret,
  denominationSignature: request.denom_sig,
  denominationHash: request.denom_pub_hash,
  coinSignature: request.coin_sig,
  ageCommitmentHash: ageCommitmentOf(request.h_age_commitment),
  nonce: request.nonce ?? undefined,
  csValues: request.ewv === NO_VALUES ? undefined : request.ewv,
});

/** An envelope or a disclosed coin. @throws TalerError 400/22 naming the member that its type needs */
export function coinDataOf(data: RecoupCoinData, place: number): EnvelopeHash | CoinDisclosure {
  const needed = <Name extends keyof RecoupCoinData>(name: Name): NonNullable<RecoupCoinData[Name]> => {
    const value = data[name];
    if (value === undefined || value === null) throw malformedField(`coin_data[${place}].${name}`, 'it is missing');
    return value as NonNullable<RecoupCoinData[Name]>;
  };
  if (data.type === 'non_recouped_coin') return needed('coin_ev');
  return {
    coinPub: needed('coin_pub'),
    blindingSecret: needed('coin_blinding_key_secret'),
    denominationSignature: needed('denom_pub_sig'),
    denominationHash: needed('denom_pub_h'),
    coinSignature: needed('coin_sig'),
    ageCommitmentHash: ageCommitmentOf(data.age_commitment_h),
    nonce: data.cs_session_nonce ?? undefined,
    csValues: data.cs_r_pubs ?? undefined,
  };
}
