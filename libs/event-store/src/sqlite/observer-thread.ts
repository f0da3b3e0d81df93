/** Worker thread: reads a folder for an auditor, who computes meanwhile. */
import { parentPort, workerData } from 'node:worker_threads';
import { ObservedFolder } from './observed.js';
import { serve } from './thread.js';

let folder: ObservedFolder | undefined;

/** What the thread can be asked. */
export type ObserverOps = typeof operations;

const opened = (): ObservedFolder => {
  folder ??= new ObservedFolder((workerData as { folder: string }).folder);
  return folder;
};

const operations = {
  heads: () => opened().heads(),
  stretch: (first: number, end: number) => opened().stretch(first, end),
  close: () => folder?.close(),
};

if (parentPort) serve(parentPort, operations);
