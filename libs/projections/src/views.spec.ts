import { join } from 'node:path';
import { CATALOGUE, isOverdue, isPurseOverdue, maximumAgeAt, nextRefund, reserve } from '@florin/domain';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coinHistoryOf } from './coin-history.js';
import type { ViewsFile } from './file.js';
import { reserveHistoryEntries } from './reserve-history.js';
import { tablesOf } from './tables.js';
import { accountAt, reserveAt } from './testing/labels.js';
import { builtFile, eventsOf, inFolder, ledgerOf, type TestLedger } from './testing/ledgers.js';
import { COINS, coinAt, contractAt, PURSES, purseAt } from './testing/purse-steps.js';
import { anySteps, RESERVES, type Step } from './testing/steps.js';
import { VIEWS } from './views.js';

const places = Array.from({ length: RESERVES }, (_, place) => place);

/** Runs `check` on the views of many random ledgers. */
const forAnyLedger = (check: (file: ViewsFile, ledger: TestLedger) => Promise<void>): Promise<void> =>
  fc.assert(
    fc.asyncProperty(anySteps(120), (steps) => inFolder((folder) => viewing(folder, steps, check))),
    { numRuns: 25 },
  );

async function viewing(
  folder: string,
  steps: readonly Step[],
  check: (file: ViewsFile, ledger: TestLedger) => Promise<void>,
): Promise<void> {
  const ledger = await ledgerOf(steps);
  const file = await builtFile(join(folder, 'views.db'), ledger.store);
  await check(file, ledger);
  file.close();
}

