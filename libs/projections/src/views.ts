/** The read models. One more is a file and a line here. */
import { coinHistory } from './coin-history.js';
import { denominations } from './denominations.js';
import { envelopes } from './envelopes.js';
import { legitimizations } from './legitimizations.js';
import { purses } from './purses.js';
import { reserveHistory } from './reserve-history.js';
import { reserveSummary } from './reserve-summary.js';
import { transfers } from './transfers.js';
import { wireCredits } from './wire-credits.js';

export const VIEWS = [
  reserveSummary,
  reserveHistory,
  envelopes,
  purses,
  coinHistory,
  transfers,
  wireCredits,
  denominations,
  legitimizations,
] as const;

type ListedView = (typeof VIEWS)[number];
export type ViewName = ListedView['name'];
export const VIEW_NAMES: readonly ViewName[] = VIEWS.map(({ name }) => name);

type QueriesOf<V extends ViewName> = ReturnType<Extract<ListedView, { readonly name: V }>['open']>['queries'];
export type QueryName<V extends ViewName> = Extract<keyof QueriesOf<V>, string>;
type Query<V extends ViewName, Q extends QueryName<V>> = Extract<QueriesOf<V>[Q], (...args: never[]) => unknown>;
export type QueryArguments<V extends ViewName, Q extends QueryName<V>> = Parameters<Query<V, Q>>;
export type QueryAnswer<V extends ViewName, Q extends QueryName<V>> = ReturnType<Query<V, Q>>;
