/**
 * Somebody inside of the exchange: holds the online keys (log, signing, denominations), writes the events anew, and
 * computes every hash, the tree and its head again. Has neither the wallets' keys nor the master key.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Source, SourceEvent, Stretch } from '@florin/auditor';
import { decodeBase32, encodeBase32, formatAmount, parseAmount } from '@florin/encoding';
import { checkpointText, Frontier, type Head, signedNote, storedLeaf } from '@florin/event-store';
import { wallet } from '../e2e/support/oracle.js';
import { configuredStore, unitsOfLedger } from '../support/configured-store.js';

// biome-ignore lint/suspicious/noExplicitAny: an insider writes whatever he likes
export type Data = any;

/** An event that may be changed. */
export interface Written {
  stream: string;
  type: string;
  version: number;
  data: Data;
  writtenAtUs: number;
  /** Events with the same object are one unit. */
  unit: object;
  /** Set to keep what renumbering would mend. */
  number?: number;
  index?: number;
  unitFirst?: number;
  /** A leaf that is not made anew: plain damage. */
  leaf?: Uint8Array;
  /** Text that is no JSON. */
  text?: string;
}

interface Ed25519Key {
  readonly pub: string;
  readonly priv: Uint8Array;
}

export interface Evidence {
  readonly events: readonly Written[];
  readonly instance: string;
  readonly origin: string;
  readonly keys: string;
}

/** What an exchange left: its keys in the data folder, its events wherever they are kept. */
export async function readEvidence(folder: string): Promise<Evidence> {
  const keys = join(folder, 'keys');
  const { instance } = configuredStore(folder);
  const units = await unitsOfLedger(folder);
  const events = units.flatMap((unit) =>
    unit.events.map(({ stream, type, version, writtenAtUs, data }): Written => {
      return { stream, type, version, writtenAtUs, unit, data };
    }),
  );
  const origin = `florin/${instance}/${keyIn(join(keys, 'log.json')).pub.slice(0, 16)}`;
  return { events, instance, origin, keys };
}

export class Insider {
  readonly events: Written[];
  readonly instance: string;
  readonly keysFolder: string;
  origin: string;
  /** Signs the head; the log key unless a fraud says otherwise. */
  logKey: Ed25519Key;
  /** Signs confirmations. */
  readonly signing: Ed25519Key;
  /** How many events the head covers; all by default. */
  size: number | undefined;
  /** The root that is signed; the true one by default. */
  root: ((root: Uint8Array) => Uint8Array) | undefined;

  constructor({ events, instance, origin, keys }: Evidence) {
    this.instance = instance;
    const units = new Map<object, object>();
    this.events = events.map((event) => {
      const unit = units.get(event.unit) ?? {};
      units.set(event.unit, unit);
      return { ...event, unit, data: structuredClone(event.data) };
    });
    this.origin = origin;
    this.keysFolder = keys;
    this.logKey = keyIn(join(keys, 'log.json'));
    const [signing] = readdirSync(join(keys, 'signing'));
    this.signing = keyIn(join(keys, 'signing', signing as string));
  }

  /** The first event of a type that fits. */
  the(type: string, fits: (event: Written) => boolean = () => true): Written {
    const found = this.all(type).find(fits);
    if (!found) throw new Error(`there is no such ${type}`);
    return found;
  }

  all(type: string): Written[] {
    return this.events.filter((event) => event.type === type);
  }

  /** Another event of the same unit. */
  beside({ unit }: Written, type: string, fits: (event: Written) => boolean = () => true): Written {
    const found = this.events.find((event) => event.unit === unit && event.type === type && fits(event));
    if (!found) throw new Error(`no ${type} is in that unit`);
    return found;
  }

  unitOf({ unit }: Written): Written[] {
    return this.events.filter((event) => event.unit === unit);
  }

  remove(...gone: Written[]): void {
    for (const event of gone) this.events.splice(this.events.indexOf(event), 1);
  }

