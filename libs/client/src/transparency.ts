import { parseBlindSignature, type Taler } from '@florin/crypto';
import {
  EncodingError,
  encodeBase32,
  equalBytes,
  fromUtf8,
  type JsonObject,
  message,
  parseJson,
} from '@florin/encoding';
import type { CallOptions, Connection } from './connection.js';
import { ExchangeMisbehaved } from './errors.js';
import { type LogHead, type LogKey, readNote } from './log-note.js';
import { count, eventLeaf, isBeginning, isIncluded, type LoggedEvent, proofHashes } from './log-tree.js';
import type { Planchet } from './planchets.js';
import { flag, hash, publicKey, ReplyObject, readingAt, signature, text, timestamp, u32 } from './reply.js';
import type { Coin } from './withdraw.js';

/*
 * Florin's own: the exchange shows that what it answered stands in its log of events, and that the log only grows.
 *
 *   master key -> log key -> signed head (size and root of a tree) -> leaf of an event -> what the reply said
 *
 * Whoever keeps the newest head that he has seen notices when the exchange forgets or rewrites anything before it; two
 * who compare their heads notice when they are shown different logs.
 * Source: docs/transparency.md, RFC 6962
 */

/** An event that is proven to stand in the log. */
export interface ProvenEvent extends LoggedEvent {
  /** Place in the whole log, from 0. */
  readonly index: number;
}

/** Events of one stream, in order. */
export interface ProvenEvents {
  readonly stream: string;
  /** Covers all of them. */
  readonly head: LogHead;
  readonly events: readonly ProvenEvent[];
  /** Whether there are no more. */
  readonly complete: boolean;
}

/** Whose events are asked for. */
interface Owner {
  readonly priv: Uint8Array;
  readonly kind: 'reserve' | 'coin';
}

const PATHS = { reserve: 'reserves', coin: 'coins' } as const;
const REQUESTS = { reserve: 'ReserveHistoryRequest', coin: 'CoinHistoryRequest' } as const;
const HEADERS = { reserve: 'Taler-Reserve-History-Signature', coin: 'Taler-Coin-History-Signature' } as const;
/** A note of one log and a few witnesses. */
const NOTE_CHARS_MAX = 16_384;

/** Every method throws as those of ExchangeClient do; what does not fit is ExchangeMisbehaved. */
export class TransparencyLog {
  #key: Promise<LogKey> | undefined;

  constructor(private readonly connection: Connection) {}

