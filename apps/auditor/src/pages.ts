/**
 * Memory of any size in little memory: pages, of which a fixed number is held here. The one that was not touched for
 * the longest makes room, into a file without a name, which ends with the process in whatever way that ends.
 */
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const PAGE_BYTES = 4_096;
/** Pages held: 32 MiB. */
const HELD = 8_192;
const NOWHERE = -1;
/** What is known of a page that is held. */
const TOUCHED = 1;
const CHANGED = 2;

export class Pages {
  /** Where held pages lie. What `at` returned holds until the next call. */
  readonly view: DataView;
  /** The same, in words of 32 bits of this machine. */
  readonly words: Int32Array;
  private readonly bytes: Uint8Array;
  /** By page: its place here, or NOWHERE. */
  private places = new Int32Array(HELD);
  /** By place: the page that is held there, or NOWHERE, and its marks. */
  private readonly held: Int32Array;
  private readonly marks: Uint8Array;
  private hand = 0;
  private made = 0;
  private free: number[] = [];
  private file: number | undefined;

  /** @param folder of the file, where there is room for it: some 100 bytes for each event of a ledger */
  constructor(
    private readonly folder: string = tmpdir(),
    held = HELD,
  ) {
    const memory = new ArrayBuffer(held * PAGE_BYTES);
    this.view = new DataView(memory);
    this.words = new Int32Array(memory);
    this.bytes = new Uint8Array(memory);
    this.held = new Int32Array(held).fill(NOWHERE);
    this.marks = new Uint8Array(held);
  }

  /** @returns the number of a page of zeros */
  take(): number {
    const page = this.free.pop() ?? this.made;
    if (page === this.made) this.made += 1;
    if (page === this.places.length) {
      const more = new Int32Array(2 * page);
      more.set(this.places);
      this.places = more;
    }
    const place = this.vacate();
    this.bytes.fill(0, place * PAGE_BYTES, (place + 1) * PAGE_BYTES);
    this.put(page, place, TOUCHED | CHANGED);
    return page;
  }

  /** The page is not needed any more. */
  give(page: number): void {
    const place = this.places[page] as number;
    if (place !== NOWHERE) this.held[place] = NOWHERE;
    this.free.push(page);
  }

  /** @returns where the page lies in `view` */
  at(page: number): number {
    let place = this.places[page] as number;
    if (place === NOWHERE) {
      place = this.vacate();
      const read = readSync(this.opened(), this.bytes, place * PAGE_BYTES, PAGE_BYTES, page * PAGE_BYTES);
      if (read !== PAGE_BYTES) throw new Error(`page ${page} was put away and is not there`);
      this.put(page, place, TOUCHED);
    }
    (this.marks[place] as number) |= TOUCHED;
    return place * PAGE_BYTES;
  }

  /** The same, for a page that is going to be changed there. */
  change(page: number): number {
    const at = this.at(page);
    (this.marks[at / PAGE_BYTES] as number) |= CHANGED;
    return at;
  }

  close(): void {
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }

  private put(page: number, place: number, marks: number): void {
    this.places[page] = place;
    this.held[place] = page;
    this.marks[place] = marks;
  }

  /** A place for a page: that of one which was not touched since the hand last passed it. */
  private vacate(): number {
    for (;;) {
      const place = this.hand;
      this.hand = (place + 1) % this.held.length;
      const page = this.held[place] as number;
      if (page === NOWHERE) return place;
      const marks = this.marks[place] as number;
      this.marks[place] = marks & CHANGED;
      if (marks & TOUCHED) continue;
      if (marks & CHANGED) this.write(page, place);
      this.places[page] = NOWHERE;
      return place;
    }
  }

  /** On a full disk a part may be written before the error comes. */
  private write(page: number, place: number): void {
    const [from, to] = [place * PAGE_BYTES, page * PAGE_BYTES];
    for (let done = 0; done < PAGE_BYTES; ) {
      done += writeSync(this.opened(), this.bytes, from + done, PAGE_BYTES - done, to + done);
    }
  }

  private opened(): number {
    if (this.file !== undefined) return this.file;
    const path = join(this.folder, `pages.${process.pid}.${Math.floor(performance.now() * 1_000)}`);
    this.file = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    return this.file;
  }
}
