import type { Taler } from '@florin/crypto';
import { EncodingError, encodeBase32, message } from '@florin/encoding';
import type { CallOptions, Connection } from './connection.js';
import { BadContract } from './errors.js';
import { contractText, type PeerContract, readContract } from './peer-contract.js';
import { base32Text, publicKey, signature } from './reply.js';

/*
 * The contract of a purse on its way: sealed by the wallet that makes the purse, kept unread by the exchange, opened by
 * the wallet that has the contract's private key.
 * Source: protocol/endpoints.md A2, B3; crypto.md section 9
 */

/** The secrets of a purse. Whoever has them can make the same requests again. */
export interface PurseKeys {
  /** 32 bytes: makes the purse, and ends it. */
  readonly pursePriv: Uint8Array;
  readonly pursePub: Uint8Array;
  /** 32 bytes: moves the purse into a reserve. */
  readonly mergePriv: Uint8Array;
  readonly mergePub: Uint8Array;
  /** 32 bytes: opens the contract. What is handed to the other wallet. */
  readonly contractPriv: Uint8Array;
  /** 24 bytes: with it the same contract is sealed into the same bytes. */
  readonly contractNonce: Uint8Array;
}

const [SECRET_SIZE, NONCE_SIZE] = [32, 24];

/** Keys of a purse that does not exist yet. A careful wallet stores them before it pays. */
export function drawPurseKeys(connection: Connection): PurseKeys {
  const { eddsa } = connection.taler;
  const [pursePriv, mergePriv] = [connection.draw(SECRET_SIZE), connection.draw(SECRET_SIZE)];
  const [contractPriv, contractNonce] = [connection.draw(SECRET_SIZE), connection.draw(NONCE_SIZE)];
  const [pursePub, mergePub] = [eddsa.publicKey(pursePriv), eddsa.publicKey(mergePriv)];
  return { pursePriv, pursePub, mergePriv, mergePub, contractPriv, contractNonce };
}

/** `econtract`. @param reader who gets it: whoever merges the purse, or whoever pays into it */
export function sealedContract(taler: Taler, keys: PurseKeys, contract: PeerContract, reader: 'merge' | 'deposit') {
  const { contractPriv, contractNonce, mergePriv, pursePriv, pursePub } = keys;
  const plain = contractText(contract);
  const econtract =
    reader === 'merge'
      ? taler.contract.encryptForMerge({ contractPriv, pursePub }, { mergePriv, contract: plain }, contractNonce)
      : taler.contract.encryptForDeposit({ contractPriv, pursePub }, plain, contractNonce);
  const contractPub = taler.ecdh.publicKey(contractPriv);
  const signed = message('PurseContract', { hEcontract: taler.hash.sha512(econtract), contractPub });
  return {
    econtract: encodeBase32(econtract),
    econtract_sig: encodeBase32(taler.eddsa.sign(signed, pursePriv)),
    contract_pub: encodeBase32(contractPub),
  };
}

/** A contract as the other wallet reads it. The purse's key signed it; see Purses.status for what is in the purse. */
export interface OpenedContract {
  readonly pursePub: Uint8Array;
  readonly contract: PeerContract;
}

export interface MergeableContract extends OpenedContract {
  /** 32 bytes: whoever has it may take the money. */
  readonly mergePriv: Uint8Array;
}

/**
 * @throws ExchangeRefused with 404/1950 when there is none (any more); BadContract when it cannot be read;
 *   ExchangeMisbehaved when the purse's key did not sign it
 */
export async function fetchForMerge(
  connection: Connection,
  contractPriv: Uint8Array,
  options: CallOptions,
): Promise<MergeableContract> {
  const { pursePub, econtract, currency } = await fetchSealed(connection, contractPriv, options);
  const { taler } = connection;
  const opened = opening(() => taler.contract.decryptForMerge({ contractPriv, pursePub }, econtract));
  return { pursePub, mergePriv: opened.mergePriv, contract: readContract(taler, opened.contract, currency) };
}

/** As {@link fetchForMerge}, of a purse that is to be paid. */
export async function fetchForDeposit(
  connection: Connection,
  contractPriv: Uint8Array,
  options: CallOptions,
): Promise<OpenedContract> {
  const { pursePub, econtract, currency } = await fetchSealed(connection, contractPriv, options);
  const { taler } = connection;
  const opened = opening(() => taler.contract.decryptForDeposit({ contractPriv, pursePub }, econtract));
  return { pursePub, contract: readContract(taler, opened, currency) };
}

async function fetchSealed(connection: Connection, contractPriv: Uint8Array, { signal }: CallOptions) {
  const { http, taler, checker } = connection;
  const { currency } = await connection.keys();
  const contractPub = taler.ecdh.publicKey(contractPriv);
  const path = `contracts/${encodeBase32(contractPub)}`;
  const reply = await http.sendForObject({ method: 'GET', path, signal, accept: [200] }, 'contract');
  const pursePub = reply.read('purse_pub', publicKey);
  const econtract = reply.read('econtract', base32Text);
  checker.require(`${reply.place}.econtract_sig`, {
    message: message('PurseContract', { hEcontract: taler.hash.sha512(econtract), contractPub }),
    signature: reply.read('econtract_sig', signature),
    pub: pursePub,
  });
  return { pursePub, econtract, currency };
}

/** The purse's key signed these bytes: whatever is wrong inside was wrong when they were written. */
function opening<Value>(open: () => Value): Value {
  try {
    return open();
  } catch (error) {
    if (error instanceof EncodingError) throw new BadContract(error.message);
    throw error;
  }
}