describe('what views say is what their streams say', () => {
  test('reserve summary, and which reserves are overdue', () =>
    forAnyLedger(async (file, { history: { ledger, streams, now } }) => {
      const states = await Promise.all(places.map((place) => ledger.peek(streams.reserve(reserveAt(place)))));
      states.forEach((state, place) => {
        const { balance, expiresAt, collectableAt, origin, receivedFromPurse, events } = state;
        const summary = { balance, expiresAt, collectableAt, receivedFromPurse, lastEvent: events - 1 };
        const expected = events === 0 ? undefined : { ...summary, ...(origin && { origin }) };
        expect(file.ask('reserve-summary', 'summary', [reserveAt(place)])).toEqual(expected);
      });
      for (const at of [now, now + 30 * 86_400, Number.POSITIVE_INFINITY]) {
        const due = places.filter((place) => isOverdue(states[place] ?? reserve.initial(), at));
        due.sort(
          (a, b) => (states[a]?.expiresAt ?? 0) - (states[b]?.expiresAt ?? 0) || order(reserveAt(a), reserveAt(b)),
        );
        const overdue = due.map(reserveAt);
        expect(file.ask('reserve-summary', 'overdue', [{ now: at, limit: 99 }])).toEqual(overdue);
        expect(file.ask('reserve-summary', 'overdue', [{ now: at, limit: 1 }])).toEqual(overdue.slice(0, 1));
      }
    }));

  test('coin history: the same that the coin’s stream gives, from any entry on', () =>
    forAnyLedger(async (file, { history: { ledger, streams }, store }) => {
      for (let place = 0; place < COINS; place += 1) {
        const stream = streams.coin(coinAt(place));
        const events = (await store.readStream(stream.name)).events.map((event) => stream.decode(event));
        for (const after of [0, 1, 3]) {
          const expected = coinHistoryOf(events, after);
          expect(file.ask('coin-history', 'history', [coinAt(place), { after }])).toEqual(expected);
        }
        const { residual } = await ledger.peek(stream);
        expect(coinHistoryOf(events)?.balance ?? 0n).toBe(residual);
      }
    }));

  test('purses: what is in them, how they ended, their contracts, and which are due', () =>
    forAnyLedger(async (file, { history: { ledger, streams, now } }) => {
      const due: string[] = [];
      for (let place = 0; place < PURSES; place += 1) {
        const purse = await ledger.peek(streams.purse(purseAt(place)));
        const { terms, balance, end, contract } = purse;
        const merged = end?.how === 'merged' ? { mergeTimestamp: end.merge.mergeTimestamp } : {};
        const ending = end && { end: end.how, ...merged };
        const expected = terms && { target: terms.target, balance, expiresAt: terms.expiresAt, ...ending };
        expect(file.ask('purses', 'purse', [purseAt(place)])).toEqual(expected);
        const { contractPub, econtract, econtractSignature } = contractAt(place);
        const stands = contract && end?.how !== 'expired' && end?.how !== 'deleted';
        const stored = stands ? { pursePub: purseAt(place), econtract, econtractSignature } : undefined;
        expect(file.ask('purses', 'contract', [contractPub])).toEqual(stored);
        if (isPurseOverdue(purse, now) || nextRefund(purse, { pursePub: purseAt(place), now }))
          due.push(purseAt(place));
      }
      const found = file.ask('purses', 'due', [{ now, limit: 99 }]) as string[];
      expect([...found].sort()).toEqual(due.sort());
    }));

  test('envelopes: the reserve that withdrew each first', () =>
    forAnyLedger(async (file, { store }) => {
      const first = new Map<string, string>();
      for (const { type, data, stream } of await eventsOf(store)) {
        if (type !== 'CoinsWithdrawn') continue;
        for (const { envelopeHash } of data.coins as { envelopeHash: string }[]) {
          if (!first.has(envelopeHash)) first.set(envelopeHash, stream.slice(stream.indexOf('-') + 1));
        }
      }
      for (const [hash, reserve] of first) expect(file.ask('envelopes', 'reserve', [hash])).toBe(reserve);
      expect(file.ask('envelopes', 'reserve', ['0'.repeat(103)])).toBeUndefined();
    }));

  test('reserve history: the entries of the events, numbered from 1, ending at the balance', () =>
    forAnyLedger(async (file, { history: { ledger, streams }, store }) => {
      for (const place of places) {
        const stream = streams.reserve(reserveAt(place));
        const { events } = await store.readStream(stream.name);
        const entries = events.flatMap((event) => reserveHistoryEntries(stream.decode(event)));
        const rows = entries.map((entry, index) => ({ row: index + 1, entry }));
        const { balance } = await ledger.peek(stream);
        const after = Math.floor(rows.length / 2);
        const page = file.ask('reserve-history', 'history', [reserveAt(place), { limit: 10_000 }]);
        const rest = file.ask('reserve-history', 'history', [reserveAt(place), { after, limit: 3 }]);
        const all = { balance, lastRow: rows.length };
        expect(page).toEqual(rows.length ? { ...all, rows } : undefined);
        expect(rest).toEqual(rows.length ? { ...all, rows: rows.slice(after, after + 3) } : undefined);
      }
    }));

  test('transfers: the order, its status, and what is due', () =>
    forAnyLedger(async (file, { history: { ledger, streams, transfers } }) => {
      const states = await Promise.all(transfers.map((requestUid) => ledger.peek(streams.transfer(requestUid))));
      states.forEach(({ order, status }, place) => {
        const { type: _type, at, ...terms } = order ?? expect.fail('a transfer without its order');
        const shown = file.ask('transfers', 'transfer', [transfers[place]]);
        expect(shown).toMatchObject({ ...terms, status, requestedAt: at });
      });
      for (const status of ['requested', 'confirmed', 'rejected', 'replaced']) {
        const uids = transfers.filter((_uid, place) => states[place]?.status === status);
        const listed = file.ask('transfers', 'byStatus', [status, { limit: 1_000 }]) as { requestUid: string }[];
        expect(listed.map(({ requestUid }) => requestUid)).toEqual(uids);
      }
      for (const place of places) {
        const uids = transfers.filter((_uid, index) => states[index]?.order?.reservePub === reserveAt(place));
        const listed = file.ask('transfers', 'ofReserve', [reserveAt(place)]) as { requestUid: string }[];
        expect(listed.map(({ requestUid }) => requestUid)).toEqual(uids);
      }
    }));

  test('legitimizations: cases and decisions, ages and owners', () =>
    forAnyLedger(async (file, { history: { ledger, streams, now } }) => {
      const open: [string, number][] = [];
      for (const place of places.filter((each) => each % 2 === 0)) {
        const account = accountAt(place);
        const state = await ledger.peek(streams.account(account));
        const shown = file.ask('legitimizations', 'account', [account]) as { cases: Case[]; ownerPub?: string };
        expect(shown.ownerPub).toBe(state.ownerPub);
        expect(shown.cases.map(({ requirement, rule, decision }) => [requirement, rule, decision?.approved])).toEqual(
          state.requirements.map(({ requirement, rule, approved }) => [requirement, rule, approved]),
        );
        for (const { requirement } of state.requirements) {
          const single = file.ask('legitimizations', 'requirement', [{ account, requirement }]);
          expect(single).toEqual(shown.cases.find((each) => each.requirement === requirement));
        }
        const none = { account, requirement: state.requirements.length + 1 };
        expect(file.ask('legitimizations', 'requirement', [none])).toBeUndefined();
        const turns = state.maximumAges.flatMap(({ from }) => [from - 1, from]);
        for (const at of [now - 40 * 86_400, now, now + 50 * 86_400, ...turns]) {
          const age = file.ask('legitimizations', 'maximumAge', [{ account, now: at }]);
          expect(age).toBe(maximumAgeAt(state, at));
        }
        for (const { requirement, approved } of state.requirements) {
          if (approved === undefined) open.push([account, requirement]);
        }
      }
      const listed = file.ask('legitimizations', 'open', [{ limit: 1_000 }]) as Case[];
      expect(listed.map(({ account, requirement }) => [account, requirement]).sort()).toEqual(open.sort());
      expect(listed.map(({ requiredAs }) => requiredAs)).toEqual(ascending(listed.map(({ requiredAs }) => requiredAs)));
    }));

  test('denominations: what was offered, revoked and issued, and what came back', () =>
    forAnyLedger(async (file, { history, store }) => {
      const { denominations, streams, ledger } = history;
      const { revoked } = await ledger.peek(streams.keys());
      const decode = streams.reserve(reserveAt(0)).decode;
      const reserves = (await eventsOf(store)).filter(({ type }) => type === 'CoinsWithdrawn').map(decode);
      const coins = reserves.flatMap((event) => (event.type === 'CoinsWithdrawn' ? event.coins : []));
      const back = await Promise.all(Array.from({ length: COINS }, (_, place) => cameBack({ history, store }, place)));
      for (const { type: _type, key, masterSignature: _signature, at: _at, ...terms } of denominations) {
        const mine = back.filter((coin) => coin?.denominationHash === terms.denominationHash);
        const spentValue = mine.reduce((sum, coin) => sum + (coin?.spent ?? 0n), 0n);
        const recoups = mine.flatMap((coin) => coin?.recoups ?? []);
        const recoupedValue = recoups.reduce((sum, amount) => sum + amount, 0n);
        const issued = coins.filter(({ denominationHash }) => denominationHash === terms.denominationHash);
        const revocation = revoked.get(terms.denominationHash);
        const issuedValue = BigInt(issued.length) * terms.value;
        expect(file.ask('denominations', 'denomination', [terms.denominationHash])).toEqual({
          ...terms,
          cipher: key.cipher,
          offeredAs: denominations.findIndex(({ denominationHash }) => denominationHash === terms.denominationHash),
          ...(revocation && { revokedAt: revocation.at, revocationSignature: revocation.masterSignature }),
          issuedCount: issued.length,
          issuedValue,
          withdrawFees: BigInt(issued.length) * terms.feeWithdraw,
          seenCount: mine.length,
          spentValue,
          recoupedCount: recoups.length,
          recoupedValue,
          outstanding: issuedValue - spentValue - recoupedValue,
        });
      }
      const page = file.ask('denominations', 'denominations', [{ after: 0, limit: 2 }]) as { offeredAs: number }[];
      expect(page.map(({ offeredAs }) => offeredAs)).toEqual([1, 2]);
    }));

  test('wire credits: every row as it was booked, in the order of the bank', () =>
    forAnyLedger(async (file, { history: { streams }, store }) => {
      const unusable: bigint[] = [];
      for (const account of ['main', 'second-account']) {
        const stream = streams.wire(account);
        const { events } = await store.readStream(stream.name);
        const booked = events.map((event) => ({ index: event.index, ...stream.decode(event) }));
        const expected = booked.map(({ index, type: _type, row, at, ...rest }) => {
          return { wireAccount: account, bankRow: row, bookedAs: index, bookedAt: at, ...rest };
        });
        expect(file.ask('wire-credits', 'credits', [account, { limit: 1_000 }])).toEqual(expected);
        const second = expected.slice(1, 2);
        const after = expected[0]?.bankRow ?? 0n;
        expect(file.ask('wire-credits', 'credits', [account, { after, limit: 1 }])).toEqual(second);
        const one = { wireAccount: account, bankRow: after };
        expect(file.ask('wire-credits', 'credit', [one])).toEqual(expected[0]);
        unusable.push(...expected.filter(({ kind }) => kind === 'unusable').map(({ bankRow }) => bankRow));
      }
      const listed = file.ask('wire-credits', 'unusable', [{ limit: 1_000 }]) as { bankRow: bigint }[];
      expect(listed.map(({ bankRow }) => bankRow)).toEqual(unusable);
    }));
});

