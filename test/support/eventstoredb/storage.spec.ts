import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { append } from './append.js';
import { softDelete, tombstone } from './deletion.js';
import { EventLog } from './log.js';
import { readAll } from './read.js';
import { FolderStorage } from './storage.js';

describe('a log kept in a folder', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'stand-in-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const everything = (log: EventLog) =>
    [
      ...readAll({ log, length: log.length }, { from: 'start', direction: 'forwards', max: Number.POSITIVE_INFINITY }),
    ].map((event) => ({
      ...event,
      data: Buffer.from(event.data).toString('hex'),
      metadata: Buffer.from(event.metadata).toString('hex'),
    }));

  function filled(): EventLog {
    const log = new EventLog(new FolderStorage(folder));
    const data = Uint8Array.from([0, 10, 13, 255]);
    const event = (id: string) => ({ id, type: 'T', contentType: 'application/octet-stream', data, metadata: data });
    append(log, { stream: 'a', expected: 'no_stream', events: [event('1'), event('2')] });
    append(log, { stream: 'ünï', expected: 'no_stream', events: [event('3')] });
    softDelete(log, { stream: 'a', expected: 'any' });
    append(log, { stream: 'a', expected: 'no_stream', events: [event('4')] });
    tombstone(log, { stream: 'ünï', expected: 0n });
    return log;
  }

  test('everything is there again, byte for byte, positions and tombstones included', () => {
    const log = filled();
    const before = everything(log);
    log.close();
    const again = new EventLog(new FolderStorage(folder));
    expect(everything(again)).toEqual(before);
    const repeat = append(again, { stream: 'ünï', expected: 'any', events: [] });
    expect(repeat).toEqual({ kind: 'stream-deleted' });
    again.close();
  });

  test('an append that was only half written is cut off, and writing goes on', () => {
    const log = filled();
    const before = everything(log);
    log.close();
    const file = path.join(folder, 'events.jsonl');
    appendFileSync(file, readFileSync(file, 'utf8').slice(0, 100).trimEnd());
    const again = new EventLog(new FolderStorage(folder));
    expect(everything(again)).toEqual(before);
    const event = {
      id: '9',
      type: 'T',
      contentType: 'application/json',
      data: Buffer.from('{}'),
      metadata: Buffer.alloc(0),
    };
    append(again, { stream: 'b', expected: 'any', events: [event] });
    again.close();
    const third = new EventLog(new FolderStorage(folder));
    expect(everything(third)).toHaveLength(before.length + 1);
    third.close();
  });
});
