import { readFileSync } from 'node:fs';
import { JsonReal, type JsonValue, parseJson } from '@florin/encoding';
import { ReplyObject } from './reply.js';

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
