/** Signatures of the master key for keys that wait for them: from now on these are offered. */
import {
  accept,
  type Decision,
  type DenominationHash,
  type EddsaPub,
  type EddsaSignature,
  type KeyBook,
  refuse,
  repeat,
  Streams,
} from '@florin/domain';
import { Ledger } from '@florin/event-store';
import { denominationKeyName, Signers, signingKeyName } from '@florin/signing';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Refusal } from '../http/refusals.js';
import { FutureKeys } from '../keys/future-keys.js';
import { keyEvent } from '../keys/key-events.js';
import type { WaitingOrder } from '../keys/key-plans.js';
import { Clock } from '../runtime/clock.js';
import { KeyRing } from '../runtime/key-ring.js';
import { MasterSignatures } from './master-signatures.js';
import type { ManagementRefusal } from './refusals.js';

export type OfferKeysOutcome = Decision<undefined, Refusal, undefined>;

export interface SignedKey<Key> {
  readonly key: Key;
  readonly masterSignature: EddsaSignature;
}

export class OfferKeys extends Command<OfferKeysOutcome> {
  constructor(
    readonly denominations: readonly SignedKey<DenominationHash>[],
    readonly signingKeys: readonly SignedKey<EddsaPub>[],
  ) {
    super();
  }
}

/** A denomination of 4096 bits takes some 2 KiB of a unit. */
const KEYS_PER_UNIT = 100;

interface Found {
  readonly key: string;
  readonly order: WaitingOrder;
  readonly masterSignature: EddsaSignature;
}

@CommandHandler(OfferKeys)
export class OfferKeysHandler implements ICommandHandler<OfferKeys> {
  constructor(
    private readonly ledger: Ledger,
    private readonly streams: Streams,
    private readonly signers: Signers,
    private readonly keys: KeyRing,
    private readonly future: FutureKeys,
    private readonly master: MasterSignatures,
    private readonly clock: Clock,
  ) {}

  async execute(command: OfferKeys): Promise<OfferKeysOutcome> {
    const waiting = await this.future.waiting();
    const book = await this.keys.confirm();
    if (!book.terms) return refuse({ code: 'KEYS_MISSING', status: 503 });
    const found: Found[] = [];
    for (const { kind, key, masterSignature } of listed(command)) {
      if (signatureOnOffer(book, key) === masterSignature) continue;
      const order = waiting.get(key);
      if (order?.kind !== kind) return refuse(unknown(kind, key));
      found.push({ key, order, masterSignature });
    }
    const signed = found.map(({ order, masterSignature }) => ({ order, signatures: { master_sig: masterSignature } }));
    const fault = await this.master.fault(signed);
    if (fault) return refuse(fault);
    if (found.length === 0) return repeat(undefined);
    await this.signers.load(found.map(({ key, order }) => keyNameOf(key, order)));
    for (let first = 0; first < found.length; first += KEYS_PER_UNIT) {
      await this.offer(found.slice(first, first + KEYS_PER_UNIT));
    }
    await this.keys.confirm();
    for (const { key } of found) await this.future.forget(key);
    return accept(undefined);
  }

  private async offer(found: readonly Found[]): Promise<void> {
    const stream = this.streams.keys();
    const context = { at: this.clock.now(), accountOf: (uri: string) => uri };
    await this.ledger.transact([stream.name], async (tx) => {
      const book = await tx.load(stream);
      const events = found
        .filter(({ key }) => signatureOnOffer(book, key) === undefined)
        .map(({ order, masterSignature }) => keyEvent(order, { master_sig: masterSignature }, context));
      if (events.length === 0) return repeat(undefined);
      tx.append(stream.append(...events));
      return accept(undefined);
    });
  }
}

const listed = ({ denominations, signingKeys }: OfferKeys) => [
  ...denominations.map((signed) => ({ kind: 'denomination' as const, ...signed })),
  ...signingKeys.map((signed) => ({ kind: 'signing-key' as const, ...signed })),
];

/** The master key's signature for a key that is offered already. */
const signatureOnOffer = (book: KeyBook, key: string): EddsaSignature | undefined =>
  (book.denominations.get(key as DenominationHash) ?? book.signingKeys.get(key as EddsaPub))?.masterSignature;

const keyNameOf = (key: string, order: WaitingOrder): string =>
  order.kind === 'denomination' ? denominationKeyName(key) : signingKeyName(key);

const unknown = (kind: WaitingOrder['kind'], key: string): ManagementRefusal =>
  kind === 'denomination'
    ? { code: 'FUTURE_DENOMINATION_UNKNOWN', denominationHash: key as DenominationHash }
    : { code: 'FUTURE_SIGNING_KEY_UNKNOWN', exchangePub: key as EddsaPub };
