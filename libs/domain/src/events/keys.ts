/** Events of the `keys` stream: what the exchange offers, each signed by the offline master key. */
import {
  amount,
  blob,
  byCipher,
  bytes,
  count,
  defineEvent,
  type EventOf,
  flag,
  instant,
  optional,
  text,
} from './fields.js';
import * as f from './names.js';

/** Terms that hold for the whole ledger. The first event of the stream; a later one replaces it (base URL, delays). */
export const ExchangeConfigured = defineEvent('ExchangeConfigured', {
  masterPub: f.eddsaPub(),
  currency: text(),
  baseUrl: text(),
  /** The smallest amount that is wired; transfers are rounded down to a multiple of it. */
  roundUnit: amount(),
  /** A reserve without credits is closed after this many seconds. */
  reserveClosingDelayS: count(),
  /** Records are kept at least this many seconds. */
  legalDelayS: count(),
  at: instant(),
});

/** The key that signs the heads of the log's tree (LogKeyValidity, a structure of Florin's own). */
export const LogKeyOffered = defineEvent('LogKeyOffered', {
  logPub: f.eddsaPub(),
  start: instant(),
  masterSignature: f.eddsaSignature(),
  at: instant(),
});

export const SigningKeyOffered = defineEvent('SigningKeyOffered', {
  exchangePub: f.eddsaPub(),
  /** Signs from `start` until `expire`; its signatures are to be trusted in court until `end`. */
  start: instant(),
  expire: instant(),
  end: instant(),
  masterSignature: f.eddsaSignature(),
  at: instant(),
});

export const SigningKeyRevoked = defineEvent('SigningKeyRevoked', {
  exchangePub: f.eddsaPub(),
  masterSignature: f.eddsaSignature(),
  at: instant(),
});

/** A denomination key whose private part every live signer has loaded. */
export const DenominationOffered = defineEvent('DenominationOffered', {
  denominationHash: f.denominationHash(),
  /** RSA: `u16 len(n) | u16 len(e) | n | e`. CS: the 32-byte point. */
  key: byCipher({ rsaPub: blob() }, { csPub: bytes(32) }),
  /** Bit a set: an age group begins at age a. 0: no age restriction. */
  ageMask: count(),
  value: amount(),
  feeWithdraw: amount(),
  feeDeposit: amount(),
  feeRefresh: amount(),
  feeRefund: amount(),
  start: instant(),
  expireWithdraw: instant(),
  expireDeposit: instant(),
  expireLegal: instant(),
  masterSignature: f.eddsaSignature(),
  at: instant(),
});

/** From now on its coins buy nothing: they are recouped. */
export const DenominationRevoked = defineEvent('DenominationRevoked', {
  denominationHash: f.denominationHash(),
  masterSignature: f.eddsaSignature(),
  at: instant(),
});

/** An account of the exchange. Its URI is public. */
export const WireAccountEnabled = defineEvent('WireAccountEnabled', {
  /** Section name in the configuration and in `wire-<account>`. */
  account: text(),
  paytoUri: text(),
  start: instant(),
  /** MasterAddWirePS, for the exchange. */
  masterSignatureAdd: f.eddsaSignature(),
  /** MasterWireDetailsPS as wallets since 2023 check it: 232 bytes. */
  masterSignatureWire: f.eddsaSignature(),
  /** MasterWireDetailsPS as wallets before 2023 check it: 40 bytes. Absent if the operator did not make it. */
  masterSignatureWireOld: optional(f.eddsaSignature()),
  at: instant(),
});

export const WireAccountDisabled = defineEvent('WireAccountDisabled', {
  paytoUri: text(),
  end: instant(),
  masterSignature: f.eddsaSignature(),
  at: instant(),
});

/** Fees of one wire method in [start, end). */
export const WireFeesSet = defineEvent('WireFeesSet', {
  method: text(),
  start: instant(),
  end: instant(),
  wireFee: amount(),
  closingFee: amount(),
  masterSignature: f.eddsaSignature(),
  at: instant(),
});

/** Fees that depend on no denomination, in [start, end). */
export const GlobalFeesSet = defineEvent('GlobalFeesSet', {
  start: instant(),
  end: instant(),
  historyFee: amount(),
  accountFee: amount(),
  purseFee: amount(),
  /** Whole microseconds. */
  purseTimeoutUs: count(),
  historyExpirationUs: count(),
  purseAccountLimit: count(),
  masterSignature: f.eddsaSignature(),
  at: instant(),
});

/** The protocol extensions that hold, as published in `/keys`: the age groups. */
export const ExtensionsSet = defineEvent('ExtensionsSet', {
  /** Canonical JSON text of the `extensions` object. */
  manifest: text(),
  masterSignature: f.eddsaSignature(),
  at: instant(),
});

/** Who may decide legitimizations. */
export const OfficerEnrolled = defineEvent('OfficerEnrolled', {
  officerPub: f.eddsaPub(),
  name: text(),
  active: flag(),
  readOnly: flag(),
  changedAt: instant(),
  masterSignature: f.eddsaSignature(),
  at: instant(),
});

export const KEYS_EVENTS = [
  ExchangeConfigured,
  LogKeyOffered,
  SigningKeyOffered,
  SigningKeyRevoked,
  DenominationOffered,
  DenominationRevoked,
  WireAccountEnabled,
  WireAccountDisabled,
  WireFeesSet,
  GlobalFeesSet,
  ExtensionsSet,
  OfficerEnrolled,
] as const;
export type KeysEvent = EventOf<(typeof KEYS_EVENTS)[number]>;
