import { type DenominationPub, taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import { type Amount, decodeBase32, encodeBase32, message, parseJson } from '@florin/encoding';
import { denominationMessage, logKeyMessage, signingKeyMessage } from './offers.js';
import type { DenominationFees, DenominationStamps, SigningKeyStamps } from './schedule.js';

/*
 * Everything that the master key may be asked to sign, and the bytes that it signs for each. The same orders are
 * written by the exchange, signed on the machine that has the key, and checked when they come back.
 *
 *   exchange: orders -> file -> other machine: signatures -> file -> POST /management/... -> event
 *
 * Instants are whole seconds since 1970; keys, hashes and signatures base32.
 * Source: protocol/endpoints.md B7, protocol/signatures.md
 */

export interface DenominationOrder extends DenominationStamps {
  readonly kind: 'denomination';
  readonly pub: DenominationPub;
  readonly value: Amount;
  readonly fees: DenominationFees;
}

export interface SigningKeyOrder extends SigningKeyStamps {
  readonly kind: 'signing-key';
  readonly exchangePub: string;
}

export interface LogKeyOrder {
  readonly kind: 'log-key';
  readonly logPub: string;
  readonly start: number;
}

export interface DenominationRevocationOrder {
  readonly kind: 'denomination-revocation';
  readonly denominationHash: string;
}

export interface SigningKeyRevocationOrder {
  readonly kind: 'signing-key-revocation';
  readonly exchangePub: string;
}

export interface WireAccountOrder {
  readonly kind: 'wire-account';
  readonly paytoUri: string;
  readonly start: number;
}

export interface WireAccountEndOrder {
  readonly kind: 'wire-account-end';
  readonly paytoUri: string;
  readonly end: number;
}

export interface WireFeesOrder {
  readonly kind: 'wire-fees';
  readonly method: string;
  readonly start: number;
  readonly end: number;
  readonly wireFee: Amount;
  readonly closingFee: Amount;
}

export interface GlobalFeesOrder {
  readonly kind: 'global-fees';
  readonly start: number;
  readonly end: number;
  readonly historyFee: Amount;
  readonly accountFee: Amount;
  readonly purseFee: Amount;
  readonly purseTimeoutUs: number;
  readonly historyExpirationUs: number;
  readonly purseAccountLimit: number;
}

export interface ExtensionsOrder {
  readonly kind: 'extensions';
  /** Canonical JSON of the `extensions` object. */
  readonly manifest: string;
}

export interface OfficerOrder {
  readonly kind: 'officer';
  readonly officerPub: string;
  readonly name: string;
  readonly active: boolean;
  readonly readOnly: boolean;
  readonly changedAt: number;
}

export type MasterOrder =
  | DenominationOrder
  | SigningKeyOrder
  | LogKeyOrder
  | DenominationRevocationOrder
  | SigningKeyRevocationOrder
  | WireAccountOrder
  | WireAccountEndOrder
  | WireFeesOrder
  | GlobalFeesOrder
  | ExtensionsOrder
  | OfficerOrder;

/** What is to be signed for one order, by the names that the signatures have in the request. */
export type OrderMessages = Readonly<Record<string, Uint8Array>>;

const { hash } = taler(serverPrimitives);

/** `h_denom_pub` in base32, from the key itself: who signs trusts no hash that somebody else computed. */
export const denominationHashOf = (pub: DenominationPub): string => encodeBase32(hash.denomination(pub));

/**
 * @param masterPub 32 bytes: it is part of what is signed for a denomination
 * @throws EncodingError on a member that is malformed
 */
export function orderMessages(order: MasterOrder, masterPub: Uint8Array): OrderMessages {
  switch (order.kind) {
    case 'denomination':
      return {
        master_sig: denominationMessage(masterPub, { ...order, denominationHash: denominationHashOf(order.pub) }),
      };
    case 'signing-key':
      return { master_sig: signingKeyMessage({ ...order, exchangePub: decodeBase32(order.exchangePub, 32) }) };
    case 'log-key':
      return { master_sig: logKeyMessage({ logPub: decodeBase32(order.logPub, 32), start: order.start }) };
    case 'denomination-revocation': {
      const hDenomPub = decodeBase32(order.denominationHash, 64);
      return { master_sig: message('MasterDenominationKeyRevocation', { hDenomPub }) };
    }
    case 'signing-key-revocation': {
      const exchangePub = decodeBase32(order.exchangePub, 32);
      return { master_sig: message('MasterSigningKeyRevocation', { exchangePub }) };
    }
    case 'wire-account':
      return wireAccountMessages(order);
    case 'wire-account-end': {
      const hPayto = hash.fullPayto(order.paytoUri);
      return { master_sig_del: message('MasterDelWire', { endDate: order.end, hPayto }) };
    }
    case 'wire-fees': {
      const { method, start, end, wireFee, closingFee } = order;
      const fees = { wire: wireFee, closing: closingFee };
      const period = { startDate: start, endDate: end };
      return { master_sig: message('MasterWireFee', { hWireMethod: hash.text(method), ...period, fees }) };
    }
    case 'global-fees':
      return { master_sig: globalFeesMessage(order) };
    case 'extensions': {
      const hManifest = hash.extensions(parseJson(order.manifest));
      return { extensions_sig: message('MasterExtensionManifest', { hManifest }) };
    }
    case 'officer': {
      const { officerPub, name, active, readOnly, changedAt } = order;
      const isActive = (active ? 1 : 0) + (readOnly ? 2 : 0);
      const who = { officerPub: decodeBase32(officerPub, 32), hOfficerName: hash.text(name) };
      return { master_sig: message('MasterAmlOfficerStatus', { changeDate: changedAt, ...who, isActive }) };
    }
  }
}

/** Three signatures: for the exchange, and for wallets since 2023 and before. There are no restrictions. */
function wireAccountMessages({ paytoUri, start }: WireAccountOrder): OrderMessages {
  const hPayto = hash.fullPayto(paytoUri);
  const none = hash.json([]);
  const restrictions = { hConversionUrl: undefined, hDebitRestrictions: none, hCreditRestrictions: none };
  return {
    master_sig_add: message('MasterAddWire', { startDate: start, hPayto, ...restrictions }),
    master_sig_wire: message('MasterWireDetails', { hWireDetails: hPayto, ...restrictions }),
    master_sig_wire_old: message('MasterWireDetails2023', { hWireDetails: hPayto }),
  };
}

function globalFeesMessage(order: GlobalFeesOrder): Uint8Array {
  return message('MasterGlobalFee', {
    startDate: order.start,
    endDate: order.end,
    purseTimeout: order.purseTimeoutUs,
    historyExpiration: order.historyExpirationUs,
    fees: { history: order.historyFee, account: order.accountFee, purse: order.purseFee },
    purseAccountLimit: order.purseAccountLimit,
  });
}
