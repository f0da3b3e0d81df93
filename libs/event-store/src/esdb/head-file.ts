/**
 * The file in which a node keeps what it has seen of a ledger on EventStoreDB: the newest signed head, and a place some
 * thousand events before, from where the start counts and hashes again. Written whole or not at all.
 */
import { existsSync, readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Head, InvalidNote, type NoteVerifier } from '../checkpoint.js';
import { DamagedStore, type Position, START } from '../port.js';
import { Frontier, HASH_BYTES } from '../tree.js';

/** A place between two units, and the tree up to it. */
export interface TreePlace {
  /** Of the last unit before it. */
  readonly position: Position;
  readonly frontier: Frontier;
}

export interface KeptHead {
  readonly head: Head;
  /** Of the last unit that the head covers. */
  readonly position: Position;
  readonly base: TreePlace;
}

export const treeStart = (): TreePlace => ({ position: START, frontier: Frontier.empty() });

/** @returns undefined where no head was kept yet @throws DamagedStore unless it is a head of this log */
export function readHeadFile(path: string, check: NoteVerifier): KeptHead | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const { note, position, base } = JSON.parse(readFileSync(path, 'utf8')) as Stored;
    const roots = base.roots.map((root) => new Uint8Array(Buffer.from(root, 'base64')));
    if (!Number.isSafeInteger(base.size) || base.size < 0 || roots.some(({ length }) => length !== HASH_BYTES)) {
      throw new InvalidNote('the tree before it is none');
    }
    const frontier = Frontier.of(base.size, () => roots.shift() ?? new Uint8Array(HASH_BYTES));
    return {
      head: check.open(note),
      position: positionFrom(position),
      base: { position: positionFrom(base.position), frontier },
    };
  } catch (error) {
    if (!(error instanceof InvalidNote || error instanceof SyntaxError || error instanceof TypeError)) throw error;
    throw new DamagedStore(`${path} is no head of this ledger: ${error.message}`);
  }
}

/** Durable when it is fulfilled. One at a time. */
export async function writeHeadFile(path: string, { head, position, base }: KeptHead): Promise<void> {
  const stored: Stored = {
    note: head.note,
    position: position.toString(),
    base: {
      position: base.position.toString(),
      size: base.frontier.size,
      roots: base.frontier.roots().map((root) => Buffer.from(root).toString('base64')),
    },
  };
  const draft = `${path}.new`;
  await synced(draft, 'w', (file) => file.writeFile(`${JSON.stringify(stored, null, 2)}\n`));
  await rename(draft, path);
  await synced(dirname(path), 'r', async () => undefined);
}

interface Stored {
  readonly note: string;
  readonly position: string;
  readonly base: { readonly position: string; readonly size: number; readonly roots: readonly string[] };
}

type FileOf = Awaited<ReturnType<typeof open>>;

async function synced(path: string, flags: string, write: (file: FileOf) => Promise<void>): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    await write(file);
    await file.sync();
  } finally {
    await file.close();
  }
}

function positionFrom(text: string): Position {
  if (!/^(-1|\d{1,19})$/.test(text)) throw new InvalidNote(`${text} is no position`);
  return BigInt(text) as Position;
}
