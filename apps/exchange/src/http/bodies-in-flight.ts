/** Reads request bodies, and bounds what all that are not whole yet hold together: memory, whoever sends slowly. */
import type { Readable } from 'node:stream';
import { ErrorCode } from '@florin/encoding';
import { malformedParameter, retryLater, TalerError } from './taler-error.js';

/** A body on its way. */
interface Reading {
  bytes: number;
  readonly refuse: (error: TalerError) => void;
}

export const tooLarge = (): TalerError =>
  new TalerError(ErrorCode.GENERIC_UPLOAD_EXCEEDS_LIMIT, {
    hint: 'a request body has more bytes than this exchange accepts, perhaps only after inflating',
  });

const tooMany = (): TalerError =>
  retryLater(
    ErrorCode.GENERIC_PARSER_OUT_OF_MEMORY,
    'too many request bodies are on their way, and this is the largest; repeat the same request',
  );

export class BodiesInFlight {
  private readonly readings = new Set<Reading>();
  private bytes = 0;

  /** @param bytesMax of one body @param bytesMaxTogether of all that are not whole yet */
  constructor(
    private readonly bytesMax: number,
    private readonly bytesMaxTogether: number,
  ) {}

  /**
   * The whole body. Where all bodies together become too many bytes, the largest is refused: who sends little is heard.
   * @param announced what the client says that it sends, in bytes
   * @throws TalerError 413, 400 if it is not what was announced, 503; Error if the connection ends before
   */
  read(stream: Readable, announced: number | undefined): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      const settle = (): void => {
        stream.off('data', take).off('end', end).off('error', fail);
        this.readings.delete(reading);
        this.bytes -= reading.bytes;
      };
      const fail = (error: Error): void => {
        settle();
        reject(error);
      };
      const take = (chunk: Buffer): void => {
        reading.bytes += chunk.length;
        this.bytes += chunk.length;
        chunks.push(chunk);
        if (reading.bytes > this.bytesMax) fail(tooLarge());
        else if (this.bytes > this.bytesMaxTogether) this.refuseLargest();
      };
      const end = (): void => {
        settle();
        if (announced === undefined || announced === reading.bytes) resolve(Buffer.concat(chunks));
        else reject(malformedParameter('Content-Length', 'the body has another length than announced'));
      };
      const reading: Reading = { bytes: 0, refuse: fail };
      this.readings.add(reading);
      if (announced !== undefined && announced > this.bytesMax) fail(tooLarge());
      else stream.on('data', take).on('end', end).on('error', fail);
    });
  }

  private refuseLargest(): void {
    const largest = [...this.readings].reduce((most, one) => (one.bytes > most.bytes ? one : most));
    largest.refuse(tooMany());
  }
}
