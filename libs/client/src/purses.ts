import {
  type Amount,
  ErrorCode,
  encodeBase32,
  formatAmount,
  message,
  reservePayto,
  timestampJson,
} from '@florin/encoding';
import type { CallOptions, Connection, LongPollOptions } from './connection.js';
import { ExchangeRefused } from './errors.js';
import { depositJson, type Payment } from './payments.js';
import { type PeerContract, type PeerTerms, writeContract } from './peer-contract.js';
import {
  drawPurseKeys,
  fetchForDeposit,
  fetchForMerge,
  type MergeableContract,
  type OpenedContract,
  type PurseKeys,
  sealedContract,
} from './purse-contract.js';
import {
  type PurseConfirmation,
  type PurseStatus,
  readConfirmation,
  readMerge,
  readPurseStatus,
} from './purse-replies.js';
import type { ReplyObject } from './reply.js';

/*
 * Payments between people. Money waits in a purse until somebody takes it:
 *
 *   push   payer: create (coins, contract for whoever merges)      payee: readForMerge, merge
 *   pull   payee: request (contract for whoever pays)              payer: readForDeposit, deposit; the last one merges
 *
 * Source: spec/purse-create.txt, protocol/endpoints.md A2, B2, B3
 */

export interface RequestOptions extends CallOptions {
  /** Seconds since 1970; now, without. The same again is the same request. */
  readonly timestamp?: number;
  /** What the reserve pays for the purse; without, it comes out of the reserve's quota. */
  readonly purseFee?: Amount;
}

const HEADER = 'Taler-Purse-Signature';
/** How AccountMergePS says what pays for the purse. */
const FLAGS = { merge: 1, quota: 2, fee: 3 } as const;
const ENDED: ReadonlyMap<number, 'expired' | 'deleted'> = new Map([
  [ErrorCode.EXCHANGE_GENERIC_PURSE_EXPIRED, 'expired'],
  [ErrorCode.EXCHANGE_GENERIC_PURSE_DELETED, 'deleted'],
]);

/** Every method throws as those of ExchangeClient do; arguments that are equal make requests that are equal. */
export class Purses {
  constructor(private readonly connection: Connection) {}

  /** Keys of a purse that does not exist yet. A careful wallet stores them before it pays. */
  newKeys(): PurseKeys {
    return drawPurseKeys(this.connection);
  }

  /** What two people agree on, as both wallets hash it. */
  contract(terms: PeerTerms): PeerContract {
    return writeContract(this.connection.taler, terms);
  }

  /**
   * Makes a purse of coins, with a contract for whoever will merge it.
   * @throws RangeError when a coin cannot prove the contract's minimum age
   */
  async create(
    keys: PurseKeys,
    contract: PeerContract,
    payments: readonly Payment[],
    { signal }: CallOptions = {},
  ): Promise<PurseConfirmation> {
    const body = {
      ...this.#terms(keys, contract),
      econtract: sealedContract(this.connection.taler, keys, contract, 'merge'),
      deposits: await this.#deposits(keys.pursePub, contract, payments),
    };
    const path = `purses/${encodeBase32(keys.pursePub)}/create`;
    const request = { method: 'POST', path, body, signal, accept: [200] } as const;
    const reply = await this.connection.http.sendForObject(request, 'purse');
    return this.#confirmed(reply, keys.pursePub, contract, payments);
  }

