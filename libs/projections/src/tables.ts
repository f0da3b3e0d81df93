/** The tables of views as the database describes them, and their comparison row by row. */
import Database from 'better-sqlite3';
import { shownColumn } from './columns.js';
import type { AnyView } from './view.js';

export interface Table {
  readonly view: string;
  readonly name: string;
  readonly columns: readonly string[];
  /** The primary key's columns. */
  readonly key: readonly string[];
  readonly shownAs: NonNullable<AnyView['shownAs']>;
}

/** A row that is not what the events say. */
export interface Difference {
  readonly view: string;
  readonly table: string;
  /** The row as it serves, by column; absent if it is missing. */
  readonly found?: { readonly [column: string]: unknown };
  /** The row as the events make it; absent if there should be none. */
  readonly expected?: { readonly [column: string]: unknown };
}

/** Asks SQLite what the view's CREATE statements make. */
export function tablesOf(view: AnyView): Table[] {
  const db = new Database(':memory:');
  try {
    db.exec(view.schema);
    const names = db.prepare<[], string>(`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`).pluck();
    const columnsOf = db.prepare<[string], { name: string; pk: number }>('SELECT name, pk FROM pragma_table_info(?)');
    return names.all().map((name) => {
      const columns = columnsOf.all(name);
      const key = columns.filter(({ pk }) => pk > 0).map((column) => column.name);
      return { view: view.name, name, columns: columns.map((column) => column.name), key, shownAs: view.shownAs ?? {} };
    });
  } finally {
    db.close();
  }
}

/** Which rows of a view to read: those of one key (the first column of each primary key), or all; the first ones. */
export interface RowSelection {
  readonly key?: string;
  /** Of each table. */
  readonly limit: number;
}

/**
 * Rows of a table in the order of its primary key, by column, as people read them: integers are bigint, amounts
 * `EUR:1.5`, details an object.
 */
export function readRows(
  db: Database.Database,
  { name, key, shownAs }: Table,
  { currency, ...selection }: RowSelection & { readonly currency: string },
): TableRow[] {
  const where = selection.key === undefined ? '' : `WHERE ${key[0]} = ?`;
  const select = db.prepare<unknown[], TableRow>(`SELECT * FROM ${name} ${where} ORDER BY ${key.join(', ')} LIMIT ?`);
  const rows = select.safeIntegers().all(...(selection.key === undefined ? [] : [selection.key]), selection.limit);
  const special = Object.entries(shownAs);
  return rows.map((row) => {
    const changed = special.map(([column, as]) => [column, shownColumn(row[column], as, currency)] as const);
    return { ...row, ...Object.fromEntries(changed.filter(([column]) => column in row)) };
  });
}

export interface TableRow {
  readonly [column: string]: unknown;
}

/**
 * Compares a table of the schema `main`, as it should be, with that of the schema `served`. STRICT tables keep the type
 * of every value and text is compared by its bytes, so that rows which SQL calls equal are the same bytes.
 * @param limit how many differences of each kind are looked for
 */
export function compareTable(db: Database.Database, table: Table, limit: number): Difference[] {
  const { view, name, columns, key } = table;
  const sameKey = key.map((column) => `a.${column} = b.${column}`).join(' AND ');
  const sameRow = columns.map((column) => `a.${column} IS b.${column}`).join(' AND ');
  const rowAt = db.prepare(
    `SELECT * FROM served.${name} b WHERE ${key.map((column) => `${column} IS ?`).join(' AND ')}`,
  );
  const wrong = db
    .prepare<[number], Record<string, unknown>>(
      `SELECT a.* FROM main.${name} a WHERE NOT EXISTS (
         SELECT 1 FROM served.${name} b WHERE ${sameKey} AND ${sameRow}) LIMIT ?`,
    )
    .all(limit)
    .map((expected) => {
      const found = rowAt.get(...key.map((column) => expected[column])) as Record<string, unknown> | undefined;
      return { view, table: name, expected, ...(found && { found }) };
    });
  const surplus = db
    .prepare<[number], Record<string, unknown>>(
      `SELECT b.* FROM served.${name} b WHERE NOT EXISTS (SELECT 1 FROM main.${name} a WHERE ${sameKey}) LIMIT ?`,
    )
    .all(limit)
    .map((found) => ({ view, table: name, found }));
  return [...wrong, ...surplus];
}
