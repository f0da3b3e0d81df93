import { readFileSync } from 'node:fs';
import { taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import { JsonReal, type JsonValue, parseJson, readU32, writeU32 } from '@florin/encoding';
import { ReplyObject } from './reply.js';
import { SignatureChecker } from './signatures.js';

/* For the specs of this room: requests and replies of the reference exchange, as they were recorded. */

export interface Recorded {
  readonly seq: number;
  /** Seconds since 1970, when the request was made. */
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly request: JsonValue | undefined;
  readonly status: number;
  readonly reply: JsonValue | undefined;
}

/** @param name of a file of test/vectors/http, without extension */
export function readTranscript(name: string): Recorded[] {
  const text = readFileSync(new URL(`../../../test/vectors/http/${name}.json`, import.meta.url), 'utf8');
  return new ReplyObject(parseJson(text), name).objects('exchanges').map((recorded) => {
    const [request, response] = [recorded.object('request'), recorded.object('response')];
    return {
      seq: recorded.json.seq as number,
      at: secondsOf(recorded.json.t),
      method: request.json.method as string,
      path: request.json.path as string,
      request: request.object('body').json.json,
      status: response.json.status as number,
      reply: response.object('body').json.json,
    };
  });
}

export function recordedAt(transcript: readonly Recorded[], seq: number): Recorded {
  const found = transcript.find((recorded) => recorded.seq === seq);
  if (!found) throw new Error(`nothing was recorded as ${seq}`);
  return found;
}

function secondsOf(json: JsonValue | undefined): number {
  const value = json instanceof JsonReal ? json.value : json;
  if (typeof value !== 'number') throw new Error('a transcript without times');
  return Math.floor(value);
}

/** Purposes that the build behind the recordings numbers in its own way: EXCHANGE_CONFIRM_PURSE_REFUND. */
const NUMBERED_OTHERWISE: ReadonlyMap<number, number> = new Map([[1049, 1051]]);
const PURPOSE_OFFSET = 4;

/** Checks signatures of the recordings, under the numbers that they were made with. */
export function recordedChecker(): SignatureChecker {
  const crypto = taler(serverPrimitives);
  const verify: typeof crypto.eddsa.verify = (message, signature, pub) => {
    const numbered = message.slice();
    const purpose = readU32(message, PURPOSE_OFFSET);
    writeU32(numbered, PURPOSE_OFFSET, NUMBERED_OTHERWISE.get(purpose) ?? purpose);
    return crypto.eddsa.verify(numbered, signature, pub);
  };
  return new SignatureChecker({ ...crypto, eddsa: { ...crypto.eddsa, verify } });
}
