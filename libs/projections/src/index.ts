export type { Checkpoint } from './batch.js';
export { type CoinHistory, type CoinHistoryEntry, coinHistoryEntry, coinHistoryOf } from './coin-history.js';
export type { Page } from './columns.js';
export type { DenominationLedger } from './denominations.js';
export type { LegitimizationCase, LegitimizationDecision, LegitimizedAccount } from './legitimizations.js';
export type { Moment, OnProgress, PastView, Progress, Verification } from './maintenance.js';
export type { PurseEnding, PurseStatus, StoredContract } from './purses.js';
export {
  type ReserveHistory,
  type ReserveHistoryEntry,
  type ReserveHistoryRow,
  reserveHistoryEntries,
  withoutSettledRequests,
} from './reserve-history.js';
export type { ReserveSummary } from './reserve-summary.js';
export { type Lag, Views, type ViewsOptions, ViewsStopped } from './runner.js';
export type { Difference, RowSelection, TableRow } from './tables.js';
export type { OutgoingTransfer, TransferStatus } from './transfers.js';
export { type QueryAnswer, type QueryArguments, type QueryName, VIEW_NAMES, type ViewName } from './views.js';
export { ViewsBehind } from './waiters.js';
export type { WireCredit } from './wire-credits.js';