  /** Puts events of one new unit behind `after`, at the end by default. */
  insert(news: readonly { stream: string; type: string; data: Data }[], after = this.events.at(-1) as Written): void {
    const unit = {};
    const last = this.unitOf(after).at(-1) as Written;
    const place = this.events.indexOf(last) + 1;
    const made = news.map((event): Written => {
      const stream = event.stream.startsWith(`${this.instance}.`) ? event.stream : `${this.instance}.${event.stream}`;
      return { ...event, stream, version: 1, writtenAtUs: after.writtenAtUs, unit };
    });
    this.events.splice(place, 0, ...made);
  }

  /** The same unit once more, behind `after`. */
  repeat(event: Written, after?: Written): void {
    this.insert(structuredClone(this.unitOf(event).map(({ stream, type, data }) => ({ stream, type, data }))), after);
  }

  /** Moves whole units before another event's. */
  moveBefore(event: Written, before: Written): void {
    const moved = this.unitOf(event);
    this.remove(...moved);
    this.events.splice(this.events.indexOf(this.unitOf(before)[0] as Written), 0, ...moved);
  }

  /** By the exchange's online key, of now. */
  sign(message: Uint8Array): { exchangePub: string; exchangeSignature: string } {
    return {
      exchangePub: this.signing.pub,
      exchangeSignature: encodeBase32(wallet.eddsa.sign(message, this.signing.priv)),
    };
  }

  /** What is offered under a value, e.g. `KUDOS:10`. */
  offer(value: string, cipher = 'RSA', ageMask = 0): Data {
    const found = this.all('DenominationOffered').find(
      ({ data }) => data.value === value && data.key.cipher === cipher && data.ageMask === ageMask,
    );
    return found?.data;
  }

  /** The history as the auditor gets it, with a tree and a head made anew. */
  source(): Source {
    const numbers = new Map<string, number>();
    const firsts = new Map<object, number>();
    const frontier = Frontier.empty();
    const items = this.events.map((event, place): SourceEvent => {
      const { stream, type, version, writtenAtUs, unit, data } = event;
      const index = event.index ?? place;
      if (!firsts.has(unit)) firsts.set(unit, index);
      const number = event.number ?? numbers.get(stream) ?? 0;
      numbers.set(stream, number + 1);
      const text = event.text ?? JSON.stringify(data);
      const leaf = event.leaf ?? storedLeaf({ stream, number, type, version, writtenAtUs, text });
      frontier.append(leaf);
      const unitFirst = event.unitFirst ?? (firsts.get(unit) as number);
      return { index, unitFirst, stream, number, type, version, writtenAtUs, text, leaf };
    });
    const head = this.head(this.size ?? items.length, frontier.root());
    return {
      name: 'a planted history',
      size: async () => items.length,
      async *read(first: number): AsyncGenerator<Stretch> {
        yield { items: items.slice(first), head };
      },
      origin: async () => head.origin,
      events: async () => new Map(),
      close: async () => {},
    };
  }

  private head(size: number, root: Uint8Array): Head {
    const signed = this.root?.(root) ?? root;
    const text = checkpointText({ origin: this.origin, size, root: signed });
    const signature = wallet.eddsa.sign(new TextEncoder().encode(text), this.logKey.priv);
    const note = signedNote(text, { name: this.origin, logPub: decodeBase32(this.logKey.pub, 32), signature });
    return { origin: this.origin, size, root: signed, note };
  }
}

function keyIn(path: string): Ed25519Key {
  const { pub, priv } = JSON.parse(readFileSync(path, 'utf8')) as { pub: string; priv: string };
  return { pub, priv: decodeBase32(priv, 32) };
}

/** Amounts as events hold them. */
export const CURRENCY = 'KUDOS';
export const unitsOf = (text: string): bigint => parseAmount(text, CURRENCY).units;
export const textOf = (units: bigint): string => formatAmount({ currency: CURRENCY, units });
export const plus = (text: string, units: bigint): string => textOf(unitsOf(text) + units);
export const CENT = 1_000_000n;

/** Bytes that nobody signed and that are no hash of anything. */
export const noise = (sizeBytes: number): string => encodeBase32(randomBytes(sizeBytes));
/** A well-formed signature that is not one: a canonical scalar in its second half. */
export const forged = (): string => {
  const bytes = randomBytes(64);
  bytes[63] = 0;
  return encodeBase32(bytes);
};
