import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Gate } from './gate.js';

/** How long a resumed process is busy with what it has received before it notices that the peer has hung up. */
const noticeHangUpAfterMs = 100;

/** What may wait in the socket before the writer has to. */
const largestBacklogBytes = 64 * 1_024;

/**
 * A TCP connection seen through a gate. While the gate is closed it behaves as the connections of a process stopped by
 * SIGSTOP: it stays open, what the peer sends collects in the kernel, and nothing is sent.
 */
export class GatedSocket extends Duplex {
  readonly #socket: Socket;
  readonly #gate: Gate;
  #wanted = false;
  #resumedAt = 0;

  constructor(socket: Socket, gate: Gate) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.#gate = gate;
    socket.setNoDelay(true);
    socket.pause();
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) this.#stop();
    });
    socket.on('end', () => this.#afterNotice(() => this.push(null)));
    socket.on('error', (error) => this.#afterNotice(() => this.destroy(error)));
    socket.on('close', () => this.#afterNotice(() => this.destroy()));
  }

  /** Hangs up with RST, so that the peer reports "read ECONNRESET" (facts: "server killed with appends in flight"). */
  reset(): void {
    this.#socket.resetAndDestroy();
    this.destroy();
  }

  /** To be called when the gate closes. */
  suspend(): void {
    this.#socket.pause();
  }

  /** To be called when the gate opens. */
  resumeReading(): void {
    this.#resumedAt = Date.now();
    if (this.#wanted) this.#socket.resume();
  }

  override _read(): void {
    this.#wanted = true;
    if (!this.#gate.closed) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (!this.#gate.closed) this.#send(chunk, done);
    else void this.#gate.passed().then(() => this.#send(chunk, done));
  }

  override _final(done: (error?: Error | null) => void): void {
    void this.#gate.passed().then(() => this.#socket.end(done));
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  /** Small chunks are taken at once, so that the socket can put many into one system call. */
  #send(chunk: Buffer, done: (error?: Error | null) => void): void {
    if (this.#socket.writableLength > largestBacklogBytes) {
      this.#socket.write(chunk, done);
      return;
    }
    this.#socket.write(chunk);
    done();
  }

  #stop(): void {
    this.#wanted = false;
    this.#socket.pause();
  }

  #afterNotice(act: () => void): void {
    const wait = this.#resumedAt + noticeHangUpAfterMs - Date.now();
    if (wait <= 0) act();
    else setTimeout(act, wait);
  }
}
