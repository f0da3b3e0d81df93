import { EncodingError, encodeBase32, fromUtf8, kindOf } from '@florin/encoding';
import type { Connection, LongPollOptions } from './connection.js';
import { ExchangeMisbehaved } from './errors.js';
import { jsonOf } from './http.js';
import { hash, type Parser, ReplyObject, text } from './reply.js';
import { checkVersion } from './version.js';

/*
 * What an exchange says about itself, and about the law, outside of `/keys`: nothing here is signed.
 * Source: protocol/endpoints.md B1, B6
 */

export interface ExchangeConfig {
  /** `current:revision:age` */
  readonly version: string;
  readonly currency: string;
  /** URN of the software. */
  readonly implementation?: string;
  /** Denominations whose coins are to be recouped, in base32; exchanges before `recoup-withdraw` do not say. */
  readonly revoked?: readonly string[];
}

/** @throws ExchangeMisbehaved; ExchangeIncompatible */
export async function getConfig({ http }: Connection): Promise<ExchangeConfig> {
  const reply = await http.sendForObject({ method: 'GET', path: 'config', accept: [200] }, 'config');
  reply.read('name', exchangeName);
  checkVersion(reply);
  const implementation = reply.optional('implementation', text);
  const revoked = reply.has('recoup') ? reply.objects('recoup') : undefined;
  return {
    version: reply.read('version', text),
    currency: reply.read('currency', text),
    ...(implementation !== undefined && { implementation }),
    ...(revoked && { revoked: revoked.map((entry) => encodeBase32(entry.read('h_denom_pub', hash))) }),
  };
}

/** Terms of service or privacy policy. */
export interface LegalText {
  readonly text: string;
  /** Media type, such as `text/markdown; charset=utf-8`. */
  readonly type: string;
  /** Names the version of the text. */
  readonly etag?: string;
}

/** @param language as in Accept-Language. @throws ExchangeMisbehaved unless the text is UTF-8 */
export async function getLegalText(
  { http }: Connection,
  path: 'terms' | 'privacy',
  language: string | undefined,
): Promise<LegalText> {
  const wanted = { Accept: 'text/plain, text/markdown', ...(language && { 'Accept-Language': language }) };
  const { name, headers, body } = await http.send({ method: 'GET', path, headers: wanted, accept: [200] });
  const etag = headers.get('etag');
  try {
    const type = headers.get('content-type') ?? 'text/plain';
    return { text: fromUtf8(body), type, ...(etag !== null && { etag }) };
  } catch (error) {
    if (!(error instanceof EncodingError)) throw error;
    throw new ExchangeMisbehaved('malformed', name, error.message);
  }
}

/** What a refusal for legal reasons names: see RefusalProof. */
export interface LegitimizationCase {
  readonly requirementRow: number;
  /** Base32. */
  readonly hPayto: string;
  readonly userType?: 'individual' | 'business';
}

/** Whether the law is content with the owner of an account. */
export type KycStatus =
  | { readonly done: true }
  /** The place where the owner goes to be known. */
  | { readonly done: false; readonly kycUrl: string };

/** @throws ExchangeMisbehaved */
export async function getKycStatus(
  { http }: Connection,
  { requirementRow, hPayto, userType = 'individual' }: LegitimizationCase,
  { timeoutMs = 0, signal }: LongPollOptions,
): Promise<KycStatus> {
  const query = timeoutMs > 0 ? `?timeout_ms=${timeoutMs}` : '';
  const path = `kyc-check/${requirementRow}/${hPayto}/${userType}${query}`;
  const reply = await http.send({ method: 'GET', path, holdMs: timeoutMs, signal, accept: [200, 202, 204] });
  if (reply.status !== 202) return { done: true };
  return { done: false, kycUrl: new ReplyObject(jsonOf(reply), 'kyc-check').read('kyc_url', text) };
}

const exchangeName: Parser<void> = (json) => {
  if (json !== 'taler-exchange') throw new EncodingError('"taler-exchange"', kindOf(json));
};
