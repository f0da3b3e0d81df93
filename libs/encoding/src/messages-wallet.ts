import {
  absentAsZeros,
  ageHash,
  amount,
  bytes,
  hash,
  hashOrZeros,
  layout,
  paytoHash,
  publicKey,
  secret,
  signature,
  timestamp,
  u8,
  u32,
  u32LittleEndian,
  u64,
} from './layout.js';

/*
 * What a wallet signs, with the key of a reserve, a coin, a purse, a merge capability or an age group. A name without a
 * year is the layout in force; with a year it is the one of that time. Field names are the protocol's, in camel case.
 * Source: protocol/signatures.md; checked against signatures.json in test/vectors and in test/vectors/protocol
 */
export const WALLET_MESSAGES = {
  // --- signed by a reserve ---

  /** One planchet of batch-withdraw or the old withdraw. Same purpose and size as the unified form: never mix them. */
  WithdrawRequest: layout('WALLET_RESERVE_WITHDRAW', {
    /** Value of the denomination and its withdraw fee, for this coin. */
    amountWithFee: amount,
    hDenominationPub: hash,
    hCoinEnvelope: hash,
  }),
  /** A whole request of the unified withdraw (protocol 26 and later). */
  WithdrawRequestUnified: layout('WALLET_RESERVE_WITHDRAW', {
    /** Sum of the coins' values, without fees. */
    amount,
    /** Sum of the withdraw fees. */
    fee: amount,
    /** SHA-512 over the envelope hashes, in order. */
    hPlanchets: hash,
    /** Absent when no coin of the batch is Clause-Schnorr. */
    blindingSeed: absentAsZeros(bytes(32)),
    /** 0 without age restriction. */
    maxAgeGroup: u32,
    /** 0 without age restriction. */
    mask: u32,
  }),
  AgeWithdrawRequest: layout('WALLET_RESERVE_AGE_WITHDRAW', {
    reservePub: publicKey,
    amountWithFee: amount,
    hCommitment: hash,
    mask: u32,
    maxAgeGroup: u8,
  }),
  AgeWithdrawRequest2023: layout('WALLET_RESERVE_AGE_WITHDRAW', {
    hCommitment: hash,
    amountWithFee: amount,
    /** A maximum age in spite of its name. */
    maxAgeGroup: u32LittleEndian,
  }),
  ReserveHistoryRequest: layout('WALLET_RESERVE_HISTORY', {
    /** The `start` argument of the query, 0 without one. */
    startOff: u64,
  }),
  ReserveHistoryRequest2023: layout('WALLET_RESERVE_HISTORY', {
    requestTimestamp: timestamp,
    historyFee: amount,
  }),
  ReserveStatusRequest2023: layout('WALLET_RESERVE_STATUS', {
    requestTimestamp: timestamp,
  }),
  ReserveClose: layout('WALLET_RESERVE_CLOSE', {
    requestTimestamp: timestamp,
    /** Full hash; absent when the account of origin is meant. */
    targetAccountHPayto: absentAsZeros(paytoHash),
  }),
  ReserveClose2022: layout('WALLET_RESERVE_CLOSE', {}),
  ReserveOpen: layout('WALLET_RESERVE_OPEN', {
    /** What the reserve's own balance pays. */
    reservePayment: amount,
    requestTimestamp: timestamp,
    reserveExpiration: timestamp,
    /** Number of open purses wanted. */
    purseLimit: u32,
  }),
  ReserveAttestRequest: layout('WALLET_RESERVE_ATTEST_DETAILS', {
    requestTimestamp: timestamp,
    /** JSON hash of the array of names. */
    hDetails: hash,
  }),
  AccountMerge: layout('WALLET_ACCOUNT_MERGE', {
    purseExpiration: timestamp,
    purseAmount: amount,
    /** What the reserve pays for the purse: zero on merge, and when it comes out of the quota. */
    purseFee: amount,
    hContractTerms: hash,
    pursePub: publicKey,
    mergeTimestamp: timestamp,
    minAge: u32,
    /** 1 merge of a fully paid purse, 2 creation out of the quota, 3 creation with a purse fee. */
    flags: u32,
  }),
  AccountSetupRequest: layout('WALLET_ACCOUNT_SETUP', {
    /** Balance that the wallet wants to exceed. */
    threshold: amount,
  }),
  AccountSetupRequest2022: layout('WALLET_ACCOUNT_SETUP', {}),

  // --- signed by a coin ---

  DepositRequest: layout('WALLET_COIN_DEPOSIT', {
    hContractTerms: hash,
    hAgeCommitment: ageHash,
    hPolicy: hashOrZeros,
    hWire: hash,
    hDenomPub: hash,
    walletTimestamp: timestamp,
    refundDeadline: timestamp,
    amountWithFee: amount,
    depositFee: amount,
    merchant: publicKey,
    walletDataHash: hashOrZeros,
  }),
  DepositRequest2023: layout('WALLET_COIN_DEPOSIT', {
    hContractTerms: hash,
    hAgeCommitment: ageHash,
    hPolicy: hashOrZeros,
    hWire: hash,
    hDenomPub: hash,
    walletTimestamp: timestamp,
    refundDeadline: timestamp,
    amountWithFee: amount,
    depositFee: amount,
    merchant: publicKey,
  }),
  /** The same bytes as of 2023: only a name has changed. */
  DepositRequest2022: layout('WALLET_COIN_DEPOSIT', {
    hContractTerms: hash,
    hAgeCommitment: ageHash,
    hExtensions: hashOrZeros,
    hWire: hash,
    hDenomPub: hash,
    walletTimestamp: timestamp,
    refundDeadline: timestamp,
    amountWithFee: amount,
    depositFee: amount,
    merchant: publicKey,
  }),
  RefreshMeltCoinAffirmation: layout('WALLET_COIN_MELT', {
    rc: hash,
    hDenomPub: hash,
    hAgeCommitment: ageHash,
    amountWithFee: amount,
    meltFee: amount,
  }),
  /** One disclosed coin of recoup-withdraw, or the old recoup of one coin. It names neither coin nor reserve. */
  RecoupRequest: layout('WALLET_COIN_RECOUP', {
    hDenomPub: hash,
    coinBlind: secret,
  }),
  RecoupRefreshRequest: layout('WALLET_COIN_RECOUP_REFRESH', {
    hDenomPub: hash,
    coinBlind: secret,
  }),
  LinkData: layout('WALLET_COIN_LINK', {
    hDenomPub: hash,
    /** Of the chosen set of the cut and choose. */
    transferPub: publicKey,
    /** C signs zeros here even for coins with an age commitment. */
    hAgeCommitment: ageHash,
    coinEnvelopeHash: hash,
  }),
  CoinHistoryRequest: layout('WALLET_COIN_HISTORY', {
    /** The `start` argument of the query, 0 without one. */
    startOff: u64,
  }),
  PurseDeposit: layout('WALLET_PURSE_DEPOSIT', {
    /** Contribution with the deposit fee. */
    coinAmount: amount,
    hDenomPub: hash,
    hAgeCommitment: ageHash,
    pursePub: publicKey,
    /** SHA-512 of the base URL and NUL. */
    hExchangeBaseUrl: hash,
  }),
  PurseDeposit2022: layout('WALLET_PURSE_DEPOSIT', {
    coinAmount: amount,
    pursePub: publicKey,
    hExchangeBaseUrl: hash,
  }),
  ReserveOpenDeposit: layout('WALLET_RESERVE_OPEN_DEPOSIT', {
    /** The signature over ReserveOpen itself: binds the coin to one request. */
    reserveSig: signature,
    /** With the deposit fee. */
    coinContribution: amount,
  }),

  // --- signed by a purse, a merge capability, an age group, a token ---

  PurseCreate: layout('WALLET_PURSE_CREATE', {
    purseExpiration: timestamp,
    /** What the purse is to hold, without fees. */
    purseAmount: amount,
    hContractTerms: hash,
    mergePub: publicKey,
    minAge: u32,
  }),
  PurseContract: layout('WALLET_PURSE_ECONTRACT', {
    /** SHA-512 of the encrypted contract. */
    hEcontract: hash,
    contractPub: publicKey,
  }),
  PurseDelete: layout('WALLET_PURSE_DELETE', {}),
  /** No endpoint asks for it. */
  PurseStatusRequest: layout('WALLET_PURSE_STATUS', {}),
  PurseMerge: layout('WALLET_PURSE_MERGE', {
    mergeTimestamp: timestamp,
    pursePub: publicKey,
    /** Normalised hash of the reserve's payto URI. */
    hPayto: paytoHash,
  }),
  AgeAttestation: layout('WALLET_AGE_ATTESTATION', {
    mask: u32,
    /** Minimum age attested. */
    age: u32,
  }),
  TokenUseRequest: layout('WALLET_TOKEN_USE', {
    hContractTerms: hash,
    walletDataHash: hashOrZeros,
  }),
} as const;
