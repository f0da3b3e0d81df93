import { EventCodec, Streams } from '@florin/domain';
import { Ledger, MemoryStore } from '@florin/event-store';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { SystemClock } from './clock.js';
import { KeyRing } from './key-ring.js';

/** Counts how often a stream is read, and answers when it is told to. */
class WatchedStore extends MemoryStore {
  reads = 0;
  answers: Promise<unknown> = Promise.resolve();

  override async readStream(...asked: Parameters<MemoryStore['readStream']>) {
    this.reads += 1;
    await this.answers;
    return super.readStream(...asked);
  }
}

function ringOn(store: MemoryStore): KeyRing {
  const streams = new Streams('florin', new EventCodec('KUDOS'));
  return new KeyRing(new Ledger(store), streams, new SystemClock(), pino({ level: 'silent' }));
}

test('a view that is too old is confirmed before a request, once for all that wait, and not again soon', async () => {
  const store = new WatchedStore(() => 0);
  const ring = ringOn(store);
  expect(ring.shownBook()).toBeUndefined();
  await Promise.all([ring.freshen(), ring.freshen(), ring.freshen()]);
  expect(ring.shownBook()).toBeDefined();
  expect(store.reads).toBe(1);
  await ring.freshen();
  expect(store.reads).toBe(1);
});

test('where the store is away or does not answer, a request is not held up for long', async () => {
  const away = new MemoryStore(() => 0);
  await away.close();
  const ring = ringOn(away);
  await ring.freshen();
  expect(ring.trouble()).toBeDefined();

  const silent = new WatchedStore(() => 0);
  let answer = (): void => undefined;
  silent.answers = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const waiting = ringOn(silent);
  await waiting.freshen();
  expect(waiting.shownBook()).toBeUndefined();
  answer();
  await waiting.freshen();
  expect(waiting.shownBook()).toBeDefined();
  expect(silent.reads).toBe(1);
});
