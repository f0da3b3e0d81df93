/** Where events come from: the folder of an exchange, an export, a feed. */
import type { Head, JsonObject } from '@florin/event-store';

/** An event as a source holds it; nothing of it is believed. */
export interface SourceEvent {
  readonly index: number;
  readonly unitFirst: number;
  readonly stream: string;
  readonly number: number;
  readonly type: string;
  readonly version: number;
  readonly writtenAtUs: number;
  /** The data as it is stored. */
  readonly text: string;
  /** The same, where the source has parsed it already. */
  readonly data?: JsonObject;
  /** The leaf hash that the source holds for it, if it holds any. */
  readonly leaf?: Uint8Array;
  /** Whether the content gives that hash, where this was computed already, in another thread. */
  readonly isWhole?: boolean;
}

/** Something that should be an event and cannot be read. */
export interface Unreadable {
  readonly index: number | undefined;
  readonly fault: string;
}

export type SourceItem = SourceEvent | Unreadable;

/** Items in order, and what the log says about all up to them. */
export interface Stretch {
  readonly items: readonly SourceItem[];
  /** A signed head (its signature unchecked) that covers these items and no more. */
  readonly head?: Head;
  /** True if the source says that the last unit in it has ended. */
  readonly isWhole?: boolean;
}

export interface Source {
  /** For people: what is audited. */
  readonly name: string;
  /** The log's name in its heads. @throws SourceError */
  origin(): Promise<string>;
  /** How many events there are, if the source knows without reading them. */
  size(): Promise<number | undefined>;
  /** Everything from the event `first` on that is there now. @throws SourceError */
  read(first: number): AsyncIterable<Stretch>;
  /** Single events, to be shown beside what was found of them. */
  events(indexes: readonly number[]): Promise<ReadonlyMap<number, SourceEvent>>;
  close(): Promise<void>;
}

/** The source cannot be read at all: exit code 2. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
}
