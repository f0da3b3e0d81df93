/** What the command groups have in common: the options of the whole tool, and how values are read. */
import { decodeBase32, EncodingError, encodeBase32, validatePayto } from '@florin/encoding';
import { ledgerPlace } from '@florin/event-store';
import { type Command, InvalidArgumentError } from 'commander';
import { Output } from './output.js';
import { AdminError, RunningExchange } from './running.js';

export class Cli {
  constructor(readonly program: Command) {}

  /** The exchange's data folder. @throws AdminError if nobody names it and the settings cannot be read */
  get data(): string {
    const { data } = this.program.opts<{ data?: string }>();
    if (data !== undefined) return data;
    try {
      return ledgerPlace(process.env).data;
    } catch (error) {
      throw new AdminError((error as Error).message);
    }
  }

  get output(): Output {
    return new Output(this.program.opts<{ json?: boolean }>().json === true);
  }

  /** @throws AdminError if none runs on the data folder */
  get exchange(): RunningExchange {
    return RunningExchange.find(this.data);
  }
}

/** Adds its commands to the program. */
export type CommandGroup = (cli: Cli) => void;

/** For key files: what is wrong with them is said in one line. @throws AdminError */
export async function orSay<Value>(work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new AdminError(code === 'ENOENT' ? `there is no such folder: ${message}` : message);
  }
}

export function wholeNumber(text: string): number {
  if (!/^[0-9]{1,15}$/.test(text)) throw new InvalidArgumentError('a whole number is expected');
  return Number(text);
}

/** Reads a key, a hash or a signature of so many bytes: canonical base32, however it was typed. */
export const base32 =
  (sizeBytes: number) =>
  (text: string): string =>
    orInvalid(() => encodeBase32(decodeBase32(text, sizeBytes)));

export const publicKey = base32(32);

/** @throws InvalidArgumentError saying what is wrong with the URI of a bank account */
export function payto(uri: string): string {
  const fault = orInvalid(() => validatePayto(uri));
  if (fault !== undefined) {
    throw new InvalidArgumentError(
      `expected is a URI as payto://iban/DE75512108001245126199?receiver-name=X: ${fault}`,
    );
  }
  return uri;
}

/** What cannot be read is wrong usage. */
export function orInvalid<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (error instanceof EncodingError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}

/** Lists of the exchange end after so many. */
const PER_LIST = 1_000;

export function notAll({ output }: Cli, rows: readonly unknown[]): void {
  if (rows.length >= PER_LIST) output.note(`the first ${PER_LIST} are shown: decide these, then ask again`);
}

/** `2026-01-31`, `2026-01-31T12:00:00Z` or seconds since 1970: whole seconds. */
export function instant(text: string): number {
  if (/^[0-9]{1,12}$/.test(text)) return Number(text);
  const isDate = /^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?Z)?$/.test(text);
  const milliseconds = isDate ? Date.parse(text) : Number.NaN;
  // Date.parse takes the 31st of February for a day in March.
  if (Number.isNaN(milliseconds) || new Date(milliseconds).toISOString().slice(0, 10) !== text.slice(0, 10)) {
    throw new InvalidArgumentError('expected is a date as 2026-01-31, a time as 2026-01-31T12:00:00Z, or seconds');
  }
  return Math.floor(milliseconds / 1000);
}

/** `2026-01-31 12:00:00` in UTC. */
export const dateText = (seconds: number): string =>
  Number.isFinite(seconds) ? new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ') : 'never';
