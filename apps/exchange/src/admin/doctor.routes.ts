/** `GET /doctor`: everything that can be wrong with a running exchange, and what to do about it. */
import type { KeyBook } from '@florin/domain';
import type { MasterOrder, SignerStatus } from '@florin/signing';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../runtime/tokens.js';
import type { AdminContext } from './admin.server.js';
import {
  bad,
  bankChecks,
  type Check,
  clockChecks,
  configurationChecks,
  diskChecks,
  good,
  look,
  permissionChecks,
} from './checks.js';

/** A store of so many events is checked from end to end within seconds. */
const SCRUB_EVENTS_MAX = 50_000;
const TRANSFERS_MAX = 1000;
const LATE_S = 3600;

export function doctorRoutes(server: FastifyInstance, context: AdminContext): void {
  const { foundation, views, keys, offering, signers, terms } = context;
  const { config, clock, ledger } = foundation;

  /** `deep=1` checks every event of the store however many there are. */
  server.get('/doctor', async (request) => {
    const { deep } = request.query as { deep?: string };
    await views.caughtUpWith(ledger.lastCommitted);
    const book = await keys.confirm();
    const now = clock.now();
    const checks: Check[] = [
      ...configurationChecks(config, now),
      ...permissionChecks(config),
      ...clockChecks(clock.suspicion(), now),
      ...keyChecks(book, { config, now, missing: (await offering.unsigned()).length }),
      ...feeChecks(terms.feesKeptOut(book)),
      ...signerChecks(signers.status()),
      ...(await storeChecks(context, deep === '1')),
      ...diskChecks(config),
      ...(await viewChecks(context)),
      ...(await transferChecks(context, now)),
      ...(await bankChecks(config)),
    ];
    return { running: true, checks };
  });
}

function keyChecks(book: KeyBook, { config, now, missing }: { config: Config; now: number; missing: number }): Check[] {
  const production = config.mode === 'production';
  const todo = production
    ? 'admin offline export, sign it where the master key is, admin offline import'
    : 'see the log for why no new keys are made';
  const checks: Check[] = [];
  if (missing > 0) checks.push(look('master key', `${missing} orders wait for its signature`, todo));
  // Keys are made so early that the last one of each kind reaches beyond the lookahead.
  const until = now + config.keySchedule.lookahead;
  for (const [name, ends] of Object.entries({ 'signing keys': signingEnds(book), ...denominationEnds(book, config) })) {
    const last = Math.max(0, ...ends);
    const date = new Date(last * 1000).toISOString();
    if (last <= now) checks.push(bad(name, 'none is valid', todo));
    else
      checks.push(last < until ? look(name, `the last one ends at ${date}`, todo) : good(name, `valid until ${date}`));
  }
  if (book.accounts.size === 0) checks.push(bad('wire accounts', 'none is enabled', todo));
  else checks.push(good('wire accounts', `${book.accounts.size} enabled`));
  if (production && ![...book.officers.values()].some(({ active }) => active)) {
    checks.push(look('officers', 'nobody may decide legitimizations', 'admin officer enrol'));
  }
  return checks;
}

const signingEnds = (book: KeyBook): number[] =>
  [...book.signingKeys.values()]
    .filter(({ exchangePub }) => !book.revokedSigningKeys.has(exchangePub))
    .map(({ expire }) => expire);

/** Of the configured denomination that ends first: until when its keys are withdrawn. */
function denominationEnds(book: KeyBook, { denominations }: Config): { denominations: number[] } {
  const offered = [...book.denominations.values()].filter(
    ({ denominationHash }) => !book.revoked.has(denominationHash),
  );
  const lasts = denominations.map(({ value, cipher, ageGroups }) => {
    const own = offered.filter((one) => one.value === value && one.key.cipher === cipher && one.ageMask === ageGroups);
    return Math.max(0, ...own.map(({ expireWithdraw }) => expireWithdraw));
  });
  return { denominations: [Math.min(...lasts)] };
}

/** Fees that were signed for a time are fixed: the configuration cannot have others for it. */
function feeChecks(keptOut: readonly MasterOrder[]): Check[] {
  if (keptOut.length === 0) return [];
  const found = `${keptOut.length} of the configuration differ from what is signed for the same time, which holds`;
  return [look('fees', found, 'configure the next period instead')];
}

function signerChecks(status: readonly SignerStatus[]): Check[] {
  const ready = status.filter((signer) => signer.ready).length;
  const found = `${ready} of ${status.length} processes are ready`;
  return [ready === status.length ? good('signers', found) : bad('signers', found, 'see the log for what ended them')];
}

async function storeChecks({ foundation }: AdminContext, deep: boolean): Promise<Check[]> {
  const { store } = foundation;
  const head = store.head();
  if (!head) return [look('ledger', 'this node keeps no signed head', 'see the log')];
  if (!deep && head.size > SCRUB_EVENTS_MAX) {
    return [good('ledger', `${head.size} events under a signed head; all are checked daily, or now with --deep`)];
  }
  try {
    await store.scrub();
    return [good('ledger', `${head.size} events, each as its signed head says`)];
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return [bad('ledger', reason, 'stop, and restore a backup: a damaged ledger is not repaired')];
  }
}

async function viewChecks({ views }: AdminContext): Promise<Check[]> {
  const { position, storePosition } = await views.lag();
  if (position === storePosition) return [good('read models', 'they have counted every event')];
  return [
    look('read models', `they stand at ${position}, the ledger at ${storePosition}`, 'wait; else projection rebuild'),
  ];
}

async function transferChecks({ views }: AdminContext, now: number): Promise<Check[]> {
  const [rejected, requested] = await Promise.all([
    views.ask('transfers', 'byStatus', 'rejected', { limit: TRANSFERS_MAX }),
    views.ask('transfers', 'byStatus', 'requested', { limit: TRANSFERS_MAX }),
  ]);
  const late = requested.filter(({ requestedAt }) => requestedAt < now - LATE_S);
  const checks: Check[] = [];
  if (rejected.length > 0) {
    checks.push(
      bad('transfers', `the bank refused ${rejected.length} for good`, 'admin transfer list, then retry or redirect'),
    );
  }
  if (late.length > 0)
    checks.push(look('transfers', `${late.length} wait since more than an hour`, 'look at the bank'));
  return checks.length > 0 ? checks : [good('transfers', `${requested.length} under way, none refused`)];
}
