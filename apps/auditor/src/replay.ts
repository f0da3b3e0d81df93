/** Replays a ledger event by event, with arithmetic of its own, and collects what is wrong with it. */
import { type AnyEvent, EventFormatError } from '@florin/domain';
import { EncodingError } from '@florin/encoding';
import { type Head, UNIT_BYTES_MAX } from '@florin/event-store';
import { EventReader } from './event-reader.js';
import { type EventRef, type Finding, Findings, inMoney } from './findings.js';
import { Accounts } from './ledger/accounts.js';
import { Coins } from './ledger/coins.js';
import { type Context, Damage } from './ledger/context.js';
import { DenominationLedger } from './ledger/denominations.js';
import { Keys } from './ledger/keys.js';
import { Purses } from './ledger/purses.js';
import { Reserves } from './ledger/reserves.js';
import { Totals } from './ledger/totals.js';
import { Transfers } from './ledger/transfers.js';
import { Unit } from './ledger/unit.js';
import { applyNonce, Wire } from './ledger/wire.js';
import { Withdrawn } from './ledger/withdrawn.js';
import { Log } from './log.js';
import { PackedMaps } from './packed.js';
import { SignaturePool } from './signatures/pool.js';
import type { SourceItem, Stretch } from './source/source.js';

export interface ReplayOptions {
  /** What the auditor knows of the exchange, base32; without it the ledger's first word is taken. */
  readonly masterPub?: string;
  /** Keys that open sealed account URIs, by account. */
  readonly accountKeys?: ReadonlyMap<string, Uint8Array>;
  /** False to leave signatures out: then only sums, order and rules are checked. */
  readonly signatures?: boolean;
  readonly threads?: number;
  /** Where what does not fit into memory may lie; without it, where the system has its temporary files. */
  readonly folder?: string;
  /** Hears of findings as they are made. */
  readonly onFinding?: (finding: Finding) => void;
}

/** What expired is forgotten every so many events. */
const PRUNE_EVERY = 100_000;

/** Some of what the replay knows. */
export interface SavedPart {
  readonly name: string;
  /** What V8 can serialize; absent for records. */
  readonly part?: unknown;
  /** Records of the packed map with that name; they hold until the next part. */
  readonly bytes?: Uint8Array;
}

/** What is saved of the replay itself. */
const REST = 'rest';
interface Rest {
  readonly lastAt: number;
  readonly events: number;
  /** Signatures. */
  readonly checked: number;
  readonly instance?: string;
  readonly currency?: string;
}

export class Replay {
  readonly findings: Findings;
  readonly damage = new Damage();
  /** Where what has as many entries as the ledger has events is remembered. */
  readonly packed: PackedMaps;
  readonly log: Log;
  readonly keys: Keys;
  readonly totals = new Totals();
  readonly denominations: DenominationLedger;
  readonly accounts: Accounts;
  readonly withdrawn: Withdrawn;
  readonly coins: Coins;
  readonly purses: Purses;
  readonly reserves: Reserves;
  readonly transfers: Transfers;
  readonly wire: Wire;
  readonly pool: SignaturePool | undefined;
  /** The time of the newest event: seconds. */
  lastAt = 0;
  private readonly reader = new EventReader();
  private readonly unit: Unit;
  private events = 0;

  constructor(options: ReplayOptions = {}) {
    const { masterPub, accountKeys = new Map(), signatures = true, threads, folder, onFinding } = options;
    this.findings = new Findings(onFinding);
    this.pool = signatures ? new SignaturePool(this.findings, () => this.currency ?? '', threads) : undefined;
    this.unit = new Unit(this.findings);
    this.packed = new PackedMaps(folder);
    const { findings, damage, unit, packed, totals, pool } = this;
    const verify: Context['verify'] = (event, job, gains) => pool?.add(event, job, gains);
    const written = { at: 0 };
    const context: Context = { findings, damage, unit, packed, written, verify };
    this.log = new Log(findings, damage, packed);
    this.keys = new Keys(context, masterPub, (offer) => pool?.learn(offer));
    this.denominations = new DenominationLedger(context, totals);
    this.accounts = new Accounts(context, this.keys, accountKeys);
    this.withdrawn = new Withdrawn(context);
    const { keys, denominations: ledger, accounts, withdrawn } = this;
    this.coins = new Coins(context, { keys, ledger, totals, withdrawn });
    this.purses = new Purses(context, { keys, totals });
    const { purses } = this;
    this.reserves = new Reserves(context, { keys, accounts, ledger, totals, withdrawn, purses });
    this.transfers = new Transfers(context, { keys, accounts, totals });
    this.wire = new Wire(context, { keys, accounts, totals });
    this.context = context;
  }

