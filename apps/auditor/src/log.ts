/**
 * The log as a chain of evidence: every event in its place in its stream, in its unit, and in the tree whose head is
 * signed. What cannot be read is reported once; its stream is uncertain from there on.
 */

import { decodeBase32 } from '@florin/encoding';
import { Frontier, type Head, InvalidNote, NoteVerifier, storedLeaf } from '@florin/event-store';
import type { EventRef, Findings } from './findings.js';
import type { Damage } from './ledger/context.js';
import type { PackedMaps } from './packed.js';
import type { SourceEvent } from './source/source.js';
import { StreamNumbers } from './stream-numbers.js';

/**
 * How far an event's own time may lie before the time it was written (a process may sleep between its decision and its
 * commit; what it decided on may not have changed meanwhile, which its streams and its view of the keys show), and
 * behind it (a clock that is corrected between the two).
 */
const TIME_BEFORE_MAX_S = 3 * 86_400;
const TIME_BEHIND_MAX_S = 60;
/** Clocks of nodes differ, and are corrected: by so much the time of writing may fall behind the latest one. */
const TIME_FALL_MAX_S = 600;

/** So many letters of its key name a log (docs/architecture.md). */
const NAMED_BY = 16;

/** A head that this auditor has seen. */
export interface SeenHead {
  readonly origin: string;
  readonly size: number;
  /** Base64. */
  readonly root: string;
  /** The signed note. */
  readonly note: string;
}

export class Log {
  private readonly numbers: StreamNumbers;
  private frontier = Frontier.empty();
  private nextIndex = 0;
  private unitFirst = -1;
  /** The latest time of writing, microseconds. */
  private latestUs = 0;
  /** Leaves that nobody knows: the root cannot be computed any more, and no head is held against anybody. */
  private holes = 0;
  /** The head that was checked last, and is good. */
  head: Head | undefined;
  /** The key it is signed with, base32. */
  headKey: string | undefined;
  /** A head seen earlier covers other events. */
  private isRewritten = false;
  /** What the source called the log, if it was asked. */
  private origin: string | undefined;
  /** Roots that were computed at sizes of heads seen earlier. */
  private expected: SeenHead[] = [];

  constructor(
    private readonly findings: Findings,
    private readonly damage: Damage,
    packed: PackedMaps,
  ) {
    this.numbers = new StreamNumbers(packed);
  }

  /** Index of the event that comes next. */
  get next(): number {
    return this.nextIndex;
  }

  get streams(): number {
    return this.numbers.size;
  }

  /** Heads of earlier audits: the tree must have had their roots. @param origin the log whose heads they are */
  expect(heads: readonly SeenHead[], origin: string): void {
    this.origin = origin;
    this.expected = heads.filter(({ size }) => size > this.nextIndex).sort((a, b) => a.size - b.size);
    for (const head of heads) if (head.size === this.nextIndex) this.compare(head);
  }

  /** @returns true if this event begins another unit than the one before it */
  begins({ index, unitFirst }: SourceEvent): boolean {
    return unitFirst === index || unitFirst !== this.unitFirst;
  }

  /** @returns whether it follows the event before it without a gap, in the same unit or as the first of the next */
  follows({ index, unitFirst }: SourceEvent): boolean {
    return index === this.nextIndex && (unitFirst === index || unitFirst === this.unitFirst);
  }

  /**
   * Takes the next event into the log.
   * @returns where it stands, or undefined if it is not to be replayed: it is damaged, or stands there a second time
   */
  take(event: SourceEvent, at: (event: SourceEvent) => number): EventRef | undefined {
    const { index, stream, number, type, unitFirst, writtenAtUs } = event;
    this.missing(index);
    const ref: EventRef = { index, stream, number, type, at: Math.floor(writtenAtUs / 1e6) };
    if (index < this.nextIndex) {
      this.findings.add({
        code: 'event-order',
        event: ref,
        detail: `event ${index} comes after ${this.nextIndex - 1}`,
      });
      return undefined;
    }
    this.checkUnit(event, ref);
    this.nextIndex = index + 1;
    const leaf = event.leaf ?? storedLeaf(event);
    const isWhole = event.isWhole ?? (!event.leaf || Buffer.compare(storedLeaf(event), leaf) === 0);
    this.append(leaf);
    this.unitFirst = unitFirst;
    if (!isWhole) {
      this.findings.add({ code: 'event-damaged', event: ref, detail: 'its content does not give its leaf hash' });
      this.skip(stream, number);
      return undefined;
    }
    return this.inStream(ref) ? { ...ref, at: at(event) } : undefined;
  }

