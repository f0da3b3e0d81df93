/** How streams are named and folded. `<instance>.<category>-<key>`: two exchanges never meet in one store. */
import { type Account, account } from './account.js';
import { assert } from './assert.js';
import { type Coin, coin } from './coin.js';
import type { Decider } from './decision.js';
import type { NonceEvent } from './events/account.js';
import type { Category, EventCodec, EventsByCategory, StoredEvent } from './events/catalogue.js';
import type { AccountHash, CoinPub, DenominationHash, HashCode, PursePub, ReservePub } from './events/names.js';
import { type KeyBook, keyBook } from './keys.js';
import { type Purse, purse } from './purse.js';
import { type Reserve, reserve } from './reserve.js';
import { type Transfer, transfer, type WireAccount, wireAccount } from './wire.js';

/** The whole rule of a nonce stream: the envelope that claimed the nonce, if any. */
export interface SessionNonce {
  usedBy: string | undefined;
}

export const sessionNonce: Decider<SessionNonce, NonceEvent> = {
  initial: () => ({ usedBy: undefined }),
  evolve: (state, event) => {
    assert(state.usedBy === undefined, 'a session nonce was used twice');
    return { usedBy: event.envelopeHash };
  },
};

/** A stream of one category: its name, and how its stored events become a state. */
export interface Stream<State, C extends Category> {
  readonly name: string;
  readonly category: C;
  readonly initial: () => State;
  readonly evolve: (state: State, event: EventsByCategory[C]) => State;
  readonly decode: (stored: StoredEvent) => EventsByCategory[C];
  /** See `Decider`. */
  readonly restsOnLast: boolean;
  /** What a unit adds to this stream. */
  readonly append: (...events: EventsByCategory[C][]) => StreamAddition;
  /** The same for events with a signature that must not exist unless they are committed; on the unit's last stream. */
  readonly appendSigned: (...events: EventsByCategory[C][]) => StreamAddition;
}

export interface StreamAddition {
  readonly stream: string;
  readonly events: readonly StoredEvent[];
  readonly commitOnly: boolean;
}

/** Names the streams of one instance; the only place where names are built. */
export class Streams {
  constructor(
    private readonly instance: string,
    readonly codec: EventCodec,
  ) {}

  reserve = (reservePub: ReservePub): Stream<Reserve, 'reserve'> => this.stream('reserve', reservePub, reserve);
  purse = (pursePub: PursePub): Stream<Purse, 'purse'> => this.stream('purse', pursePub, purse);
  coin = (coinPub: CoinPub): Stream<Coin, 'coin'> => this.stream('coin', coinPub, coin);
  account = (hash: AccountHash): Stream<Account, 'account'> => this.stream('account', hash, account);
  wire = (section: string): Stream<WireAccount, 'wire'> => this.stream('wire', section, wireAccount);
  transfer = (requestUid: HashCode): Stream<Transfer, 'transfer'> => this.stream('transfer', requestUid, transfer);
  nonce = (denominationHash: DenominationHash, nonce: string): Stream<SessionNonce, 'nonce'> =>
    this.stream('nonce', `${denominationHash}.${nonce}`, sessionNonce);
  keys = (): Stream<KeyBook, 'keys'> => this.stream('keys', undefined, keyBook);

  private stream<State, C extends Category>(
    category: C,
    key: string | undefined,
    { initial, evolve, restsOnLast = false }: Decider<State, EventsByCategory[C]>,
  ): Stream<State, C> {
    const name = key === undefined ? `${this.instance}.${category}` : `${this.instance}.${category}-${key}`;
    const { codec } = this;
    const decode = (stored: StoredEvent) => codec.decode(category, stored);
    const addition = (events: EventsByCategory[C][], commitOnly: boolean): StreamAddition => ({
      stream: name,
      events: events.map((event) => codec.encode(event)),
      commitOnly,
    });
    return {
      name,
      category,
      initial,
      evolve,
      restsOnLast,
      decode,
      append: (...events) => addition(events, false),
      appendSigned: (...events) => addition(events, true),
    };
  }
}
