export {
  type AgeCommitment,
  type AgeRestriction,
  ageGroup,
  ageGroups,
  formatAgeGroups,
  parseAgeGroups,
} from './age.js';
export type {
  ClauseSchnorr,
  CsBlinding,
  CsBlindSignature,
  CsChallenges,
  CsOperation,
  CsPublicPair,
  CsSession,
  CsSignature,
} from './clause-schnorr.js';
export type { ContractKeys, Contracts, MergeContract } from './contract.js';
export type {
  BlindedPlanchet,
  Blinding,
  BlindSignature,
  Denomination,
  DenominationPub,
  DenominationSignature,
  WithdrawValues,
} from './denomination.js';
export * from './denomination-json.js';
export type { Ecdh, Eddsa } from './eddsa.js';
export type { Edx25519 } from './edx25519.js';
export { BadBlindSignature, MaliciousKey, MemberError } from './errors.js';
export type { Hashes } from './hashes.js';
export type { Kdf, KdfInput } from './kdf.js';
export type { CoinSecrets, PlanchetSecrets } from './planchet.js';
export type { Ed25519, Ed25519KeyPair, EdwardsGroup, Primitives, Secretbox, X25519 } from './primitives.js';
export { CANDIDATES, type Refresh, type RefreshCommitment } from './refresh.js';
export type { Rsa, RsaKey } from './rsa.js';
export { decodeRsaPub, encodeRsaPub, RSA_LIMITS, type RsaLimits, type RsaPublicKey } from './rsa-key.js';
export { isCanonicalScalar } from './scalar.js';
export { type Taler, taler } from './taler.js';
