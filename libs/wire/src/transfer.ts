import {
  AMOUNT_SIZE,
  compareAmounts,
  concat,
  decodeAmount,
  EncodingError,
  encodeAmount,
  encodeU32,
  equalBytes,
  fromUtf8,
  parsePayto,
  readU32,
  utf8z,
} from '@florin/encoding';
import type { WireGateway } from './gateway-client.js';
import { BadAccount, GatewayError, type GatewayFault, RequestUidReused, WtidReused } from './gateway-errors.js';
import type { TransferReply, TransferRequest, TransferStatus } from './gateway-rows.js';

/*
 * Outgoing transfers. An order is fixed as bytes before it is sent the first time; every later attempt sends the same
 * again, and the bank recognises it by its request_uid. So whatever was lost on the way, it is paid once.
 * Source: protocol/wire.md, "POST transfer"
 */

export const REQUEST_UID_SIZE = 64;
export const WTID_SIZE = 32;

const WTID_OFFSET = REQUEST_UID_SIZE + AMOUNT_SIZE;
const LENGTHS_OFFSET = WTID_OFFSET + WTID_SIZE;
const TEXTS_OFFSET = LENGTHS_OFFSET + 8;
const RESERVE_PUB_SIZE = 32;

/**
 * Fixes an order as bytes: request_uid 64 | amount 24 | wtid 32 | u32 length of account | u32 length of URL | account |
 * URL, both texts with a NUL at the end that their length includes.
 * @throws EncodingError on a wrong size, an account that is no full payto URI, or a base URL without `/` at its end
 */
export function prepareTransfer(request: TransferRequest): Uint8Array {
  const { requestUid, amount, exchangeBaseUrl, wtid, creditAccount } = request;
  if (requestUid.length !== REQUEST_UID_SIZE) throw wrongSize('a request_uid', REQUEST_UID_SIZE, requestUid);
  if (wtid.length !== WTID_SIZE) throw wrongSize('a wtid', WTID_SIZE, wtid);
  if (!/^https?:\/\/[^\s]+\/$/.test(exchangeBaseUrl))
    throw new EncodingError('a base URL that ends in /', 'another text');
  parsePayto(creditAccount);
  const [account, url] = [utf8z(creditAccount), utf8z(exchangeBaseUrl)];
  const lengths = [encodeU32(account.length), encodeU32(url.length)];
  return concat(requestUid, encodeAmount(amount), wtid, ...lengths, account, url);
}

/** @throws EncodingError unless {@link prepareTransfer} gives exactly these bytes for some order */
export function parsePreparedTransfer(bytes: Uint8Array): TransferRequest {
  const accountSize = readU32(bytes, LENGTHS_OFFSET);
  const urlOffset = TEXTS_OFFSET + accountSize;
  if (urlOffset + readU32(bytes, LENGTHS_OFFSET + 4) !== bytes.length) {
    throw new EncodingError('a prepared transfer', `${bytes.length} bytes that its lengths do not add up to`);
  }
  const request = {
    requestUid: bytes.slice(0, REQUEST_UID_SIZE),
    amount: decodeAmount(bytes.subarray(REQUEST_UID_SIZE, WTID_OFFSET)),
    wtid: bytes.slice(WTID_OFFSET, LENGTHS_OFFSET),
    creditAccount: fromUtf8(bytes.subarray(TEXTS_OFFSET, Math.max(TEXTS_OFFSET, urlOffset - 1))),
    exchangeBaseUrl: fromUtf8(bytes.subarray(urlOffset, bytes.length - 1)),
  };
  if (!equalBytes(prepareTransfer(request), bytes)) throw new EncodingError('a prepared transfer', 'other bytes');
  return request;
}

/** Which payment of which reserve: a closing pays once, and only an admin's decision raises the attempt. */
export interface TransferOrigin {
  /** 32 bytes */
  readonly reservePub: Uint8Array;
  /** Number of the closing on its reserve, u32. */
  readonly closing: number;
  /** Number of the attempt at this closing, u32. */
  readonly attempt: number;
}

export type Sha512 = (message: Uint8Array) => Uint8Array;

