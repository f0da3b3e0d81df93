/** Credentials of those who are no customers: each opens one thing. */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { ErrorCode, encodeBase32 } from '@florin/encoding';
import { TalerError } from './taler-error.js';

const CREDENTIAL_BYTES = 32;

/** A new credential, in a file that only its owner reads. */
export function writeCredential(path: string): string {
  const credential = encodeBase32(randomBytes(CREDENTIAL_BYTES));
  writeFileSync(path, `${credential}\n`, { mode: 0o600 });
  chmodSync(path, 0o600);
  return credential;
}

/** The credential in a file, made if there is none. */
export function keptCredential(path: string): string {
  const kept = existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
  return kept === '' ? writeCredential(path) : kept;
}

/**
 * @param authorization the header of that name
 * @param credential an empty one opens nothing @param hint where the right one is
 * @throws TalerError 401/40 unless it carries the credential
 */
export function requireBearer(authorization: string | undefined, credential: string, hint: string): void {
  const digest = (text: string): Buffer => hash('sha256', text, 'buffer');
  const given = (authorization ?? '').replace(/^bearer +/i, ''); // the name of a scheme has no case (RFC 9110, 11.1)
  const isRight = given !== authorization && timingSafeEqual(digest(given), digest(credential));
  if (isRight && credential !== '') return;
  throw new TalerError(ErrorCode.GENERIC_UNAUTHORIZED, { hint, headers: { 'WWW-Authenticate': 'Bearer' } });
}
