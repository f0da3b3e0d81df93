import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  type AppendExpectedRevision,
  BACKWARDS,
  END,
  type EventStoreDBClient,
  FORWARDS,
  jsonEvent,
  type Position,
  type ReadRevision,
  START,
  WrongExpectedVersionError,
} from '@eventstore/db-client';

/**
 * Recorded sequences: 25 operations each on streams `a`, `b`, `c` that are fresh at the start, with the answers of a
 * real server. `ids` name events: the same name is the same event id. An event's data is `{k: name, v}`.
 */
export type Operation =
  | { op: 'append'; stream: string; expected: Expected; ids: string[]; v: number }
  | { op: 'read'; stream: string; direction: 'forwards' | 'backwards'; from: 'start' | 'end' | number; max: number }
  | { op: 'delete' | 'tombstone'; stream: string; expected: Expected }
  | { op: 'all' };

type Expected = 'any' | 'no_stream' | 'stream_exists' | number;

/** As recorded: revisions are JSON numbers, so that of a tombstone has lost its last digits. */
export type Answer =
  | { next: number }
  | { ok: true }
  | { events: (string | number)[][] }
  | { error: string; actual?: number | 'no_stream' };

export type RecordedOperation = Operation & { answer: Answer };

export function loadSequences(file: string | URL): RecordedOperation[][] {
  return JSON.parse(readFileSync(file, 'utf8')) as RecordedOperation[][];
}

/** Plays the operations one after the other through a client and returns what the server answered to each. */
export async function playSequence(client: EventStoreDBClient, operations: readonly Operation[]): Promise<Answer[]> {
  const player = new Player(client);
  const answers: Answer[] = [];
  for (const operation of operations) answers.push(await player.play(operation));
  return answers;
}

class Player {
  readonly #client: EventStoreDBClient;
  /** Fresh streams for every sequence, on a server that others use too. */
  readonly #prefix = `sequence.${randomUUID()}-`;
  readonly #ids = new Map<string, string>();
  #firstAppend: Position | undefined;

  constructor(client: EventStoreDBClient) {
    this.#client = client;
  }

  async play(operation: Operation): Promise<Answer> {
    try {
      switch (operation.op) {
        case 'append':
          return await this.#append(operation);
        case 'read':
          return await this.#read(operation);
        case 'delete':
        case 'tombstone':
          return await this.#remove(operation);
        case 'all':
          return { events: await this.#all() };
      }
    } catch (error) {
      return refusal(error);
    }
  }

  async #append(operation: Operation & { op: 'append' }): Promise<Answer> {
    const events = operation.ids.map((name) =>
      jsonEvent({ id: this.#idOf(name), type: 'recorded', data: { k: name, v: operation.v } }),
    );
    const expectedRevision = revision(operation.expected);
    const result = await this.#client.appendToStream(this.#prefix + operation.stream, events, { expectedRevision });
    this.#firstAppend ??= result.position;
    return { next: Number(result.nextExpectedRevision) };
  }

  async #read(operation: Operation & { op: 'read' }): Promise<Answer> {
    const events: (string | number)[][] = [];
    const read = this.#client.readStream(this.#prefix + operation.stream, {
      direction: operation.direction === 'forwards' ? FORWARDS : BACKWARDS,
      fromRevision: start(operation.from),
      ...(operation.max === 0 ? {} : { maxCount: operation.max }),
    });
    for await (const { event } of read) {
      if (event !== undefined) events.push([Number(event.revision), ...content(event.data)]);
    }
    return { events };
  }

  async #remove(operation: Operation & { op: 'delete' | 'tombstone' }): Promise<Answer> {
    const [stream, expectedRevision] = [this.#prefix + operation.stream, revision(operation.expected)];
    // The client's types allow fewer words here than the recorded sequences use; what it makes of them is recorded.
    const options = { expectedRevision } as { expectedRevision: 'any' };
    if (operation.op === 'delete') await this.#client.deleteStream(stream, options);
    else await this.#client.tombstoneStream(stream, options);
    return { ok: true };
  }

  async #all(): Promise<(string | number)[][]> {
    const events: (string | number)[][] = [];
    const read = this.#client.readAll({ fromPosition: this.#firstAppend ?? START, direction: FORWARDS });
    for await (const { event } of read) {
      if (!event?.streamId.startsWith(this.#prefix)) continue;
      const [name] = content(event.data);
      events.push([event.streamId.slice(this.#prefix.length), Number(event.revision), name]);
    }
    return events;
  }

  #idOf(name: string): string {
    const id = this.#ids.get(name) ?? randomUUID();
    this.#ids.set(name, id);
    return id;
  }
}

const revision = (expected: Expected): AppendExpectedRevision =>
  typeof expected === 'number' ? BigInt(expected) : expected;

function start(from: 'start' | 'end' | number): ReadRevision {
  if (from === 'start') return START;
  return from === 'end' ? END : BigInt(from);
}

/** Name and number of an event of a sequence; a tombstone has neither and is called "?". */
function content(data: unknown): [name: string, v: number] {
  const { k = '?', v = 0 } = typeof data === 'object' && data !== null ? (data as { k?: string; v?: number }) : {};
  return [k, v];
}

function refusal(error: unknown): Answer {
  if (!(error instanceof Error)) throw error;
  const name = error.constructor.name;
  if (!(error instanceof WrongExpectedVersionError)) return { error: name };
  const { actualVersion } = error;
  return { error: name, actual: typeof actualVersion === 'bigint' ? Number(actualVersion) : 'no_stream' };
}