/**
 * request_uid of a closing's transfer: SHA-512 over the label `florin-transfer-request-uid` and a NUL, reserve key (32
 * bytes), closing (u32) and attempt (u32), most significant byte first. Florin's own definition.
 * @returns 64 bytes. @throws EncodingError on a wrong size or number
 */
export function deriveRequestUid(origin: TransferOrigin, sha512: Sha512): Uint8Array {
  return sha512(originBytes('florin-transfer-request-uid', origin));
}

/**
 * wtid of a closing's transfer: the first 32 bytes of the same hash under the label `florin-transfer-wtid`.
 * @returns 32 bytes. @throws EncodingError on a wrong size or number
 */
export function deriveWtid(origin: TransferOrigin, sha512: Sha512): Uint8Array {
  return sha512(originBytes('florin-transfer-wtid', origin)).slice(0, WTID_SIZE);
}

/** `reason` may be recorded; `bankSaid`, the bank's own words, may name persons and is for logs. */
export type TransferOutcome =
  /** The bank carried it out, or has no way to say more than that it took the order. */
  | { readonly kind: 'confirmed'; readonly rowId: bigint; readonly timestamp: number }
  /** Final: this order will not be paid. The money is still owed; an admin looks at the bank before a new attempt. */
  | { readonly kind: 'failed'; readonly reason: string; readonly bankSaid: string | undefined }
  /** Not known, or not yet: call again with the same bytes. */
  | {
      readonly kind: 'retry';
      readonly reason: string;
      readonly fault: GatewayFault | 'pending';
      readonly bankSaid: string | undefined;
    };

/**
 * Sends an order, or sends it again, and asks what became of it. Stateless: to be called until the answer is final.
 * @param prepared what {@link prepareTransfer} gave
 * @throws EncodingError on other bytes; whatever the bank does is an outcome
 */
export async function executeTransfer(
  gateway: Pick<WireGateway, 'transfer' | 'transferStatus'>,
  prepared: Uint8Array,
): Promise<TransferOutcome> {
  const request = parsePreparedTransfer(prepared);
  try {
    const reply = await gateway.transfer(request);
    return outcomeOf(request, reply, await gateway.transferStatus(reply.rowId));
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    const { message: reason, fault, bankSaid } = error;
    const final = error instanceof BadAccount || error instanceof WtidReused || error instanceof RequestUidReused;
    return final ? { kind: 'failed', reason, bankSaid } : { kind: 'retry', reason, fault, bankSaid };
  }
}

function outcomeOf(
  request: TransferRequest,
  { rowId, timestamp }: TransferReply,
  order?: TransferStatus,
): TransferOutcome {
  // A bank without `transfers/ROW` says everything with its 200.
  if (order === undefined) return { kind: 'confirmed', rowId, timestamp };
  const bankSaid = order.statusMessage;
  if (!equalBytes(order.wtid, request.wtid) || compareAmounts(order.amount, request.amount) !== 0) {
    return { kind: 'retry', reason: `order ${rowId} of the bank is another transfer`, fault: 'inconsistent', bankSaid };
  }
  switch (order.status) {
    case 'success':
      return { kind: 'confirmed', rowId, timestamp };
    case 'permanent_failure':
      return { kind: 'failed', reason: `the bank could not carry out order ${rowId}`, bankSaid };
    case 'pending':
      return { kind: 'retry', reason: `order ${rowId} is waiting at the bank`, fault: 'pending', bankSaid };
    case 'transient_failure':
      return { kind: 'retry', reason: `order ${rowId} failed for now`, fault: 'pending', bankSaid };
  }
}

function originBytes(label: string, { reservePub, closing, attempt }: TransferOrigin): Uint8Array {
  if (reservePub.length !== RESERVE_PUB_SIZE) throw wrongSize('a reserve key', RESERVE_PUB_SIZE, reservePub);
  return concat(utf8z(label), reservePub, encodeU32(closing), encodeU32(attempt));
}

function wrongSize(what: string, size: number, bytes: Uint8Array): EncodingError {
  return new EncodingError(`${what} of ${size} bytes`, `${bytes.length} bytes`);
}
