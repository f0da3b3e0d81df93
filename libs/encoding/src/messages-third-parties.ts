import {
  amount,
  denominationFees,
  duration,
  hash,
  hashOrZeros,
  layout,
  paytoHash,
  publicKey,
  timestamp,
  u32,
  u64,
} from './layout.js';

/*
 * What auditors, merchants, officers, account owners and the exchange's security modules sign.
 * Source: protocol/signatures.md
 */
export const THIRD_PARTY_MESSAGES = {
  /** An auditor vouches for a denomination. */
  ExchangeKeyValidity: layout('AUDITOR_EXCHANGE_KEYS', {
    /** SHA-512 of the auditor's URL and NUL. */
    auditorUrlHash: hash,
    master: publicKey,
    start: timestamp,
    expireWithdraw: timestamp,
    expireDeposit: timestamp,
    expireLegal: timestamp,
    value: amount,
    fees: denominationFees,
    denomHash: hash,
  }),

  // --- merchant ---

  ProposalData: layout('MERCHANT_CONTRACT', { hash }),
  PaymentResponse: layout('MERCHANT_PAYMENT_OK', { hContractTerms: hash }),
  MerchantWireDetails: layout('MERCHANT_WIRE_DETAILS', {
    /** Salted hash of the account. */
    hWireDetails: hash,
  }),
  RefundRequest: layout('MERCHANT_REFUND', {
    hContractTerms: hash,
    coinPub: publicKey,
    /** Chosen by the merchant. */
    rtransactionId: u64,
    /** With the refund fee. */
    refundAmount: amount,
  }),
  DepositTrack: layout('MERCHANT_TRACK_TRANSACTION', {
    hContractTerms: hash,
    hWire: hash,
    coinPub: publicKey,
  }),
  DepositTrack2022: layout('MERCHANT_TRACK_TRANSACTION', {
    hContractTerms: hash,
    hWire: hash,
    merchant: publicKey,
    coinPub: publicKey,
  }),

  // --- legitimization: an officer decides, an owner asks ---

  AmlDecision: layout('AML_DECISION', {
    decisionTime: timestamp,
    /** Normalised hash. */
    hPayto: paytoHash,
    /** SHA-512 of the text without NUL. */
    hJustification: hash,
    /** JSON hash. */
    hProperties: hashOrZeros,
    /** JSON hash. */
    hNewRules: hash,
    /** SHA-512 of the name without NUL. */
    hNewMeasure: hashOrZeros,
    /** 1 to keep investigating. */
    flags: u64,
  }),
  AmlDecision2023: layout('AML_DECISION', {
    hJustification: hash,
    /** Signed as 0, whatever the request says: the signer of 2023 never filled it. */
    decisionTime: timestamp,
    newThreshold: amount,
    hPayto: paytoHash,
    /** JSON hash. */
    hKycRequirements: hashOrZeros,
    newState: u32,
  }),
  AmlQuery: layout('AML_QUERY', {}),
  KycQuery: layout('KYC_AUTH', {}),

  // --- security modules announce keys ---

  RsaDenominationKeyAnnouncement: layout('SM_RSA_DENOMINATION_KEY', {
    /** SHA-512 of the encoded key alone. */
    hDenom: hash,
    /** SHA-512 of the section's name and NUL. */
    hSectionName: hash,
    anchorTime: timestamp,
    durationWithdraw: duration,
  }),
  CsDenominationKeyAnnouncement: layout('SM_CS_DENOMINATION_KEY', {
    hDenom: hash,
    hSectionName: hash,
    anchorTime: timestamp,
    durationWithdraw: duration,
  }),
  SigningKeyAnnouncement: layout('SM_SIGNING_KEY', {
    exchangePub: publicKey,
    anchorTime: timestamp,
    duration,
  }),
} as const;
