/** What stands in a path, a query or a header: parsed strictly, refused with the code the protocol has for it. */
import { decodeBase32, ErrorCode, encodeBase32, type SentErrorCode } from '@florin/encoding';
import { type ArgumentMetadata, Injectable, type PipeTransform } from '@nestjs/common';
import { malformedParameter, TalerError } from './taler-error.js';

/** A 32-byte key in the path as canonical base32; each kind of key has an error code of its own. */
class KeyPipe implements PipeTransform<string, string> {
  constructor(
    private readonly code: SentErrorCode,
    private readonly name: string,
  ) {}

  transform(value: string, _metadata: ArgumentMetadata): string {
    try {
      return encodeBase32(decodeBase32(value, 32));
    } catch {
      const hint = `${this.name} must be 32 bytes in Crockford base32, 52 characters`;
      throw new TalerError(this.code, { detail: value.slice(0, 100), hint });
    }
  }
}

@Injectable()
export class ReservePubPipe extends KeyPipe {
  constructor() {
    super(ErrorCode.GENERIC_RESERVE_PUB_MALFORMED, 'RESERVE_PUB');
  }
}

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
