import type { Taler } from '@florin/crypto';
import type { Amount } from '@florin/encoding';
import {
  type ExchangeConfig,
  getConfig,
  getKycStatus,
  getLegalText,
  type KycStatus,
  type LegalText,
  type LegitimizationCase,
} from './about.js';
import { Coins } from './coins.js';
import { type CallOptions, Connection, type ExchangeClientOptions, type LongPollOptions } from './connection.js';
import type { OfferedDenomination } from './denominations.js';
import type { Refusal } from './errors.js';
import { type ExchangeKeys, readWire, type WireInfo } from './keys.js';
import { type Planchet, type PlanchetOptions, preparePlanchets } from './planchets.js';
import { Purses } from './purses.js';
import { type RefusalProof, type RefusedRequest, verifyRefusal } from './refusals.js';
import {
  type CloseOptions,
  closeReserve,
  getReserve,
  getReserveHistory,
  type HistoryReply,
  type ReserveKeys,
  type ReserveSummary,
} from './reserve.js';
import { TransparencyLog } from './transparency.js';
import { batchWithdraw, type Coin } from './withdraw.js';
import { type PlanOptions, planWithdraw, type WithdrawPlan } from './withdraw-plan.js';

/** What was withdrawn. Seed and denominations are enough to do it again, should the coins be lost. */
export interface Withdrawal {
  readonly seed: Uint8Array;
  readonly plan: WithdrawPlan;
  readonly coins: readonly Coin[];
}

/** Bytes of a private key, and of the seed of a withdrawal. */
const SECRET_SIZE = 32;

/**
 * A wallet's side of one exchange. Every method throws ExchangeRefused when the exchange says no, ExchangeUnreachable
 * when nothing is known (the same call may be repeated), and ExchangeMisbehaved when a reply is malformed or a
 * signature in it does not verify; nothing that is returned is unverified, unless a docstring says so.
 */
export class ExchangeClient {
  readonly baseUrl: string;
  /** Payments between people. */
  readonly purses: Purses;
  /** What became of coins, and their way back. */
  readonly coins: Coins;
  /** The exchange's log of events: what it answered stands there, and the log only grows. Florin's own. */
  readonly log: TransparencyLog;
  readonly #connection: Connection;

