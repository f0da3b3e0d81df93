/** Events of one stream as its owner sees them: each with the proof that the signed head covers it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ErrorCode } from '@florin/encoding';
import type { Head, RecordedEvent } from '@florin/event-store';
import { Injectable } from '@nestjs/common';
import { retryLater, TalerError } from '../http/taler-error.js';
import { EventStore } from '../runtime/tokens.js';
import { type LogProofs, PublishedLog } from './published-log.js';

const EVENTS_PER_PAGE = 64;
const COVERED_WITHIN_MS = 3_000;
const LOOK_EVERY_MS = 50;

export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

@Injectable()
export class ProvenEvents {
  constructor(
    private readonly store: EventStore,
    private readonly log: PublishedLog,
  ) {}

  /**
   * The tree and a signed head whose events it has all.
   * @throws TalerError 501 where no tree is kept, 503 where it is behind
   */
  async proofs(): Promise<{ readonly proofs: LogProofs; readonly head: Head }> {
    const { proofs } = this.log;
    if (!proofs) {
      const hint = 'this exchange keeps its ledger in a store whose heads are not signed';
      throw new TalerError(ErrorCode.GENERIC_METHOD_INVALID, { status: 501, detail: 'GET', hint });
    }
    const head = this.head();
    await this.until(async () => proofs.size >= head.size || undefined);
    return { proofs, head };
  }

  /** @throws TalerError 503 as long as nothing is signed */
  head(): Head {
    const head = this.log.head();
    if (head) return head;
    const hint = 'no head of the ledger is signed yet; repeat the request';
    throw new TalerError(ErrorCode.GENERIC_DB_FETCH_FAILED, { status: 503, hint, headers: { 'Retry-After': '1' } });
  }

  /** The events of `stream` from number `start` on, a page of them; undefined if it has none at all. */
  async read(stream: string, start: number): Promise<object | undefined> {
    const { proofs } = await this.proofs();
    const { events, complete } = await this.store.readStream(stream, { fromNumber: start, limit: EVENTS_PER_PAGE });
    if (events.length === 0 && start === 0) return undefined;
    const { head, places } = await this.until(() => this.covering(events, proofs));
    const proven = async (event: RecordedEvent, i: number): Promise<object> => ({
      index: places[i],
      number: event.number,
      type: event.type,
      version: event.version,
      written_at_us: event.writtenAtUs,
      data: JSON.stringify(event.data),
      proof: (await proofs.inclusionProof(places[i] as number, head.size)).map(base64),
    });
    return { stream, checkpoint: head.note, events: await Promise.all(events.map(proven)), complete };
  }

  /** Where the events stand, and a head that covers them; undefined as long as there is none. */
  private async covering(events: readonly RecordedEvent[], proofs: LogProofs) {
    const found = await Promise.all(events.map((event) => proofs.indexOf(event)));
    const places = found.filter((place) => place !== undefined);
    const head = this.head();
    const isCovered = places.length === events.length && places.every((place) => place < head.size);
    return isCovered && proofs.size >= head.size ? { head, places } : undefined;
  }

  /** Heads of other stores than the embedded one are signed within a second. @throws TalerError 503 */
  private async until<Value>(look: () => Promise<Value | undefined>): Promise<Value> {
    for (let waited = 0; waited <= COVERED_WITHIN_MS; waited += LOOK_EVERY_MS) {
      const found = await look();
      if (found !== undefined) return found;
      await sleep(LOOK_EVERY_MS);
    }
    throw retryLater(ErrorCode.GENERIC_DB_FETCH_FAILED, 'the tree of this node is catching up; repeat the request', 5);
  }
}
