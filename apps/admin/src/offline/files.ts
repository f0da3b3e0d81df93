/** The two files that travel: what wants signing, and what was signed. Neither holds a secret. */
import { readFileSync, writeFileSync } from 'node:fs';
import { EncodingError } from '@florin/encoding';
import {
  type ManagementRequest,
  type MasterKey,
  type MasterOrder,
  managementRequests,
  orderJson,
  parseOrder,
} from '@florin/signing';
import type { Cli } from '../cli.js';
import type { Shown } from '../output.js';
import { AdminError } from '../running.js';

export interface SigningRequest {
  readonly baseUrl: string;
  readonly currency: string;
  /** Base32: who is to sign. */
  readonly masterPub: string;
  readonly orders: readonly MasterOrder[];
}

export interface SignedRequests {
  readonly baseUrl: string;
  readonly masterPub: string;
  readonly requests: readonly ManagementRequest[];
}

const REQUEST = 'florin-offline-request';
const SIGNED = 'florin-offline-signed';
const VERSION = 1;

export function requestText({ baseUrl, currency, masterPub, orders }: SigningRequest): string {
  const header = { format: REQUEST, version: VERSION, base_url: baseUrl, currency, master_pub: masterPub };
  return `${JSON.stringify({ ...header, orders: orders.map(orderJson) }, null, 2)}\n`;
}

/** @throws AdminError saying what is wrong with the file */
export function readRequest(path: string): SigningRequest {
  const file = readJson(path, REQUEST);
  if (!Array.isArray(file.orders)) throw new AdminError(`${path} has no orders`);
  return {
    baseUrl: textOf(path, file, 'base_url'),
    currency: textOf(path, file, 'currency'),
    masterPub: textOf(path, file, 'master_pub'),
    orders: file.orders.map((json: unknown, index) => {
      try {
        return parseOrder(json);
      } catch (error) {
        if (error instanceof EncodingError) throw new AdminError(`${path}: orders[${index}]: ${error.message}`);
        throw error;
      }
    }),
  };
}

export function signedText({ baseUrl, masterPub, requests }: SignedRequests): string {
  const header = { format: SIGNED, version: VERSION, base_url: baseUrl, master_pub: masterPub };
  return `${JSON.stringify({ ...header, requests }, null, 2)}\n`;
}

/** @throws AdminError saying what is wrong with the file */
export function readSigned(path: string): SignedRequests {
  const file = readJson(path, SIGNED);
  const requests = file.requests as ManagementRequest[];
  const isRequest = ({ path: to, body }: ManagementRequest): boolean =>
    typeof to === 'string' && /^management\/[A-Za-z0-9/-]+$/.test(to) && typeof body === 'object' && body !== null;
  if (!Array.isArray(requests) || !requests.every(isRequest)) throw new AdminError(`${path} has no requests`);
  return { baseUrl: textOf(path, file, 'base_url'), masterPub: textOf(path, file, 'master_pub'), requests };
}

/** Management requests for all orders, signed by `key`. @throws AdminError if an order is in another currency */
export function sign(request: SigningRequest, key: MasterKey): SignedRequests {
  for (const order of request.orders) checkCurrency(order, request.currency);
  const signed = request.orders.map((order) => ({ order, signatures: key.sign(order) }));
  return { baseUrl: request.baseUrl, masterPub: request.masterPub, requests: managementRequests(signed) };
}

/**
 * Writes the text, and says where it is and `what` it is; `-` is standard output, which then gets the text alone.
 * A file that is there already is not overwritten. @throws AdminError
 */
export function writeText({ output }: Cli, { path, text, what }: { path: string; text: string; what: Shown }): void {
  if (path === '-') {
    process.stdout.write(text);
    return;
  }
  try {
    writeFileSync(path, text, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw new AdminError(`${path} is there already, and is not overwritten: name another file`);
    throw new AdminError(`${path} cannot be written: ${message}`);
  }
  output.object({ file: path, ...what });
}

function checkCurrency(order: MasterOrder, currency: string): void {
  const { order: _, ...members } = orderJson(order);
  for (const [name, value] of Object.entries(members)) {
    const other = typeof value === 'string' && /^([A-Z]{1,11}):[0-9]/.exec(value)?.[1];
    if (other && other !== currency) throw new AdminError(`${name} of an order is in ${other}, not in ${currency}`);
  }
}

function readJson(path: string, format: string): Record<string, unknown> {
  let file: Record<string, unknown> | null;
  try {
    file = JSON.parse(readFileSync(path === '-' ? 0 : path, 'utf8')) as Record<string, unknown> | null;
  } catch (error) {
    throw new AdminError(`${path} cannot be read: ${(error as Error).message}`);
  }
  if (file?.format !== format) throw new AdminError(`${path} is no ${format} file`);
  if (file.version !== VERSION) throw new AdminError(`${path} is of version ${String(file.version)}, not ${VERSION}`);
  return file;
}

function textOf(path: string, file: Record<string, unknown>, name: string): string {
  const value = file[name];
  if (typeof value !== 'string') throw new AdminError(`${path}: ${name} is missing`);
  return value;
}