  constructor(options: ExchangeClientOptions) {
    this.baseUrl = options.baseUrl;
    this.#connection = new Connection(options);
    this.purses = new Purses(this.#connection);
    this.coins = new Coins(this.#connection);
    this.log = new TransparencyLog(this.#connection);
  }

  /** The protocol's cryptography on the primitives of this client. */
  get taler(): Taler {
    return this.#connection.taler;
  }

  /** How many signatures, those of coins included, were verified so far. */
  get signaturesVerified(): number {
    return this.#connection.checker.count;
  }

  /**
   * Keys, accounts and fees, verified down from the master key; kept as long as the exchange says they are fresh.
   * @param options.refresh asks the exchange in any case
   */
  keys(options: { readonly refresh?: boolean } = {}): Promise<ExchangeKeys> {
    return this.#connection.keys(options);
  }

  /** Accounts and fees under the signatures of 2023. */
  async wire(): Promise<WireInfo> {
    const { http, checker } = this.#connection;
    const reply = await http.sendForObject({ method: 'GET', path: 'wire', accept: [200] }, 'wire');
    return this.#connection.withKeys((keys) => readWire(reply, keys, checker));
  }

  /** Not signed. */
  config(): Promise<ExchangeConfig> {
    return getConfig(this.#connection);
  }

  /** Terms of service. Not signed. @param language as in Accept-Language */
  terms(language?: string): Promise<LegalText> {
    return getLegalText(this.#connection, 'terms', language);
  }

  /** Privacy policy. Not signed. @param language as in Accept-Language */
  privacy(language?: string): Promise<LegalText> {
    return getLegalText(this.#connection, 'privacy', language);
  }

  /** Whether a legitimization that a refusal asked for is decided. Not signed. */
  kycCheck(needed: LegitimizationCase, options: LongPollOptions = {}): Promise<KycStatus> {
    return getKycStatus(this.#connection, needed, options);
  }

  /** Keys of a reserve that does not exist yet: it comes to be when money arrives for it. */
  newReserve(): ReserveKeys {
    const reservePriv = this.#connection.draw(SECRET_SIZE);
    return { reservePriv, reservePub: this.taler.eddsa.publicKey(reservePriv) };
  }

  /**
   * What is in a reserve, not signed; undefined while the exchange does not know the reserve, perhaps because money is
   * still on its way.
   */
  reserve(reservePub: Uint8Array, options: LongPollOptions = {}): Promise<ReserveSummary | undefined> {
    return getReserve(this.#connection, reservePub, options);
  }

  /** Which coins to withdraw for an amount, fees included. Asks nobody but for keys. */
  async plan(amount: Amount, options: Partial<PlanOptions> = {}): Promise<WithdrawPlan> {
    return planWithdraw(await this.keys(), amount, { now: this.#connection.now(), ...options });
  }

  /**
   * Makes planchets from a seed; the same arguments give the same planchets, for ever. Before they are sent, seed and
   * denominations have to be safe on the wallet's disk: the coins can be got back from them, and from nothing else.
   * @param seed 32 bytes, for this batch only: coins of two batches from one seed would be linked
   * @param denominations one per coin, at most 255
   */
  preparePlanchets(
    seed: Uint8Array,
    denominations: readonly OfferedDenomination[],
    options: CallOptions & PlanchetOptions = {},
  ): Promise<Planchet[]> {
    return preparePlanchets(this.#connection, seed, denominations, options);
  }

  /** Withdraws all planchets or none. The same again gives the same coins, for ever. */
  batchWithdraw(reservePriv: Uint8Array, planchets: readonly Planchet[], options: CallOptions = {}): Promise<Coin[]> {
    return batchWithdraw(this.#connection, reservePriv, planchets, options);
  }

  /**
   * Plans, prepares and withdraws in one go; no coin when not even the smallest fits.
   * @param amount what the reserve may be charged at most
   * @param options.seed 32 bytes, which a careful wallet stores first; fresh ones without
   */
  async withdraw(
    reservePriv: Uint8Array,
    amount: Amount,
    options: Partial<PlanOptions> & CallOptions & { readonly seed?: Uint8Array } = {},
  ): Promise<Withdrawal> {
    const { seed = this.#connection.draw(SECRET_SIZE) } = options;
    const plan = await this.plan(amount, options);
    if (plan.denominations.length === 0) return { seed, plan, coins: [] };
    const planchets = await this.preparePlanchets(seed, plan.denominations, options);
    return { seed, plan, coins: await this.batchWithdraw(reservePriv, planchets, options) };
  }

  /** Has the balance wired to the account of origin, or to another one. @returns what will arrive, not signed */
  closeReserve(reservePriv: Uint8Array, options: CloseOptions = {}): Promise<Amount> {
    return closeReserve(this.#connection, reservePriv, options);
  }

  /**
   * The entries of a reserve's history, every signature verified.
   * @param start leaves out the entries up to this row; then the balance is only what the exchange says, otherwise
   *   what the entries sum up to
   */
  reserveHistory(reservePriv: Uint8Array, start = 0, options: CallOptions = {}): Promise<HistoryReply> {
    return getReserveHistory(this.#connection, reservePriv, { ...options, start });
  }

  /**
   * What a refusal proves; undefined for codes that prove nothing.
   * @throws ExchangeMisbehaved when the proof is missing, does not hold, or is about something else
   */
  verifyRefusal(refusal: Refusal, request: RefusedRequest = {}): Promise<RefusalProof | undefined> {
    return this.#connection.withKeys((keys) => verifyRefusal(refusal, this.#connection.voices(keys), request));
  }
}
