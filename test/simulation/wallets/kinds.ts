import { MOVES } from './moves.js';

/** What has to happen in a run of full size, or it proves nothing. */
export const KINDS: readonly string[] = [
  ...MOVES.map(({ name }) => `move: ${name}`),
  'move: ask again after a lost answer',
  ...['crash', 'crash that lost the views', 'crash while starting', 'answer lost'],
  ...['commit dropped by a crash', 'reply to a commit dropped by a crash', 'request to the bank lost'],
  ...['purse merged', 'purse expired', 'purse deleted', 'reserve closed by its owner', 'reserve closed by itself'],
  ...['transfer refused for good', 'transfer tried again', 'transfer redirected'],
  ...['denomination revoked', 'coin recouped', 'coin refunded', 'legitimization decided'],
  ...['race won once', 'repeated a request', 'repeated a refused request', 'repeated a recoup'],
  ...['coin-overspent', 'denomination-gone', 'legitimization-needed', 'merged-elsewhere', 'other-payment'].map(
    (kind) => `proof verified: ${kind}`,
  ),
  ...['purse-of-other-terms', 'reserve-overdrawn'].map((kind) => `proof verified: ${kind}`),
  'refused 402 EXCHANGE_PURSE_NOT_FULL',
  'refused 403 EXCHANGE_PURSE_MERGE_INVALID_MERGE_SIGNATURE',
  'refused 404 EXCHANGE_GENERIC_RESERVE_UNKNOWN',
  'refused 409 EXCHANGE_GENERIC_INSUFFICIENT_FUNDS',
  'refused 409 EXCHANGE_PURSE_DELETE_ALREADY_DECIDED',
  'refused 409 EXCHANGE_WITHDRAW_INSUFFICIENT_FUNDS',
  'refused 410 EXCHANGE_GENERIC_DENOMINATION_REVOKED',
  'refused 410 EXCHANGE_GENERIC_PURSE_DELETED',
  'refused 410 EXCHANGE_GENERIC_PURSE_EXPIRED',
  'refused 410 EXCHANGE_RECOUP_NOT_ELIGIBLE',
  'refused 451 EXCHANGE_GENERIC_KYC_REQUIRED',
];