  /** The key that signs heads, as the master key vouches for it. */
  key(options: CallOptions = {}): Promise<LogKey> {
    this.#key ??= this.#fetchKey(options).catch((error: unknown) => {
      this.#key = undefined; // the next call asks again
      throw error;
    });
    return this.#key;
  }

  /** The newest head, signed by the log's key. */
  async head({ signal }: CallOptions = {}): Promise<LogHead> {
    const reply = await this.connection.http.send({ method: 'GET', path: 'log/checkpoint', signal, accept: [200] });
    return this.open(fromUtf8(reply.body));
  }

  /** A head that somebody else has seen, or one that was kept. @throws ExchangeMisbehaved unless the log signed it */
  async open(note: string): Promise<LogHead> {
    const { checker, taler } = this.connection;
    const key = await this.key();
    if (note.length > NOTE_CHARS_MAX) throw new ExchangeMisbehaved('malformed', 'checkpoint', 'is too long');
    const {
      message: signed,
      signature: made,
      ...head
    } = readingAt('checkpoint', () => readNote(note, key, taler.hash.sha256));
    checker.require('checkpoint', { message: signed, signature: made, pub: key.logPub });
    return head;
  }

  /**
   * The newest head, proven to contain all of an earlier one. Keep it in its place.
   * @throws ExchangeMisbehaved `contradiction` when the log was rewritten or cut: keep both notes as evidence
   */
  async advance(earlier: LogHead, options: CallOptions = {}): Promise<LogHead> {
    const head = await this.head(options);
    await this.compare(earlier, head, options);
    return head.size >= earlier.size ? head : earlier;
  }

  /**
   * Checks that two heads are of one log: that the shorter is the beginning of the longer.
   * @throws ExchangeMisbehaved `contradiction` when they are not, or when the exchange cannot show it
   */
  async compare(one: LogHead, other: LogHead, { signal }: CallOptions = {}): Promise<void> {
    const [earlier, later] = one.size <= other.size ? [one, other] : [other, one];
    const { http, taler } = this.connection;
    const path = `log/consistency?from=${earlier.size}&to=${later.size}`;
    const proof =
      earlier.size === later.size
        ? []
        : (await http.sendForObject({ method: 'GET', path, signal, accept: [200] }, 'consistency')).read(
            'proof',
            proofHashes,
          );
    if (isBeginning(taler.hash.sha256, proof, { earlier, later })) return;
    const problem = `the first ${earlier.size} of ${later.size} events are not those that were signed before`;
    throw new ExchangeMisbehaved('contradiction', 'log', problem);
  }

  /** The events of a reserve from number `start` on, a page of them, each proven. */
  reserveEvents(reservePriv: Uint8Array, start = 0, options: CallOptions = {}): Promise<ProvenEvents> {
    return this.#events({ priv: reservePriv, kind: 'reserve' }, start, options);
  }

  /** The events of a coin from number `start` on, a page of them, each proven. */
  coinEvents({ coinPriv }: Pick<Coin, 'coinPriv'>, start = 0, options: CallOptions = {}): Promise<ProvenEvents> {
    return this.#events({ priv: coinPriv, kind: 'coin' }, start, options);
  }

  /**
   * The event behind the answer to a withdrawal: it stands in the log, names these planchets in this order and no
   * others, and holds a signature for each that makes a valid coin.
   * @throws ExchangeMisbehaved when there is none
   */
  async withdrawal(
    reservePriv: Uint8Array,
    planchets: readonly Planchet[],
    options: CallOptions = {},
  ): Promise<ProvenEvent> {
    const names = planchets.map(({ envelopeHash }) => encodeBase32(envelopeHash));
    const found = await this.#find({ priv: reservePriv, kind: 'reserve' }, options, (event, data) => {
      if (event.type !== 'CoinsWithdrawn') return false;
      const coins = data.objects('coins');
      const isThis = coins.some((coin) => names.includes(encodeBase32(coin.read('envelopeHash', hash))));
      if (isThis) checkCoins(coins, planchets);
      return isThis;
    });
    return found ?? missing('a withdrawal that was answered');
  }

  /**
   * The event behind the answer to a payment into a purse, on the stream of the coin that paid.
   * @throws ExchangeMisbehaved when there is none
   */
  async payment(coin: Coin, pursePub: Uint8Array, options: CallOptions = {}): Promise<ProvenEvent> {
    const found = await this.#find({ priv: coin.coinPriv, kind: 'coin' }, options, (event, data) => {
      return event.type === 'CoinSpentIntoPurse' && equalBytes(data.read('pursePub', publicKey), pursePub);
    });
    return found ?? missing('a payment that was answered');
  }

  async #fetchKey({ signal }: CallOptions): Promise<LogKey> {
    const { http, checker } = this.connection;
    const { masterPub } = await this.connection.keys();
    const reply = await http.sendForObject({ method: 'GET', path: 'log/key', signal, accept: [200] }, 'log key');
    const logPub = reply.read('log_pub', publicKey);
    const isVouchedFor = reply.objects('keys').some((key) => {
      if (!equalBytes(key.read('log_pub', publicKey), logPub)) return false;
      const signed = message('LogKeyValidity', { logPub, start: key.read('validity_start', timestamp) });
      return checker.holds({ message: signed, signature: key.read('master_sig', signature), pub: masterPub });
    });
    if (!isVouchedFor) throw new ExchangeMisbehaved('signature', 'log key', 'the master key has not signed it');
    return { origin: reply.read('origin', text), logPub };
  }

  async #events({ priv, kind }: Owner, start: number, { signal }: CallOptions): Promise<ProvenEvents> {
    const { http, taler } = this.connection;
    const owner = taler.eddsa.keyPair(priv);
    const signed = owner.sign(message(REQUESTS[kind], { startOff: BigInt(start) }));
    const name = encodeBase32(owner.publicKey);
    const path = `log/${PATHS[kind]}/${name}${start > 0 ? `?start=${start}` : ''}`;
    const headers = { [HEADERS[kind]]: encodeBase32(signed) };
    const reply = await http.sendForObject({ method: 'GET', path, headers, signal, accept: [200] }, 'events');
    const head = await this.open(reply.read('checkpoint', text));
    const stream = reply.read('stream', text);
    if (!stream.endsWith(`.${kind}-${name}`)) {
      throw new ExchangeMisbehaved('contradiction', 'events.stream', `${stream} is not what was asked for`);
    }
    const events = reply.objects('events').map((json, place) => {
      const event = readEvent(json, stream);
      if (event.number !== start + place) {
        throw new ExchangeMisbehaved('contradiction', json.place, `event ${start + place} is expected`);
      }
      checkProof(taler, event, json, head);
      return event;
    });
    return { stream, head, events, complete: reply.read('complete', flag) };
  }

  /** The first event that fits, over as many pages as there are. */
  async #find(
    owner: Owner,
    options: CallOptions,
    fits: (event: ProvenEvent, data: ReplyObject) => boolean,
  ): Promise<ProvenEvent | undefined> {
    for (let start = 0; ; ) {
      const { events, complete } = await this.#events(owner, start, options);
      const found = events.find((event) => fits(event, dataOf(event)));
      if (found || complete || events.length === 0) return found;
      start += events.length;
    }
  }
}

