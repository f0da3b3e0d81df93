import fc from 'fast-check';
import type { TestFunctions } from './contract.js';
import { ledgerTools, type OpenStore } from './contract-tools.js';
import { type CommittedUnit, type EventStore, NO_EVENTS, type Revision } from './port.js';

/** What a random writer wants: on each of these streams so many events, on some of them with an outdated view. */
interface Wish {
  readonly streams: readonly { readonly key: number; readonly events: number; readonly outdated: boolean }[];
}

const STREAMS = 5;

const wish: fc.Arbitrary<Wish> = fc.record({
  streams: fc.uniqueArray(
    fc.record({
      key: fc.integer({ min: 0, max: STREAMS - 1 }),
      events: fc.integer({ min: 1, max: 3 }),
      outdated: fc.integer({ min: 0, max: 9 }).map((value) => value === 0),
    }),
    { selector: ({ key }) => key, minLength: 1, maxLength: STREAMS },
  ),
});

/** Random units against the simplest model there is: a list of events. */
export function modelContract({ describe, expect, test }: TestFunctions, name: string, open: OpenStore): void {
  const { withStore, units, event, append } = ledgerTools(open);

  describe(`${name}: against a model`, () => {
    test('one writer: every unit is committed or refused as the model says, and everything reads as in the model', () =>
      withStore(async ({ store, coin, reserve }) => {
        const name = (key: number): string => (key < 3 ? coin(`K${key}`) : reserve(`K${key}`));
        const model: { stream: string; number: number; id: number }[] = [];
        const known = new Map<string, Revision[]>();
        let id = 0;
        await fc.assert(
          fc.asyncProperty(wish, async ({ streams }) => {
            const sorted = [...streams].sort((a, b) => (name(a.key) < name(b.key) ? -1 : 1));
            const unit = sorted.map(({ key, events, outdated }) => {
              const revisions = known.get(name(key)) ?? [];
              const expected = (outdated ? revisions.at(-2) : revisions.at(-1)) ?? NO_EVENTS;
              const news = Array.from({ length: events }, () => event('Noted', { id: id++ }));
              return append(name(key), expected, ...news);
            });
            const stale = sorted.find(({ key, outdated }) => outdated && known.has(name(key)));
            if (stale) {
              await expect(store.commit(unit)).rejects.toMatchObject({ name: 'RevisionConflict' });
              return;
            }
            const committed = await store.commit(unit);
            for (const { stream, events } of unit) {
              for (const { data } of events) {
                const number = model.filter((entry) => entry.stream === stream).length;
                model.push({ stream, number, id: data.id as number });
              }
              known.set(stream, [...(known.get(stream) ?? []), committed.revisions.get(stream) as Revision]);
            }
          }),
          { numRuns: 100 },
        );
        expect(await flat(store)).toEqual(model);
        for (const stream of known.keys()) {
          const { events, revision } = await store.readStream(stream);
          expect(events.map(({ data }) => data.id)).toEqual(
            model.filter((entry) => entry.stream === stream).map((entry) => entry.id),
          );
          expect(revision).toBe(known.get(stream)?.at(-1));
        }
      }));

    test('many writers: what is committed could have been committed one after the other, in the global order', () =>
      withStore(async ({ store, coin, reserve }) => {
        const name = (key: number): string => (key < 3 ? coin(`K${key}`) : reserve(`K${key}`));
        const acknowledged = new Map<number, { position: bigint; expected: Map<string, number> }>();
        let [id, conflicts] = [0, 0];
        async function work(wishes: readonly Wish[]): Promise<void> {
          for (const { streams } of wishes) {
            const expected = new Map<string, number>();
            const unit = await Promise.all(
              streams.map(async ({ key, events }) => {
                const page = await store.readStream(name(key));
                expected.set(name(key), page.events.length);
                return append(
                  name(key),
                  page.revision,
                  ...Array.from({ length: events }, () => event('Noted', { id })),
                );
              }),
            );
            const mine = id++;
            for (const { events } of unit) for (const { data } of events) data.id = mine;
            try {
              acknowledged.set(mine, { position: (await store.commit(unit)).position, expected });
            } catch (error) {
              expect(error).toMatchObject({ name: 'RevisionConflict' });
              conflicts += 1;
            }
          }
        }
        const writers = fc.sample(fc.array(wish, { minLength: 20, maxLength: 20 }), { numRuns: 8, seed: 7 });
        await Promise.all(writers.map(work));
        expect(conflicts).toBeGreaterThan(0);

        const lengths = new Map<string, number>();
        const all = await units(store);
        for (const { position, events } of all) {
          const mine = acknowledged.get(events[0]?.data.id as number);
          expect(mine?.position).toBe(position);
          for (const [stream, length] of mine?.expected ?? []) expect(lengths.get(stream) ?? 0).toBe(length);
          for (const { stream, number } of events) {
            expect(number).toBe(lengths.get(stream) ?? 0);
            lengths.set(stream, number + 1);
          }
        }
        expect(all).toHaveLength(acknowledged.size);
        expect(all.flatMap(({ events }) => events.map(({ index }) => index))).toEqual([...Array(count(all)).keys()]);
      }));

    async function flat(store: EventStore) {
      const events = (await units(store)).flatMap((unit) => unit.events);
      return events.map(({ stream, number, data }) => ({ stream, number, id: data.id }));
    }
  });
}

function count(units: readonly CommittedUnit[]): number {
  return units.reduce((sum, { events }) => sum + events.length, 0);
}
