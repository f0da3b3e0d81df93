/**
 * Sees to it that there is always something valid to offer. In development the key beside the data signs what is due
 * and it is offered at once; in production keys are made ahead and wait for the offline master key.
 * Order: key file synced, loaded by every live signer, then the event.
 */
import { accept, type KeyBook, type KeysEvent, repeat, Streams } from '@florin/domain';
import { Ledger } from '@florin/event-store';
import type { MasterOrder } from '@florin/signing';
import { Injectable } from '@nestjs/common';
import { Revocations } from '../management/revocations.js';
import { KeyRing } from '../runtime/key-ring.js';
import { Config, Log } from '../runtime/tokens.js';
import { FutureKeys } from './future-keys.js';
import { KeyPlans } from './key-plans.js';
import { MasterTerms } from './master-terms.js';

/** How many new denominations are recorded in one unit: the first are offered while the later are still made. */
const DENOMINATIONS_PER_UNIT = 8;

@Injectable()
export class Offering {
  private running: Promise<void> = Promise.resolve();
  /** What the master key has not signed, in words, as of the last round; empty if nothing is missing. */
  missing = '';

  constructor(
    private readonly ledger: Ledger,
    private readonly streams: Streams,
    private readonly keys: KeyRing,
    private readonly terms: MasterTerms,
    private readonly plans: KeyPlans,
    private readonly future: FutureKeys,
    private readonly revocations: Revocations,
    private readonly config: Config,
    private readonly log: Log,
  ) {}

  /** Records whatever is due now. Rounds do not overlap; one that finds nothing to do writes nothing. */
  round(): Promise<void> {
    this.running = this.running.then(
      () => this.offerWhatIsDue(),
      () => this.offerWhatIsDue(),
    );
    return this.running;
  }

  /** A round without waiting for the next look at the keys: something that was offered is gone. */
  roundSoon(): void {
    this.round().catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      this.log.error({ reason }, 'what was revoked was not replaced yet');
    });
  }

  /** What the master key has to sign before all is offered that the configuration names; nothing in development. */
  async unsigned(): Promise<MasterOrder[]> {
    if (this.config.mode === 'development') return [];
    const book = await this.keys.confirm();
    return [...(await this.terms.wanted(book)), ...(await this.future.waiting()).values()];
  }

  private async offerWhatIsDue(): Promise<void> {
    const book = await this.keys.confirm();
    await this.revocations.enforce(book);
    await this.record(book, await this.terms.terms(book));
    if (this.config.mode === 'development') await this.signAndOffer(book);
    else {
      await this.future.round(book);
      await this.lookForMissing();
    }
  }

  private async signAndOffer(book: KeyBook): Promise<void> {
    await this.record(book, await this.signed(await this.terms.wanted(book)));
    const stamps = this.plans.signingKeys(book);
    await this.record(book, await this.signed(await Promise.all(stamps.map((one) => this.plans.makeSigningKey(one)))));
    for (;;) {
      const planned = this.plans.denominations(book).slice(0, DENOMINATIONS_PER_UNIT);
      if (planned.length === 0) return;
      const orders = await Promise.all(planned.map((plan) => this.plans.makeDenomination(plan)));
      if (!(await this.record(book, await this.signed(orders)))) return; // another node was faster: the next round
      this.log.info({ keys: orders.length, first: planned[0]?.start }, 'denominations were offered');
    }
  }

  private signed(orders: readonly MasterOrder[]): Promise<KeysEvent[]> {
    return Promise.all(orders.map((order) => this.terms.signed(order)));
  }

  /** What the master key has not signed, in words. The log says it once, and again when it has changed. */
  async lookForMissing(): Promise<string> {
    const missing = summaryOf(await this.unsigned());
    if (missing !== this.missing && missing !== '') {
      const todo = 'run `admin offline export`, sign it where the master key is, and import it';
      this.log.warn({ missing, todo }, 'the master key has not signed everything that is to be offered');
    }
    this.missing = missing;
    return missing;
  }

  /** @returns false if the stream has moved since `book` was planned on, and nothing was written */
  private async record(book: KeyBook, events: readonly KeysEvent[]): Promise<boolean> {
    if (events.length === 0) return true;
    const stream = this.streams.keys();
    const plannedOn = book.revision;
    const outcome = await this.ledger.transact([stream.name], async (tx) => {
      if ((await tx.load(stream)).revision !== plannedOn) return repeat(undefined);
      tx.append(stream.append(...events));
      return accept(undefined);
    });
    return outcome.kind === 'accept';
  }
}

/** `8 denominations, 1 signing-key`: how many orders there are of each kind. */
function summaryOf(orders: readonly MasterOrder[]): string {
  const counts = new Map<string, number>();
  for (const { kind } of orders) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ');
}
