import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { LogStorage, RecordedEvent } from './log.js';

/** One event in the file. Bytes are base64; numbers beyond 2^53 are decimal text. */
interface StoredEvent {
  stream: string;
  revision: string;
  position: string;
  created: number;
  id: string;
  type: string;
  contentType: string;
  data: string;
  metadata: string;
}

/**
 * Keeps the log in `<folder>/events.jsonl`, so that a killed stand-in has its data when it starts again (facts: "server
 * killed and restarted, single node on disk: of 8,162 acknowledged 0 lost"). One line is one append, whole or, if the
 * process died in the middle of it, cut off. It is not synced to the disk: it survives the process, not the machine.
 */
export class FolderStorage implements LogStorage {
  readonly #file: number;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.#file = openSync(path.join(folder, 'events.jsonl'), 'a+');
  }

  load(): RecordedEvent[] {
    const bytes = readFileSync(this.#file);
    const complete = bytes.lastIndexOf(0x0a) + 1;
    if (complete < bytes.length) ftruncateSync(this.#file, complete);
    const lines = bytes.subarray(0, complete).toString('utf8').split('\n').slice(0, -1);
    const stored = lines.flatMap((line) => JSON.parse(line) as StoredEvent[]);
    return stored.map((event, index) => ({
      ...event,
      index,
      revision: BigInt(event.revision),
      position: BigInt(event.position),
      data: Buffer.from(event.data, 'base64'),
      metadata: Buffer.from(event.metadata, 'base64'),
    }));
  }

  write(events: readonly RecordedEvent[]): void {
    const stored = events.map(
      (event): StoredEvent => ({
        stream: event.stream,
        revision: event.revision.toString(),
        position: event.position.toString(),
        created: event.created,
        id: event.id,
        type: event.type,
        contentType: event.contentType,
        data: Buffer.from(event.data).toString('base64'),
        metadata: Buffer.from(event.metadata).toString('base64'),
      }),
    );
    const line = Buffer.from(`${JSON.stringify(stored)}\n`);
    for (let written = 0; written < line.length; ) written += writeSync(this.#file, line, written);
  }

  close(): void {
    closeSync(this.#file);
  }
}
