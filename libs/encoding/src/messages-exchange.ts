import { amount, hash, hashOrZeros, layout, paytoHash, publicKey, timestamp, u32, u64, word8, wtid } from './layout.js';

/*
 * What the exchange signs with its online key. A name without a year is the layout in force.
 * Source: protocol/signatures.md
 */
export const EXCHANGE_MESSAGES = {
  // --- keys and denominations ---

  ExchangeKeySet: layout('EXCHANGE_KEY_SET', {
    listIssueDate: timestamp,
    /** Over what depends on the version of /keys: master signatures, or the denomination hashes in two ways. */
    hc: hash,
  }),
  DenominationUnknownAffirmation: layout('EXCHANGE_AFFIRM_DENOM_UNKNOWN', {
    timestamp,
    hDenomPub: hash,
  }),
  DenominationExpiredAffirmation: layout('EXCHANGE_AFFIRM_DENOM_EXPIRED', {
    timestamp,
    /** First eight bytes of the `oper` of the reply. */
    operation: word8,
    hDenomPub: hash,
  }),

  // --- reserves ---

  ReserveCloseConfirmation: layout('EXCHANGE_RESERVE_CLOSED', {
    timestamp,
    /** All that was debited, closing fee included. */
    closingAmount: amount,
    closingFee: amount,
    reservePub: publicKey,
    /** Full hash of the account that is paid. */
    hPayto: paytoHash,
    wtid,
  }),
  RecoupConfirmation: layout('EXCHANGE_CONFIRM_RECOUP', {
    timestamp,
    recoupAmount: amount,
    coinPub: publicKey,
    reservePub: publicKey,
  }),
  ExchangeAttest: layout('EXCHANGE_RESERVE_ATTEST_DETAILS', {
    attestTimestamp: timestamp,
    expirationTime: timestamp,
    reservePub: publicKey,
    /** JSON hash of the attributes. */
    hAttributes: hash,
  }),
  AgeWithdrawConfirmation: layout('EXCHANGE_CONFIRM_AGE_WITHDRAW', {
    hCommitment: hash,
    /** 0 to 2: the candidate that is not to be revealed. */
    norevealIndex: u32,
  }),
  AccountSetupSuccess2023: layout('EXCHANGE_ACCOUNT_SETUP_SUCCESS', {
    hPayto: paytoHash,
    /** JSON hash of the KYC object. */
    hKyc: hash,
    timestamp,
  }),
  AccountSetupSuccess2022: layout('EXCHANGE_ACCOUNT_SETUP_SUCCESS', {
    hPayto: paytoHash,
    timestamp,
  }),

  // --- purses ---

  /** Answers purse creation, deposits into a purse and POST /reserves/R/purse. */
  PurseCreateDepositConfirmation: layout('EXCHANGE_CONFIRM_PURSE_CREATION', {
    exchangeTime: timestamp,
    purseExpiration: timestamp,
    /** Target of the purse, not what was paid. */
    amountWithoutFee: amount,
    /** What the purse holds now, without deposit fees. */
    totalDeposited: amount,
    pursePub: publicKey,
    hContractTerms: hash,
  }),
  PurseMergedConfirmation: layout('EXCHANGE_CONFIRM_PURSE_MERGED', {
    exchangeTime: timestamp,
    purseExpiration: timestamp,
    amountWithoutFee: amount,
    pursePub: publicKey,
    reservePub: publicKey,
    hContractTerms: hash,
    /** SHA-512 of the base URL and NUL. */
    hProviderUrl: hash,
  }),
  PurseStatus: layout('EXCHANGE_PURSE_STATUS', {
    /** NEVER while the purse is not merged. */
    mergeTimestamp: timestamp,
    /** 0 while the purse is not full. */
    depositTimestamp: timestamp,
    /** Without deposit fees. */
    balance: amount,
  }),
  CoinPurseRefundConfirmation: layout('EXCHANGE_CONFIRM_PURSE_REFUND', {
    pursePub: publicKey,
    coinPub: publicKey,
    /** Contribution less the refund fee, as in the reply; the coin gets all of its contribution back. */
    refundedAmount: amount,
    refundFee: amount,
  }),

  // --- coins: deposit, melt, refund, recoup, and what is wired to merchants ---

  DepositConfirmation: layout('EXCHANGE_CONFIRM_DEPOSIT', {
    hContractTerms: hash,
    hWire: hash,
    hPolicy: hashOrZeros,
    exchangeTimestamp: timestamp,
    wireDeadline: timestamp,
    refundDeadline: timestamp,
    totalWithoutFee: amount,
    /** SHA-512 over the coin signatures, in order of the request. */
    hCoinSigs: hash,
    merchantPub: publicKey,
  }),
  DepositConfirmation2023: layout('EXCHANGE_CONFIRM_DEPOSIT', {
    hContractTerms: hash,
    hWire: hash,
    hPolicy: hashOrZeros,
    exchangeTimestamp: timestamp,
    wireDeadline: timestamp,
    refundDeadline: timestamp,
    amountWithoutFee: amount,
    coinPub: publicKey,
    merchantPub: publicKey,
  }),
  /** The same bytes as of 2023: only a name has changed. */
  DepositConfirmation2022: layout('EXCHANGE_CONFIRM_DEPOSIT', {
    hContractTerms: hash,
    hWire: hash,
    hExtensions: hashOrZeros,
    exchangeTimestamp: timestamp,
    wireDeadline: timestamp,
    refundDeadline: timestamp,
    amountWithoutFee: amount,
    coinPub: publicKey,
    merchantPub: publicKey,
  }),
  RefreshMeltConfirmation: layout('EXCHANGE_CONFIRM_MELT', {
    rc: hash,
    /** 0 to 2: the candidate that is not to be revealed. */
    norevealIndex: u32,
  }),
  RefundConfirmation: layout('EXCHANGE_CONFIRM_REFUND', {
    hContractTerms: hash,
    coinPub: publicKey,
    merchant: publicKey,
    /** Chosen by the merchant. */
    rtransactionId: u64,
    /** With the refund fee. */
    refundAmount: amount,
  }),
  RecoupRefreshConfirmation: layout('EXCHANGE_CONFIRM_RECOUP_REFRESH', {
    timestamp,
    recoupAmount: amount,
    coinPub: publicKey,
    /** The melted coin that is credited. */
    oldCoinPub: publicKey,
  }),
  ConfirmWire: layout('EXCHANGE_CONFIRM_WIRE', {
    hWire: hash,
    hContractTerms: hash,
    wtid,
    coinPub: publicKey,
    executionTime: timestamp,
    /** After the deposit fee. */
    coinContribution: amount,
  }),
  WireDepositData: layout('EXCHANGE_CONFIRM_WIRE_DEPOSIT', {
    total: amount,
    wireFee: amount,
    merchantPub: publicKey,
    hPayto: paytoHash,
    /** SHA-512 over the {@link HASHED_RECORDS} WireDepositDetail of every deposit, in order of the reply. */
    hDetails: hash,
  }),
} as const;

/** Packed like a signed structure but without a header: input of a hash. */
export const HASHED_RECORDS = {
  WireDepositDetail: {
    hContractTerms: hash,
    executionTime: timestamp,
    coinPub: publicKey,
    /** With the deposit fee. */
    depositValue: amount,
    depositFee: amount,
  },
} as const;
