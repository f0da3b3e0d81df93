/** Worker thread: the writer. */
import { parentPort, workerData } from 'node:worker_threads';
import { faultOf } from './faults.js';
import type { WriterData } from './opening.js';
import { type FromWriter, type ToWriter, WriterSide } from './writer-side.js';

if (parentPort) {
  const port = parentPort;
  const send = (message: FromWriter): void => port.postMessage(message);
  const writer = new WriterSide(workerData as WriterData, send);
  port.on('message', (message: ToWriter) => writer.receive(message));
  writer.open().catch((error) => send({ kind: 'failed', ids: [], fault: faultOf(error) }));
}
