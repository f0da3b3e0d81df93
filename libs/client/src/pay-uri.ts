import { decodeBase32, EncodingError, encodeBase32, kindOf } from '@florin/encoding';

/*
 * How a payment is handed from wallet to wallet: where the exchange is, and the private key of the contract. Whoever
 * has the URI of a push payment can take the money; whoever has that of a pull payment can read what is asked for.
 * Source: LSD 0006, the taler URI scheme
 */

export interface PayUri {
  /** `push`: there is a purse to take. `pull`: there is one to fill. */
  readonly direction: 'push' | 'pull';
  /** http or https, ends in `/`. */
  readonly exchangeBaseUrl: string;
  /** 32 bytes. */
  readonly contractPriv: Uint8Array;
}

const PAY_URI = /^taler(\+http)?:\/\/pay-(push|pull)\/([^?#\s]+\/)([0-9A-Za-z]+)$/i;
const BASE_URL = /^http(s?):\/\/([^?#\s]+\/)$/;

/** @throws EncodingError on another base URL */
export function formatPayUri({ direction, exchangeBaseUrl, contractPriv }: PayUri): string {
  const [, secure, place] = BASE_URL.exec(exchangeBaseUrl) ?? [];
  if (place === undefined) throw new EncodingError('an http(s) base URL that ends in /', kindOf(exchangeBaseUrl));
  return `taler${secure ? '' : '+http'}://pay-${direction}/${place}${encodeBase32(contractPriv)}`;
}

/** @throws EncodingError unless it is what {@link formatPayUri} gives */
export function parsePayUri(uri: string): PayUri {
  const [, plain, direction = '', place, key = ''] = PAY_URI.exec(uri) ?? [];
  if (place === undefined) throw new EncodingError('taler://pay-push/... or taler://pay-pull/...', kindOf(uri));
  return {
    direction: direction.toLowerCase() === 'push' ? 'push' : 'pull',
    exchangeBaseUrl: `http${plain ? '' : 's'}://${place}`,
    contractPriv: decodeBase32(key, 32),
  };
}
