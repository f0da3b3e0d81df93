import { createHash } from 'node:crypto';
import type { MemoryImage } from '@florin/event-store';
import type { Answer, Call } from './exchange.js';

/** An answer to a wallet's request, as the wallet got it. */
export interface Acknowledged {
  readonly call: Call;
  readonly answer: Answer;
}

/** All that was said and written in one run, and the hash of it: the same for the same seed. */
export class History {
  /** Answers that say that something was done. */
  readonly acknowledged: Acknowledged[] = [];
  private readonly hash = createHash('sha256');
  answers = 0;

  /** @param answer undefined if the exchange crashed before it answered */
  told(who: string, call: Call, answer: Answer | undefined): void {
    this.answers += 1;
    const { status, text } = answer ?? { status: 0, text: '' };
    this.hash.update(`${who} ${call.method} ${call.path} ${call.body ?? ''} ${status} ${text}\n`);
    if (answer && status < 300 && call.method !== 'GET') this.acknowledged.push({ call, answer });
  }

  /** Over every answer, and every event as it is stored. */
  digest({ rows }: MemoryImage): string {
    const whole = this.hash.copy();
    for (const { stream, number, position, type, version, text, writtenAtUs } of rows) {
      whole.update(`${stream} ${number} ${position} ${type} ${version} ${writtenAtUs} ${text}\n`);
    }
    return whole.digest('hex');
  }
}
