/** What an operator is told when the exchange cannot start: one sentence, and an exit code for the supervisor. */
import { KeyFolderRefused } from '@florin/signing';
import { ConfigError } from './config/reader.js';

const EXIT_CONFIG = 78;
export const EXIT_FAULT = 70;

export interface StartFailure {
  /** Of this process: 78 wants a person, 70 may pass by itself. */
  readonly code: number;
  readonly sentence: string;
}

/** What Node and SQLite say of a system call that failed. */
interface SystemError extends Error {
  readonly code?: string;
  readonly syscall?: string;
  readonly address?: string;
  readonly port?: number;
  readonly hostname?: string;
}

const PORTS =
  'port, adminPort and developmentBank.port in the configuration, or FLORIN_PORT, FLORIN_ADMIN_PORT and ' +
  'FLORIN_BANK_PORT, name others';

/** SQLite's words, which come from other threads without its code. */
const READ_ONLY = /^attempt to write a readonly database/;

/** Of errors that name a file themselves. */
const ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'the user that runs the exchange must be allowed to read and write there',
  EPERM: 'the user that runs the exchange must be allowed to read and write there',
  EROFS: 'the disk must be writable',
  ENOSPC: 'the disk is full',
  EEXIST: 'a folder is needed in the place of that file',
  ENOTDIR: 'a folder is needed in the place of that file',
  EISDIR: 'a file is needed in the place of that folder',
};

/**
 * @param data the data folder, if the configuration could be read
 * @returns undefined for what nobody foresaw: it wants its stack
 */
export function startFailure(error: unknown, data?: string): StartFailure | undefined {
  if (error instanceof ConfigError || error instanceof KeyFolderRefused) {
    return { code: EXIT_CONFIG, sentence: error.message };
  }
  if (!(error instanceof Error) || error instanceof TypeError) return undefined;
  return { code: wantsPerson(error) ? EXIT_CONFIG : EXIT_FAULT, sentence: sentenceOf(error, data) };
}

/** What is not so by accident: a disk that is full may have room again, a folder of somebody else stays that. */
function wantsPerson({ code = '', message }: SystemError): boolean {
  return (code in ADVICE && code !== 'ENOSPC') || READ_ONLY.test(message);
}

function sentenceOf(error: SystemError, data: string | undefined): string {
  const { code = '', syscall, address, port, message } = error;
  if (syscall === 'listen' && code === 'EADDRINUSE') {
    return (
      `${address}:${port} is taken: another program listens there, perhaps an exchange that runs already; ` +
      `stop it, or choose another one (${PORTS})`
    );
  }
  if (syscall === 'listen' && code === 'EACCES') return `${address}:${port} may not be opened by this user (${PORTS})`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    const host = address ?? error.hostname;
    return `host or adminHost is ${host}; allowed: an address of this machine, as 127.0.0.1, 0.0.0.0 or ::`;
  }
  if (READ_ONLY.test(message)) {
    return `a database in the data folder ${data} may not be written: ${message}; ${ADVICE.EACCES}`;
  }
  if (code.startsWith('SQLITE_')) return `a database in the data folder ${data} does not open: ${message}`;
  // As the client of EventStoreDB says it.
  if (/^14 UNAVAILABLE: /.test(message)) {
    return `the event store does not answer: ${message.replace(/^14 UNAVAILABLE: | Resolution note:\s*$/g, '')}`;
  }
  if (syscall === 'mkdir' && code === 'ENOENT') return `${message}; name a place where folders can be made`;
  const advice = ADVICE[code];
  return advice === undefined ? message : `${message}; ${advice}`;
}