  /** An event that cannot be read. @param fault why */
  unreadable(index: number | undefined, fault: string): void {
    if (index !== undefined) this.missing(index);
    const place = index ?? this.nextIndex;
    const event = { index: place, stream: '', number: 0, type: '', at: 0 };
    this.findings.add({ code: 'event-damaged', event, detail: fault });
    this.holes += 1;
    this.damage.markUnknown();
    this.nextIndex = place + 1;
  }

  /** The event's data is not what its schema says. */
  malformed(event: EventRef, detail: string): void {
    this.findings.add({ code: 'event-malformed', event, detail });
    this.damage.mark(event.stream);
  }

  /** An event says a time far from that of its writing: fees and expirations depend on it. @returns if it can be */
  checkTime(event: EventRef, writtenAtUs: number): boolean {
    if (writtenAtUs + TIME_FALL_MAX_S * 1e6 < this.latestUs) {
      const [latest, written] = [this.latestUs, writtenAtUs].map((us) => Math.floor(us / 1e6));
      this.findings.add({ code: 'time-implausible', event, detail: `written at ${written}, after one of ${latest}` });
      this.latestUs = writtenAtUs; // what follows is written by the same clock
    }
    if (writtenAtUs > this.latestUs) this.latestUs = writtenAtUs;
    const behind = event.at - writtenAtUs / 1e6;
    if (behind <= TIME_BEHIND_MAX_S && behind >= -TIME_BEFORE_MAX_S) return true;
    const detail = `it says ${event.at}, it was written at ${Math.floor(writtenAtUs / 1e6)}`;
    this.findings.add({ code: 'time-implausible', event, detail });
    return false;
  }

  /** A clock that is ahead closes reserves and ends purses before their time. @param now seconds, by another clock */
  checkClock(now: number): void {
    const written = Math.floor(this.latestUs / 1e6);
    if (written <= now + TIME_FALL_MAX_S) return;
    this.findings.addOnce('clock', { code: 'time-implausible', detail: `written at ${written}, and it is ${now}` });
  }

  /**
   * Compares the tree with a head of the log.
   * @param logKeys public keys that the master key vouched for, base32
   * @param instance what the names of its streams begin with
   * @returns whether it may be remembered
   */
  checkHead(head: Head, logKeys: readonly string[], instance: string | undefined): boolean {
    if (!this.isSigned(head, logKeys) || !this.isNamed(head, instance)) return false;
    if (head.size < this.nextIndex) {
      const detail = `the newest head covers ${head.size} events, ${this.nextIndex} were there`;
      this.findings.addOnce('all', { code: 'history-shortened', detail });
      return false;
    }
    if (head.size > this.nextIndex) {
      const detail = `it covers ${head.size} events, there are ${this.nextIndex}`;
      this.findings.addOnce(`behind ${this.nextIndex}`, { code: 'event-missing', detail });
      return false;
    }
    if (this.holes > 0) return false;
    if (Buffer.compare(this.frontier.root(), head.root) !== 0) {
      const detail = `the root over ${head.size} events is not the one that was signed`;
      this.findings.addOnce('all', { code: 'head-mismatch', detail }); // no later head fits either
      return false;
    }
    this.head = head;
    return !this.isRewritten; // a second history is not remembered beside the first
  }

  /** Heads of earlier audits that this history is too short for. */
  checkReached(): void {
    for (const { size } of this.expected) {
      const detail = `a head seen earlier covers ${size} events, there are ${this.nextIndex}`;
      this.findings.addOnce('all', { code: 'history-shortened', detail });
    }
  }

