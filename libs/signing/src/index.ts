export { type AccountKey, AccountVault, type AccountVaultOptions, DamagedSeal, openSealed } from './account-vault.js';
export { KeyFolderRefused } from './files.js';
export {
  denominationKeyName,
  KEPT_HEAD,
  KeyFolder,
  type KeyFolderOptions,
  type KeyName,
  LOG_KEY,
  MASTER_KEY,
  OFFICER_KEY,
  signingKeyName,
} from './key-folder.js';
export * from './master-order-json.js';
export * from './master-orders.js';
export * from './offers.js';
export { MasterKey, OfficerKey } from './offline-keys.js';
export {
  type DenominationKey,
  type Ed25519Key,
  type Ed25519KeyKind,
  type FaultKind,
  type NewKey,
  type PublicKey,
  SigningRefused,
} from './protocol.js';
export * from './schedule.js';
export { type SignerStatus, SignersBusy, SignersUnavailable } from './signer-pool.js';
export type { SignerUser } from './signer-process.js';
export { type BlindRequest, type DeriveRequest, Signers, type SignersOptions } from './signers.js';
export { type LegitimizationVerdict, verdictMessage } from './verdicts.js';
export { Verifiers, VerifiersBusy, type VerifiersOptions, VerifiersUnavailable } from './verifiers.js';
export type { RebuildJob, VerifyJob } from './verify.js';
