/** Worker thread: reads, so that the event loop never waits on a disk. */
import { parentPort, workerData } from 'node:worker_threads';
import type { ReadStream } from '../port.js';
import { type ReaderData, ReaderSide } from './reader-side.js';
import { serve } from './thread.js';

const reader = new ReaderSide(workerData as ReaderData);

/** What a reader thread can be asked. */
export type ReaderOps = typeof operations;

const operations = {
  open: () => reader.open(),
  readStream: (stream: string, options: ReadStream, size: number) => reader.readStream(stream, options, size),
  readAll: (after: number, size: number) => reader.readAll(after, size),
  unitFirst: (index: number) => reader.unitFirst(index),
  writtenAtUs: (size: number) => reader.writtenAtUs(size),
  inclusionProof: (index: number, size: number) => reader.inclusionProof(index, size),
  consistencyProof: (from: number, to: number) => reader.consistencyProof(from, to),
  checkEvents: (first: number, end: number) => reader.check.events(first, end),
  checkStreams: (after: string, limit: number) => reader.check.streams(after, limit),
  checkPages: () => reader.check.pages(true),
  checkTree: (size: number, root: Uint8Array) => reader.checkTree(size, root),
  backup: (target: string, note: string, size: number) => reader.backup(target, note, size),
  close: () => reader.close(),
};

if (parentPort) serve(parentPort, operations);