  private readonly context: Context;

  /** The ledger's one currency; undefined as long as nothing named it. */
  get currency(): string | undefined {
    return this.reader.currency;
  }

  /** Nothing of a unit was taken whose rest is still to come, as far as the source says. */
  isBetweenUnits = true;

  /** Called once, as soon as a unit has ended and its signatures are checked: then the state may be saved. */
  atBoundary: (() => void) | undefined;

  /** Replays a stretch and compares its head. @returns whether the head may be remembered */
  async take({ items, head, isWhole = false }: Stretch): Promise<boolean> {
    for (const item of items) {
      if (this.atBoundary && 'text' in item && this.log.begins(item)) await this.pause();
      this.item(item);
      this.isBetweenUnits = false;
      if (this.pool?.isFull) await this.pool.room();
    }
    if (isWhole) this.endUnit();
    if (!head) return false;
    if (head.size > this.log.next) this.unit.tear(); // its rest is missing
    this.endUnit();
    if (this.atBoundary) await this.pause();
    return this.checkHead(head);
  }

  /** Nothing more comes for now: waits for signatures, and looks at what is overdue. @param now seconds */
  async settle(now: number): Promise<void> {
    await this.catchUp();
    this.checkOverdue(now);
  }

  /** The last unit has ended, and its signatures are checked. */
  async catchUp(): Promise<void> {
    this.endUnit();
    await this.pool?.drain();
  }

  /** Looks at every open reserve and purse, and at the clock of whoever wrote. @param now seconds */
  checkOverdue(now: number): void {
    this.log.checkClock(now);
    this.reserves.checkOverdue(now);
    this.purses.checkOverdue(now);
  }

  /** The whole ledger was read: whether its sums add up where nothing else explains why not. */
  conclude(): void {
    this.log.checkReached();
    const { difference } = this.totals;
    if (difference === 0n || this.findings.total > 0 || this.damage.any) return;
    const detail = `${inMoney(difference)} came in and are neither owed, earned nor paid`;
    this.findings.add({ code: 'escrow-mismatch', detail, gain: difference });
  }

  /**
   * Everything that is needed to go on from here, part after part, for together they are large; only between units,
   * when signatures are settled.
   */
  *save(): Generator<SavedPart> {
    const { findings, damage, log, keys, totals, denominations, accounts, coins, purses, reserves } = this;
    const { transfers, wire } = this;
    const parts = { findings, damage, log, keys, totals, denominations, accounts, coins, purses, reserves };
    for (const [name, part] of Object.entries({ ...parts, transfers, wire })) yield { name, part: part.save() };
    for (const [map, bytes] of this.packed.save()) yield { name: map, bytes };
    const { lastAt, events, pool } = this;
    yield { name: REST, part: { lastAt, events, checked: pool?.checked ?? 0, ...this.reader.save() } };
  }

  /** Goes on from what `save` gave. @throws RangeError if it is of another layout */
  load(parts: Iterable<SavedPart>): void {
    for (const { name, part, bytes } of parts) {
      if (name === REST) this.loadRest(part as Rest);
      else if (bytes?.length) this.packed.load(name, bytes);
      else (this[name as 'coins'] as Coins).load(part);
    }
  }

  async close(): Promise<void> {
    this.packed.close();
    await this.pool?.close();
  }

