/** What stands in a path, a query or a header: parsed strictly, refused with the code the protocol has for it. */

import type { EddsaSignature } from '@florin/domain';
import { decodeBase32, ErrorCode, encodeBase32, type SentErrorCode } from '@florin/encoding';
import {
  type ArgumentMetadata,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  type PipeTransform,
} from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { malformedParameter, TalerError } from './taler-error.js';

/** Keys in paths: 32 bytes each, and each with an error code of its own. */
const PATH_KEYS: Readonly<Record<string, SentErrorCode>> = {
  reserve_pub: ErrorCode.GENERIC_RESERVE_PUB_MALFORMED,
  purse_pub: ErrorCode.EXCHANGE_GENERIC_PURSE_PUB_MALFORMED,
  coin_pub: ErrorCode.EXCHANGE_GENERIC_COINS_INVALID_COIN_PUB,
  contract_pub: ErrorCode.EXCHANGE_CONTRACTS_INVALID_CONTRACT_PUB,
};

function canonicalKey(name: string, text: string): string {
  try {
    return encodeBase32(decodeBase32(text, 32));
  } catch {
    const hint = `${name.toUpperCase()} must be 32 bytes in Crockford base32, 52 characters`;
    throw new TalerError(PATH_KEYS[name] ?? ErrorCode.GENERIC_PATH_SEGMENT_MALFORMED, {
      detail: text.slice(0, 100),
      hint,
    });
  }
}

/** The path is the first thing that is checked, before anything of the body is read. */
export function checkPathKeys(params: unknown): void {
  for (const [name, text] of Object.entries(params ?? {})) if (name in PATH_KEYS) canonicalKey(name, text as string);
}

/** A key in the path as canonical base32. */
@Injectable()
export class KeyPipe implements PipeTransform<string, string> {
  transform(value: string, { data }: ArgumentMetadata): string {
    return canonicalKey(data ?? '', value);
  }
}

/** What a SignatureHeader reads. */
export function readSignatureHeader(name: string, context: ExecutionContext): EddsaSignature {
  const given = context.switchToHttp().getRequest<FastifyRequest>().headers[name.toLowerCase()];
  if (given === undefined) {
    throw new TalerError(ErrorCode.GENERIC_PARAMETER_MISSING, { detail: name, hint: `the header ${name} is missing` });
  }
  try {
    return encodeBase32(decodeBase32(String(given), 64)) as EddsaSignature;
  } catch {
    throw malformedParameter(name, `${name} must be a signature of 64 bytes in Crockford base32, 103 characters`);
  }
}

/** The signature in the header of this name: 64 bytes as canonical base32. Whether it is good, is not known yet. */
export const SignatureHeader = createParamDecorator(readSignatureHeader);

/** The longest a request is held, in milliseconds; a client that wants more asks again. */
const LONG_POLL_MS_MAX = 120_000;

/** `timeout_ms`: unsigned decimal, 0 if absent. */
@Injectable()
export class TimeoutPipe implements PipeTransform<string | undefined, number> {
  transform(value: string | undefined): number {
    if (value === undefined) return 0;
    if (!/^[0-9]{1,20}$/.test(value)) {
      throw malformedParameter('timeout_ms', 'timeout_ms must be a whole number of milliseconds');
    }
    const asked = BigInt(value);
    return asked > BigInt(LONG_POLL_MS_MAX) ? LONG_POLL_MS_MAX : Number(asked);
  }
}

/** `start` of a history: the number of the last entry that the client knows, 0 if absent. */
@Injectable()
export class StartPipe implements PipeTransform<string | undefined, number> {
  transform(value: string | undefined): number {
    if (value === undefined) return 0;
    if (!/^[0-9]{1,15}$/.test(value)) throw malformedParameter('start', 'start must be a whole number');
    return Number(value);
  }
}

/** Any other whole number of a query, named by its parameter; undefined if absent. */
@Injectable()
export class CountPipe implements PipeTransform<string | undefined, number | undefined> {
  transform(value: string | undefined, { data = '' }: ArgumentMetadata): number | undefined {
    if (value === undefined) return undefined;
    if (!/^[0-9]{1,15}$/.test(value)) throw malformedParameter(data, `${data} must be a whole number`);
    return Number(value);
  }
}