test('the random ledgers hold every kind of event that a view reads', async () => {
  const kinds = new Set<string>();
  for (const steps of fc.sample(anySteps(120), { numRuns: 100, seed: 1 })) {
    const { store } = await ledgerOf(steps);
    for (const { type, data } of await eventsOf(store)) {
      kinds.add(type === 'ReserveClosed' ? `${type} ${data.cause} ${data.wtid ? 'paid' : 'unpaid'}` : type);
    }
  }
  const read = VIEWS.flatMap(({ reads }) => reads.filter((category) => category !== 'keys'));
  const closings = ['request paid', 'request unpaid', 'expiration paid', 'expiration unpaid'].map(
    (kind) => `ReserveClosed ${kind}`,
  );
  const types = read.flatMap((category) => CATALOGUE[category].map(({ type }) => type));
  const expected = [...types.filter((type) => type !== 'ReserveClosed'), ...closings];
  expect([...kinds].sort()).toEqual([...new Set([...expected, 'DenominationOffered', 'DenominationRevoked'])].sort());
});

describe('the tables of every view', () => {
  test.each(VIEWS.map((view) => [view.name, view] as const))(
    '%s: their content is their rows by primary key',
    (_, view) => {
      const tables = tablesOf(view);
      expect(tables.length).toBeGreaterThan(0);
      expect(tables.every(({ key }) => key.length > 0)).toBe(true);
      const created = view.schema.match(/CREATE TABLE/g) ?? [];
      expect(view.schema.match(/\) STRICT, WITHOUT ROWID;/g)).toHaveLength(created.length);
    },
  );
});

interface Case {
  account: string;
  requirement: number;
  requiredAs: number;
  rule: string;
  decision?: { approved: boolean };
}

/** What a coin's stream says: its denomination, what it spent in the end, and each recoup. */
async function cameBack({ history, store }: TestLedger, place: number) {
  const stream = history.streams.coin(coinAt(place));
  const { known, residual } = await history.ledger.peek(stream);
  if (!known) return undefined;
  const events = (await store.readStream(stream.name)).events.map((event) => stream.decode(event));
  const recoups = events.flatMap((event) => (event.type === 'CoinRecouped' ? [event.amount] : []));
  const recouped = recoups.reduce((sum, amount) => sum + amount, 0n);
  return { denominationHash: known.denominationHash, spent: known.value - residual - recouped, recoups };
}

const order = (a: string, b: string): number => (a < b ? -1 : 1);
const ascending = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);