  private loadRest({ lastAt, events, checked, ...read }: Rest): void {
    this.lastAt = lastAt;
    this.events = events;
    if (this.pool) this.pool.checked = checked;
    this.reader.load(read);
  }

  private async pause(): Promise<void> {
    const call = this.atBoundary;
    this.atBoundary = undefined;
    this.endUnit();
    await this.pool?.drain();
    call?.();
  }

  private checkHead(head: Head): boolean {
    const logKeys = this.keys.logKeys.map(({ logPub }) => logPub);
    return this.log.checkHead(head, logKeys, this.reader.instance);
  }

  private item(item: SourceItem): void {
    if ('fault' in item) {
      this.log.unreadable(item.index, item.fault);
      this.unit.tear();
      return;
    }
    const follows = this.log.follows(item);
    if (!follows) this.unit.tear();
    if (this.log.begins(item)) this.endUnit();
    if (!follows && item.unitFirst !== item.index) this.unit.tear();
    let event: AnyEvent | undefined;
    let fault = '';
    const ref = this.log.take(item, (taken) => {
      try {
        if (taken.text.length > UNIT_BYTES_MAX) throw new EventFormatError('it is larger than a unit may be');
        event = this.reader.decode(taken);
      } catch (error) {
        const isRange = error instanceof RangeError; // nested too deep to be looked at
        if (!(error instanceof EventFormatError || error instanceof SyntaxError || isRange)) throw error;
        fault = error.message;
      }
      return event?.at ?? Math.floor(taken.writtenAtUs / 1e6);
    });
    if (!ref) this.unit.tear();
    else if (!event) {
      if (this.currency !== undefined || fault !== '') this.log.malformed(ref, fault);
      else this.untold(ref);
      this.unit.tear();
    } else {
      if (!this.keys.terms && event.type !== 'ExchangeConfigured') this.untold(ref);
      const isPlausible = this.log.checkTime(ref, item.writtenAtUs);
      this.context.written.at = Math.floor(item.writtenAtUs / 1e6);
      this.tryApply(event, ref);
      if (isPlausible) this.count(ref);
    }
  }

  private untold(event: EventRef): void {
    this.damage.mark(this.reader.keysStream);
    const detail = 'it came before the terms of the ledger: what hangs on them cannot be judged';
    this.findings.addOnce('all', { code: 'terms-missing', event, detail });
  }

  /** What no event of Florin holds (a number that no signature covers, a URL that is none) ends no audit. */
  private tryApply(event: AnyEvent, ref: EventRef): void {
    try {
      this.apply(event, ref);
    } catch (error) {
      if (!(error instanceof EncodingError || error instanceof RangeError)) throw error;
      this.log.malformed(ref, error.message);
      this.unit.tear();
    }
  }

  private apply(event: AnyEvent, ref: EventRef): void {
    const key = ref.stream.slice(ref.stream.indexOf('-') + 1);
    switch (this.reader.categoryOf(ref.stream)) {
      case 'keys':
        this.keys.apply(event as never, ref);
        return;
      case 'reserve':
        this.reserves.apply(event as never, ref, key);
        return;
      case 'coin':
        this.coins.apply(event as never, ref, key);
        return;
      case 'purse':
        this.purses.apply(event as never, ref, key);
        return;
      case 'transfer':
        this.transfers.apply(event as never, ref, key);
        return;
      case 'wire':
        this.wire.apply(event as never, ref, key);
        return;
      case 'account':
        this.accounts.apply(event as never, ref, key);
        return;
      case 'nonce':
        applyNonce(this.context, event as never, ref, key);
        return;
    }
  }

  private count({ at }: EventRef): void {
    if (at > this.lastAt && Number.isFinite(at)) this.lastAt = at;
    this.events += 1;
    this.totals.sample(at);
    if (this.events % PRUNE_EVERY !== 0) return;
    this.coins.prune(this.lastAt);
    this.withdrawn.prune(this.lastAt);
  }

  private endUnit(): void {
    this.isBetweenUnits = true;
    this.unit.close();
    this.purses.settle();
  }
}