  save(): unknown {
    return {
      numbers: this.numbers.save(),
      frontier: this.frontier.save(),
      nextIndex: this.nextIndex,
      unitFirst: this.unitFirst,
      latestUs: this.latestUs,
      holes: this.holes,
    };
  }

  load(saved: unknown): void {
    const { numbers, frontier, ...rest } = saved as {
      numbers: readonly string[];
      frontier: { size: number; peaks: Uint8Array[] };
      nextIndex: number;
      unitFirst: number;
      latestUs: number;
      holes: number;
    };
    this.numbers.load(numbers);
    this.frontier = Frontier.restore(frontier);
    Object.assign(this, rest);
  }

  private isSigned(head: Head, logKeys: readonly string[]): boolean {
    for (const key of logKeys) {
      try {
        new NoteVerifier(head.origin, decodeBase32(key, 32)).open(head.note);
        this.headKey = key;
        return true;
      } catch (error) {
        if (!(error instanceof InvalidNote)) throw error;
      }
    }
    if (this.damage.touches('keys')) return false; // the key may have been offered where nothing can be read
    const detail = `the head of ${head.size} events carries no signature of a key that the master key vouched for`;
    this.findings.addOnce('all', { code: 'head-invalid', detail });
    return false;
  }

  /** Whoever could name the log anew would have one that nobody remembers: so its name hangs on its key. */
  private isNamed(head: Head, instance = ''): boolean {
    const name = `florin/${instance}/${this.headKey?.slice(0, NAMED_BY)}`;
    if (head.origin === name && (this.origin ?? name) === name) return true;
    const [other] = [head.origin, this.origin].filter((origin) => origin !== undefined && origin !== name);
    this.findings.addOnce('name', { code: 'head-invalid', detail: `the log is called ${other} instead of ${name}` });
    return false;
  }

  private append(leaf: Uint8Array): void {
    this.frontier.append(leaf);
    while (this.expected[0] && this.expected[0].size <= this.frontier.size) {
      const head = this.expected.shift() as SeenHead;
      if (head.size === this.frontier.size) this.compare(head);
    }
  }

  private compare({ size, root }: SeenHead): void {
    if (this.holes > 0 || Buffer.from(this.frontier.root()).toString('base64') === root) return;
    const detail = `the first ${size} events are not those that a head seen earlier covers`;
    this.findings.addOnce('all', { code: 'history-rewritten', detail });
    this.isRewritten = true;
  }

  private missing(index: number): void {
    if (index <= this.nextIndex) return;
    const count = index - this.nextIndex;
    const event = { index: this.nextIndex, stream: '', number: 0, type: '', at: 0 };
    const detail = count === 1 ? `event ${this.nextIndex} is not there` : `${count} events are not there`;
    this.findings.add({ code: 'event-missing', event, detail });
    this.holes += count;
    this.damage.markUnknown();
    this.nextIndex = index;
  }

  private checkUnit({ index, unitFirst }: SourceEvent, event: EventRef): void {
    const fits = unitFirst === index || unitFirst === this.unitFirst || (this.holes > 0 && unitFirst < index);
    if (!fits) this.findings.add({ code: 'unit-torn', event, detail: `its unit should begin at event ${unitFirst}` });
  }

  private inStream(ref: EventRef): boolean {
    const { stream, number } = ref;
    const expected = this.numbers.get(stream) ?? 0;
    if (number < expected) {
      const detail = `number ${number} of its stream was there before`;
      this.findings.add({ code: 'event-order', event: ref, detail });
      return false;
    }
    if (number > expected) {
      // A hole in the ledger was reported already, wherever in it the stream went on.
      if (this.holes === 0 && !this.damage.has(stream)) {
        const detail = `numbers ${expected} to ${number - 1} of its stream are not there`;
        this.findings.add({ code: 'event-missing', event: ref, detail });
      }
      this.damage.mark(stream);
    }
    this.numbers.set(stream, number + 1);
    return true;
  }

  private skip(stream: string, number: number): void {
    this.damage.mark(stream);
    if (number >= (this.numbers.get(stream) ?? 0)) this.numbers.set(stream, number + 1);
  }
}