  /** Pays coins into a purse that exists. */
  async deposit(
    pursePub: Uint8Array,
    contract: PeerContract,
    payments: readonly Payment[],
    { signal }: CallOptions = {},
  ): Promise<PurseConfirmation> {
    const body = { deposits: await this.#deposits(pursePub, contract, payments) };
    const path = `purses/${encodeBase32(pursePub)}/deposit`;
    const request = { method: 'POST', path, body, signal, accept: [200] } as const;
    const reply = await this.connection.http.sendForObject(request, 'deposit');
    return this.#confirmed(reply, pursePub, contract, payments);
  }

  /** Asks to be paid: makes an empty purse that goes to the reserve once it is full. */
  async request(
    reservePriv: Uint8Array,
    keys: PurseKeys,
    contract: PeerContract,
    { timestamp: mergeTimestamp = this.connection.now(), purseFee, signal }: RequestOptions = {},
  ): Promise<PurseConfirmation> {
    const { http, taler } = this.connection;
    const { amount, ...terms } = this.#terms(keys, contract);
    const body = {
      purse_value: amount,
      ...terms,
      ...(purseFee && { purse_fee: formatAmount(purseFee) }),
      econtract: sealedContract(taler, keys, contract, 'deposit'),
      purse_pub: encodeBase32(keys.pursePub),
      ...(await this.#agreement(keys, contract, reservePriv, {
        mergeTimestamp,
        purseFee,
        flags: purseFee ? FLAGS.fee : FLAGS.quota,
      })),
    };
    const path = `reserves/${encodeBase32(taler.eddsa.publicKey(reservePriv))}/purse`;
    const reply = await http.sendForObject({ method: 'POST', path, body, signal, accept: [200] }, 'purse');
    return this.#confirmed(reply, keys.pursePub, contract, []);
  }

  /**
   * Reads what a push payment is about. @param contractPriv 32 bytes, out of the payment's URI
   * @throws ExchangeRefused with 404/1950 when there is none (any more); BadContract when it cannot be read
   */
  readForMerge(contractPriv: Uint8Array, options: CallOptions = {}): Promise<MergeableContract> {
    return fetchForMerge(this.connection, contractPriv, options);
  }

  /** Reads what a pull payment asks for, as {@link readForMerge} does. */
  readForDeposit(contractPriv: Uint8Array, options: CallOptions = {}): Promise<OpenedContract> {
    return fetchForDeposit(this.connection, contractPriv, options);
  }

  /**
   * Moves a full purse into a reserve, which comes to be if it does not exist.
   * @param options.timestamp seconds since 1970; now, without. The same again is the same merge
   * @returns what the reserve got
   */
  async merge(
    { pursePub, mergePriv, contract }: MergeableContract,
    reservePriv: Uint8Array,
    { timestamp: mergeTimestamp = this.connection.now(), signal }: Omit<RequestOptions, 'purseFee'> = {},
  ): Promise<Amount> {
    const { http, taler } = this.connection;
    const { baseUrl } = await this.connection.keys();
    const reservePub = taler.eddsa.publicKey(reservePriv);
    const signed = { mergeTimestamp, flags: FLAGS.merge };
    const body = {
      payto_uri: reservePayto(baseUrl, reservePub),
      ...(await this.#agreement({ pursePub, mergePriv }, contract, reservePriv, signed)),
    };
    const path = `purses/${encodeBase32(pursePub)}/merge`;
    const reply = await http.sendForObject({ method: 'POST', path, body, signal, accept: [200] }, 'merge');
    return this.connection.withKeys((keys) =>
      readMerge(reply, this.connection.voices(keys), { pursePub, contract, reservePub, baseUrl }),
    );
  }

  /**
   * What became of a purse; undefined if the exchange does not know it.
   * @param awaited what a long poll waits for: that the purse is merged, or full. It may end earlier
   */
  async status(
    pursePub: Uint8Array,
    awaited: 'merge' | 'deposit',
    { timeoutMs = 0, signal }: LongPollOptions = {},
  ): Promise<PurseStatus | undefined> {
    const query = timeoutMs > 0 ? `?timeout_ms=${timeoutMs}` : '';
    const path = `purses/${encodeBase32(pursePub)}/${awaited}${query}`;
    try {
      const request = { method: 'GET', path, holdMs: timeoutMs, signal, accept: [200] } as const;
      const reply = await this.connection.http.sendForObject(request, 'purse');
      return await this.connection.withKeys((keys) => readPurseStatus(reply, this.connection.voices(keys)));
    } catch (error) {
      if (!(error instanceof ExchangeRefused)) throw error;
      const state = ENDED.get(error.code);
      if (state) return { state };
      if (error.code === ErrorCode.EXCHANGE_GENERIC_PURSE_UNKNOWN) return undefined;
      throw error;
    }
  }

  /** Ends a purse that nobody merged. Every coin has its money back. */
  async remove(pursePriv: Uint8Array, { signal }: CallOptions = {}): Promise<void> {
    const purse = this.connection.taler.eddsa.keyPair(pursePriv);
    const headers = { [HEADER]: encodeBase32(purse.sign(message('PurseDelete', {}))) };
    const path = `purses/${encodeBase32(purse.publicKey)}`;
    await this.connection.http.send({ method: 'DELETE', path, headers, signal, accept: [204] });
  }

  /** What the purse's key signs, and the signature. */
  #terms({ pursePriv, mergePub }: PurseKeys, contract: PeerContract) {
    const { amount, expiration, minAge, hash } = contract;
    const signed = message('PurseCreate', {
      purseExpiration: expiration,
      purseAmount: amount,
      hContractTerms: hash,
      mergePub,
      minAge,
    });
    return {
      amount: formatAmount(amount),
      min_age: minAge,
      merge_pub: encodeBase32(mergePub),
      purse_sig: encodeBase32(this.connection.taler.eddsa.sign(signed, pursePriv)),
      h_contract_terms: encodeBase32(hash),
      purse_expiration: timestampJson(expiration),
    };
  }

  async #deposits(pursePub: Uint8Array, { minAge }: PeerContract, payments: readonly Payment[]) {
    const { baseUrl } = await this.connection.keys();
    return payments.map((payment) => depositJson(this.connection.taler, payment, { pursePub, minAge, baseUrl }));
  }

  /** What the merge key and the reserve sign. */
  async #agreement(
    { pursePub, mergePriv }: Pick<PurseKeys, 'pursePub' | 'mergePriv'>,
    { amount, expiration, minAge, hash }: PeerContract,
    reservePriv: Uint8Array,
    { mergeTimestamp, purseFee, flags }: { mergeTimestamp: number; purseFee?: Amount | undefined; flags: number },
  ) {
    const { taler } = this.connection;
    const { baseUrl, currency } = await this.connection.keys();
    const reserve = taler.eddsa.keyPair(reservePriv);
    const hPayto = taler.hash.normalizedPayto(reservePayto(baseUrl, reserve.publicKey));
    const agreed = message('AccountMerge', {
      purseExpiration: expiration,
      purseAmount: amount,
      purseFee: purseFee ?? { currency, units: 0n },
      hContractTerms: hash,
      pursePub,
      mergeTimestamp,
      minAge,
      flags,
    });
    const moved = message('PurseMerge', { mergeTimestamp, pursePub, hPayto });
    return {
      merge_timestamp: timestampJson(mergeTimestamp),
      merge_sig: encodeBase32(taler.eddsa.sign(moved, mergePriv)),
      reserve_sig: encodeBase32(reserve.sign(agreed)),
    };
  }

  #confirmed(
    reply: ReplyObject,
    pursePub: Uint8Array,
    contract: PeerContract,
    payments: readonly Payment[],
  ): Promise<PurseConfirmation> {
    return this.connection.withKeys((keys) =>
      readConfirmation(reply, this.connection.voices(keys), { pursePub, contract, payments }),
    );
  }
}
