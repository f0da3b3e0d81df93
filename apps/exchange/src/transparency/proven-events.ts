/** Events of one stream as its owner sees them: each with the proof that the signed head covers it. */
import { ErrorCode } from '@florin/encoding';
import type { Head, RecordedEvent } from '@florin/event-store';
import { Injectable } from '@nestjs/common';
import { TalerError } from '../http/taler-error.js';
import { EventStore } from '../runtime/tokens.js';
import { type LogProofs, PublishedLog } from './published-log.js';

const EVENTS_PER_PAGE = 64;

export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

@Injectable()
export class ProvenEvents {
  constructor(
    private readonly store: EventStore,
    private readonly log: PublishedLog,
  ) {}

  /** @throws TalerError 501 where the store looks into no tree */
  proofs(): { readonly proofs: LogProofs; readonly head: Head } {
    const { proofs } = this.log;
    if (!proofs) {
      const hint = 'this exchange keeps its ledger in a store that serves no proofs yet; its heads are signed';
      throw new TalerError(ErrorCode.GENERIC_METHOD_INVALID, { status: 501, detail: 'GET', hint });
    }
    return { proofs, head: this.head() };
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
    this.proofs();
    const { events, complete } = await this.store.readStream(stream, { fromNumber: start, limit: EVENTS_PER_PAGE });
    if (events.length === 0 && start === 0) return undefined;
    const { proofs, head } = this.proofs(); // taken after the events, so it covers them
    const proven = async (event: RecordedEvent): Promise<object> => ({
      index: event.index,
      number: event.number,
      type: event.type,
      version: event.version,
      written_at_us: event.writtenAtUs,
      data: JSON.stringify(event.data),
      proof: (await proofs.inclusionProof(event.index, head.size)).map(base64),
    });
    return { stream, checkpoint: head.note, events: await Promise.all(events.map(proven)), complete };
  }
}
