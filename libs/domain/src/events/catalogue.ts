/** Every kind of event by category of stream, and the one codec between stored events and values of the domain. */

import { ACCOUNT_EVENTS, type AccountEvent, NONCE_EVENTS, type NonceEvent } from './account.js';
import { COIN_EVENTS, type CoinEvent } from './coin.js';
import { type EventDefinition, EventFormatError, type JsonObject } from './fields.js';
import { KEYS_EVENTS, type KeysEvent } from './keys.js';
import { PURSE_EVENTS, type PurseEvent } from './purse.js';
import { RESERVE_EVENTS, RESERVE_PURSE_EVENTS, type ReserveEvent, type ReservePurseEvent } from './reserve.js';
import { TRANSFER_EVENTS, type TransferEvent, WIRE_EVENTS, type WireEvent } from './wire.js';

export interface EventsByCategory {
  reserve: ReserveEvent | ReservePurseEvent;
  purse: PurseEvent;
  coin: CoinEvent;
  wire: WireEvent;
  transfer: TransferEvent;
  account: AccountEvent;
  nonce: NonceEvent;
  keys: KeysEvent;
}
export type Category = keyof EventsByCategory;
export type AnyEvent = EventsByCategory[Category];

export const CATALOGUE: { readonly [C in Category]: readonly EventDefinition<string, unknown>[] } = {
  reserve: [...RESERVE_EVENTS, ...RESERVE_PURSE_EVENTS],
  purse: PURSE_EVENTS,
  coin: COIN_EVENTS,
  wire: WIRE_EVENTS,
  transfer: TRANSFER_EVENTS,
  account: ACCOUNT_EVENTS,
  nonce: NONCE_EVENTS,
  keys: KEYS_EVENTS,
};

/** An event as a store keeps it. */
export interface StoredEvent {
  readonly type: string;
  readonly version: number;
  readonly data: JsonObject;
}

/** Writes and reads the events of a ledger in one currency. */
export class EventCodec {
  private readonly definitions = new Map<string, EventDefinition<string, unknown>>();

  constructor(readonly currency: string) {
    for (const definition of Object.values(CATALOGUE).flat()) this.definitions.set(definition.type, definition);
  }

  /** @throws EventFormatError if the event could not be read again: such an event is never written */
  encode(event: AnyEvent): StoredEvent {
    const { type, ...value } = event;
    const { version, data } = this.definition(type);
    const json = data.encode(value, this.currency) as JsonObject;
    data.decode(json, this.currency, type);
    return { type, version, data: json };
  }

  /**
   * Reads one event of a stream of `category`, upcasting older versions.
   * @throws EventFormatError for an unknown type, another category's type, a newer version, or data off its schema
   */
  decode<C extends Category>(category: C, { type, version, data }: StoredEvent): EventsByCategory[C] {
    const definition = this.definition(type);
    if (!CATALOGUE[category].includes(definition)) throw new EventFormatError(`${type} in a ${category} stream`);
    if (version > definition.version) {
      throw new EventFormatError(`${type} has version ${version}; this Florin knows ${definition.version}`);
    }
    let current = data;
    for (let from = version; from < definition.version; from += 1) {
      const upcast = definition.upcasts[from];
      if (!upcast) throw new EventFormatError(`${type} of version ${from} cannot be read`);
      current = upcast(current);
    }
    return { type, ...(definition.data.decode(current, this.currency, type) as object) } as EventsByCategory[C];
  }

  private definition(type: string): EventDefinition<string, unknown> {
    const definition = this.definitions.get(type);
    if (!definition) throw new EventFormatError(`unknown event ${type}; it was written by a newer Florin`);
    return definition;
  }
}
