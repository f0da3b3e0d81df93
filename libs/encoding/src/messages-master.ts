import {
  amount,
  denominationFees,
  duration,
  globalFees,
  hash,
  hashOrZeros,
  layout,
  paytoHash,
  publicKey,
  timestamp,
  u32,
  wireFees,
  wtid,
} from './layout.js';

/*
 * What the offline master key signs. A name without a year is the layout in force; clients of 2023 verify the layouts
 * of their time, so /keys carries both signatures for wire accounts.
 * Source: protocol/signatures.md
 */
export const MASTER_MESSAGES = {
  // --- keys ---

  ExchangeSigningKeyValidity: layout('MASTER_SIGNING_KEY_VALIDITY', {
    start: timestamp,
    /** When it stops to sign. */
    expire: timestamp,
    /** When its signatures stop to count. */
    end: timestamp,
    signkeyPub: publicKey,
  }),
  MasterSigningKeyRevocation: layout('MASTER_SIGNING_KEY_REVOKED', {
    exchangePub: publicKey,
  }),
  DenominationKeyValidity: layout('MASTER_DENOMINATION_KEY_VALIDITY', {
    master: publicKey,
    start: timestamp,
    expireWithdraw: timestamp,
    expireDeposit: timestamp,
    expireLegal: timestamp,
    value: amount,
    fees: denominationFees,
    denomHash: hash,
  }),
  MasterDenominationKeyRevocation: layout('MASTER_DENOMINATION_KEY_REVOKED', {
    hDenomPub: hash,
  }),

  // --- wire accounts and fees ---

  /** The account is enabled from `startDate` on. */
  MasterAddWire: layout('MASTER_ADD_WIRE', {
    startDate: timestamp,
    hPayto: paytoHash,
    hConversionUrl: hashOrZeros,
    /** JSON hash of the array, also of an empty one. */
    hDebitRestrictions: hash,
    hCreditRestrictions: hash,
  }),
  MasterAddWire2023: layout('MASTER_ADD_WIRE', {
    startDate: timestamp,
    hPayto: paytoHash,
  }),
  MasterDelWire: layout('MASTER_DEL_WIRE', {
    endDate: timestamp,
    hPayto: paytoHash,
  }),
  /** Shown to clients with the account. */
  MasterWireDetails: layout('MASTER_WIRE_DETAILS', {
    /** Full hash of the payto URI. */
    hWireDetails: paytoHash,
    hConversionUrl: hashOrZeros,
    hDebitRestrictions: hash,
    hCreditRestrictions: hash,
  }),
  MasterWireDetails2023: layout('MASTER_WIRE_DETAILS', {
    hWireDetails: paytoHash,
  }),
  MasterWireFee: layout('MASTER_WIRE_FEES', {
    /** SHA-512 of the method's name and NUL. */
    hWireMethod: hash,
    startDate: timestamp,
    endDate: timestamp,
    fees: wireFees,
  }),
  MasterGlobalFee: layout('MASTER_GLOBAL_FEES', {
    startDate: timestamp,
    endDate: timestamp,
    purseTimeout: duration,
    historyExpiration: duration,
    fees: globalFees,
    /** Free purses per account and year. */
    purseAccountLimit: u32,
  }),
  MasterGlobalFee2022: layout('MASTER_GLOBAL_FEES', {
    startDate: timestamp,
    endDate: timestamp,
    purseTimeout: duration,
    kycTimeout: duration,
    historyExpiration: duration,
    fees: globalFees,
    purseAccountLimit: u32,
  }),
  DrainProfit: layout('MASTER_DRAIN_PROFIT', {
    wtid,
    date: timestamp,
    amount,
    /** SHA-512 of the configuration section's name and NUL. */
    hSection: hash,
    hPayto: paytoHash,
  }),

  // --- who else has a say ---

  MasterAddAuditor: layout('MASTER_ADD_AUDITOR', {
    startDate: timestamp,
    auditorPub: publicKey,
    /** SHA-512 of the URL and NUL. */
    hAuditorUrl: hash,
  }),
  MasterDelAuditor: layout('MASTER_DEL_AUDITOR', {
    endDate: timestamp,
    auditorPub: publicKey,
  }),
  MasterAmlOfficerStatus: layout('MASTER_AML_KEY', {
    changeDate: timestamp,
    officerPub: publicKey,
    /** SHA-512 of the name and NUL. */
    hOfficerName: hash,
    /** 1 if active, plus 2 if read-only. */
    isActive: u32,
  }),
  /** Also known with the numbers 1032 and 1048. */
  PartnerConfiguration: layout('MASTER_PARTNER_DETAILS', {
    partnerPub: publicKey,
    startDate: timestamp,
    endDate: timestamp,
    wadFrequency: duration,
    wadFee: amount,
    /** SHA-512 of the partner's base URL and NUL. */
    hUrl: hash,
  }),
  MasterExtensionManifest: layout('MASTER_EXTENSION', {
    hManifest: hash,
  }),
  MasterExtensionConfiguration2022: layout('MASTER_EXTENSION', {
    hConfig: hash,
  }),
} as const;
