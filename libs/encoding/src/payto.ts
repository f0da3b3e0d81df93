import { decodeBase32, encodeBase32 } from './base32.js';
import { EncodingError, kindOf } from './errors.js';
import { ibanFault } from './iban.js';

/*
 * payto URIs (RFC 8905): bank accounts, and reserves as accounts of a wallet. Hashes are taken over the URI exactly as
 * received, or over its normalised form; hashing itself is not done here.
 * Source: protocol/encoding.md section 6; vectors: test/vectors/payto.json
 */

/** A bank account or wallet account. */
export interface Payto {
  /** As received, byte for byte. */
  readonly uri: string;
  /** Lower case: `iban`, `x-taler-bank`, ... */
  readonly method: string;
  /** What lies between method and query, cut at each `/`, as written. */
  readonly segments: readonly string[];
  /** Last segment: the IBAN, or the name of the account at its bank. */
  readonly account: string;
  /** Query parameters by lower-case name, values as written; the first of a name counts. */
  readonly parameters: ReadonlyMap<string, string>;
  /** The `receiver-name` parameter as written; may be empty. */
  readonly receiverName: string | undefined;
}

/** A reserve as an account: what a purse is merged into. */
export interface ReserveAccount {
  /** Ends in `/`. */
  readonly exchangeBaseUrl: string;
  /** 32 bytes */
  readonly reservePub: Uint8Array;
}

const PREFIX = 'payto://';
const FORBIDDEN = /[^A-Za-z0-9/:$&?!\-_.,;=*+%~@()[\]]/;
const METHOD = /^[A-Za-z][A-Za-z0-9.-]*$/;
const HOST = /^[A-Za-z0-9.-]+(?::([0-9]{1,5}))?$/;
const BASE_URL = /^(https?):\/\/(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?\/(?:[^?]*\/)?$/i;
const RESERVE_METHODS: Readonly<Record<string, string>> = { https: 'taler-reserve', http: 'taler-reserve-http' };
const PUBLIC_KEY_SIZE = 32;

/**
 * Reads an account URI and checks it by the rules of its method.
 * @throws EncodingError with the reason of {@link validatePayto}
 */
export function parsePayto(uri: string): Payto {
  const payto = readPayto(uri);
  const fault = methodFault(payto);
  if (fault !== undefined) throw new EncodingError('a payto URI', fault);
  return payto;
}

/** @returns why `uri` is refused (a phrase without personal data), or undefined when it is valid */
export function validatePayto(uri: string): string | undefined {
  try {
    parsePayto(uri);
    return undefined;
  } catch (error) {
    if (error instanceof EncodingError) return error.got;
    throw error;
  }
}

/**
 * The form whose hash names an account whatever the spelling: without query (receiver's name, subject), BIC and case
 * where case does not matter. Normalising twice changes nothing.
 * @throws EncodingError when `uri` is no payto URI at all; the rules of the method are not checked, for a normalised
 *   IBAN has no receiver-name
 */
export function normalizePayto(uri: string): string {
  const { method, account } = readPayto(uri);
  const [bare = ''] = uri.split('?', 1);
  switch (method) {
    case 'iban':
      return `${PREFIX}iban/${account.toUpperCase()}`;
    case 'x-taler-bank':
      return lowerUpToSlash(bare, 4);
    case 'bitcoin':
      return lowerUpToSlash(bare, 3);
    case 'upi':
    case 'ilp':
      return bare.toLowerCase();
    default:
      return bare;
  }
}

/**
 * The account URI of a reserve: the exchange's base URL under another scheme and the reserve's key in base32.
 * @param exchangeBaseUrl https or http, ends in `/`
 * @param reservePub 32 bytes
 * @throws EncodingError on another URL or length
 */
export function reservePayto(exchangeBaseUrl: string, reservePub: Uint8Array): string {
  const scheme = FORBIDDEN.test(exchangeBaseUrl) ? undefined : BASE_URL.exec(exchangeBaseUrl)?.[1]?.toLowerCase();
  if (scheme === undefined) throw new EncodingError('an http(s) base URL that ends in /', kindOf(exchangeBaseUrl));
  if (reservePub.length !== PUBLIC_KEY_SIZE) throw new EncodingError('a reserve key of 32 bytes', kindOf(reservePub));
  const rest = exchangeBaseUrl.slice(scheme.length + '://'.length);
  return `${PREFIX}${RESERVE_METHODS[scheme]}/${rest}${encodeBase32(reservePub)}`;
}

/** @throws EncodingError unless `uri` is what {@link reservePayto} gives (either case of the key, no query) */
export function parseReservePayto(uri: string): ReserveAccount {
  const { method, segments, account } = readPayto(uri);
  const scheme = Object.keys(RESERVE_METHODS).find((name) => RESERVE_METHODS[name] === method);
  if (scheme === undefined) throw new EncodingError('a payto URI of a reserve', `the method ${method}`);
  if (uri.includes('?')) throw new EncodingError('a payto URI of a reserve', 'a query');
  const exchangeBaseUrl = `${scheme}://${segments.slice(0, -1).join('/')}/`;
  if (!BASE_URL.test(exchangeBaseUrl)) throw new EncodingError('the base URL of an exchange', 'another host or path');
  return { exchangeBaseUrl, reservePub: decodeBase32(account, PUBLIC_KEY_SIZE) };
}

/** Checks what holds for every method and takes the URI apart. */
function readPayto(uri: string): Payto {
  const fault = genericFault(uri);
  if (fault !== undefined) throw new EncodingError('a payto URI', fault);
  const [bare = '', ...queries] = uri.slice(PREFIX.length).split('?');
  const [method = '', ...segments] = bare.split('/');
  const parameters = new Map<string, string>();
  for (const parameter of queries.join('?').split('&')) {
    const equals = parameter.indexOf('=');
    const name = parameter.slice(0, equals).toLowerCase();
    if (equals > 0 && !parameters.has(name)) parameters.set(name, parameter.slice(equals + 1));
  }
  return {
    uri,
    method: method.toLowerCase(),
    segments,
    account: segments.at(-1) ?? '',
    parameters,
    receiverName: parameters.get('receiver-name'),
  };
}

function genericFault(uri: string): string | undefined {
  if (typeof uri !== 'string') return kindOf(uri);
  if (uri.slice(0, PREFIX.length).toLowerCase() !== PREFIX) return 'another scheme';
  const slash = uri.indexOf('/', PREFIX.length);
  if (slash < 0) return 'no / after the method';
  if (!METHOD.test(uri.slice(PREFIX.length, slash))) return 'no method';
  const forbidden = uri.search(FORBIDDEN);
  return forbidden < 0 ? undefined : `a character that is not allowed at position ${forbidden}`;
}

function methodFault({ method, segments, account, receiverName }: Payto): string | undefined {
  switch (method) {
    case 'iban':
      return ibanFault(account) ?? (receiverName === undefined ? 'no receiver-name' : undefined);
    case 'x-taler-bank': {
      if (receiverName === undefined) return 'no receiver-name';
      const host = HOST.exec(segments[0] ?? '');
      if (host === null) return 'no host name';
      const port = host[1] === undefined ? 1 : Number(host[1]);
      if (port < 1 || port > 65_535) return 'a port that is none';
      return segments.length < 2 || account === '' ? 'no account after the host' : undefined;
    }
    default:
      return undefined;
  }
}

function lowerUpToSlash(text: string, count: number): string {
  let end = -1;
  for (let i = 0; i < count; i++) {
    end = text.indexOf('/', end + 1);
    if (end < 0) return text.toLowerCase();
  }
  return text.slice(0, end).toLowerCase() + text.slice(end);
}