function readEvent(json: ReplyObject, stream: string): ProvenEvent {
  return {
    stream,
    index: json.read('index', count),
    number: json.read('number', count),
    type: json.read('type', text),
    version: json.read('version', u32),
    writtenAtUs: json.read('written_at_us', count),
    data: json.read('data', anyText),
  };
}

function checkProof({ hash: { sha256 } }: Taler, event: ProvenEvent, json: ReplyObject, head: LogHead): void {
  const { size, root } = head;
  const place = { leaf: eventLeaf(sha256, event), index: event.index, size, root };
  if (isIncluded(sha256, json.read('proof', proofHashes), place)) return;
  throw new ExchangeMisbehaved('contradiction', json.place, 'the proof does not lead from the event to the head');
}

/** @throws ExchangeMisbehaved unless the event signed exactly these planchets */
function checkCoins(coins: readonly ReplyObject[], planchets: readonly Planchet[]): void {
  if (coins.length !== planchets.length) throw otherCoins(`has ${coins.length} coins, not ${planchets.length}`);
  for (const [place, coin] of coins.entries()) {
    const { denomination, envelopeHash, blinding } = planchets[place] as Planchet;
    const isIt =
      equalBytes(coin.read('envelopeHash', hash), envelopeHash) &&
      equalBytes(coin.read('denominationHash', hash), denomination.key.hash);
    if (!isIt) throw otherCoins(`has another coin ${place}`);
    try {
      denomination.key.unblind(blinding, blindSignatureOf(coin.object('blindSignature').json));
    } catch (error) {
      if (error instanceof ExchangeMisbehaved) throw error;
      throw otherCoins(`signs coin ${place} otherwise: ${(error as Error).message}`);
    }
  }
}

/** Events name the signature of an RSA denomination in their own way. */
const blindSignatureOf = ({ signature: blinded_rsa_signature, ...rest }: JsonObject) =>
  parseBlindSignature(blinded_rsa_signature === undefined ? rest : { ...rest, blinded_rsa_signature });

const dataOf = ({ type, data }: ProvenEvent): ReplyObject =>
  readingAt(type, () => new ReplyObject(parseJson(data), type));

/** As long as it may be: the reply is limited as a whole. */
function anyText(json: unknown): string {
  if (typeof json !== 'string') throw new EncodingError('a text', typeof json);
  return json;
}

function missing(what: string): never {
  throw new ExchangeMisbehaved('contradiction', 'log', `${what} does not stand in the log`);
}

const otherCoins = (problem: string) => new ExchangeMisbehaved('contradiction', 'CoinsWithdrawn', problem);
