/** What the tool prints: JSON for machines, lines for people; colours and progress on a terminal only. */
import { styleText } from 'node:util';

export type Shown = Readonly<Record<string, unknown>>;

export interface Progress {
  readonly done: number;
  readonly total: number;
  readonly perSecond?: number;
}

export class Output {
  /** What stands on stdout so far: one JSON document takes nothing beside it, lines take another line. */
  private static standing: 'nothing' | 'lines' | 'document' = 'nothing';

  constructor(readonly json: boolean) {}

  /** For machines, unless a whole document was printed, which says itself what is wrong. */
  static failure(value: Shown): void {
    if (Output.standing !== 'document') process.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** One object: its members as lines, or JSON. */
  object(value: Shown): void {
    if (this.json) this.write(JSON.stringify(value, null, 2));
    else for (const [name, text] of Object.entries(value)) this.write(`${this.faint(`${name}:`)} ${shown(text)}`);
  }

  /** A list of objects; `none` is what people read if it is empty. */
  rows(rows: readonly Shown[], none: string): void {
    if (this.json) this.write(JSON.stringify(rows, null, 2));
    else if (rows.length === 0) this.write(none);
    else for (const row of rows) this.separated(row);
  }

  /** A table for people, an array of objects for machines. */
  table(rows: readonly Shown[], none: string): void {
    const [first] = rows;
    if (this.json || first === undefined) {
      this.write(this.json ? JSON.stringify(rows, null, 2) : none);
      return;
    }
    const columns = Object.keys(first);
    const cells = rows.map((row) => columns.map((column) => shown(row[column])));
    const widths = columns.map((column, i) => Math.max(column.length, ...cells.map((line) => line[i]?.length ?? 0)));
    const line = (texts: readonly string[]): string => texts.map((text, i) => text.padEnd(widths[i] ?? 0)).join('  ');
    this.write(this.faint(line(columns).trimEnd()));
    for (const texts of cells) this.write(line(texts).trimEnd());
  }

  /** One line for people, one compact object for machines. */
  line(text: string, value: Shown): void {
    this.write(this.json ? JSON.stringify(value) : text, 'lines');
  }

  /** For people only: what is not part of the answer goes to stderr. */
  note(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  /** Something that must not be overlooked. */
  loud(text: string): void {
    this.note(process.stderr.isTTY ? styleText(['bold', 'yellow'], text) : text);
  }

  good = (text: string): string => this.coloured('green', text);
  bad = (text: string): string => this.coloured('red', text);
  faint = (text: string): string => this.coloured('dim', text);

  /** Draws over itself on a terminal; elsewhere nothing is seen of it. */
  progress = ({ done, total, perSecond }: Progress): void => {
    if (!process.stderr.isTTY || this.json) return;
    const share = total === 0 ? 100 : Math.floor((100 * done) / total);
    const bar = '#'.repeat(Math.floor(share / 4)).padEnd(25, '.');
    const speed = perSecond === undefined ? '' : `, ${perSecond} a second`;
    process.stderr.write(`\r[${bar}] ${share} %, ${done} of ${total}${speed}   ${done >= total ? '\n' : ''}`);
  };

  private separated(row: Shown): void {
    this.object(row);
    this.write('');
  }

  private coloured(style: 'green' | 'red' | 'dim', text: string): string {
    return process.stdout.isTTY && !this.json ? styleText(style, text) : text;
  }

  private write(text: string, kind: 'lines' | 'document' = 'document'): void {
    Output.standing = kind;
    process.stdout.write(`${text}\n`);
  }
}

const shown = (value: unknown): string =>
  value === undefined || value === null ? '-' : typeof value === 'string' ? value : JSON.stringify(value);
