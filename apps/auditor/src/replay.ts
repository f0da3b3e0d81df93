/** Replays a ledger event by event, with arithmetic of its own, and collects what is wrong with it. */
import { type AnyEvent, CATALOGUE, type Category, EventCodec, EventFormatError } from '@florin/domain';
import { EncodingError } from '@florin/encoding';
import { type Head, type JsonObject, UNIT_BYTES_MAX } from '@florin/event-store';
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
import { SignaturePool } from './signatures/pool.js';
import type { SourceEvent, SourceItem, Stretch } from './source/source.js';

export interface ReplayOptions {
  /** What the auditor knows of the exchange, base32; without it the ledger's first word is taken. */
  readonly masterPub?: string;
  /** Keys that open sealed account URIs, by account. */
  readonly accountKeys?: ReadonlyMap<string, Uint8Array>;
  /** False to leave signatures out: then only sums, order and rules are checked. */
  readonly signatures?: boolean;
  readonly threads?: number;
  /** Hears of findings as they are made. */
  readonly onFinding?: (finding: Finding) => void;
}

/** What expired is forgotten every so many events. */
const PRUNE_EVERY = 100_000;

/** `<instance>.<category>-<key>`; the stream `keys` has no key. */
const STREAM_NAME = /^([a-z0-9]+)\.([a-z]+)(?:-(.*))?$/;
const KEY = /^[0-9A-HJKMNP-TV-Z]{51}[0G]$/;
const HASH = /^[0-9A-HJKMNP-TV-Z]{102}[08GR]$/;

/** What a stream may be called after: keys and hashes in base32, a section name. */
function isKey(category: Category, key: string | undefined): boolean {
  switch (category) {
    case 'keys':
      return key === undefined;
    case 'wire':
      return key !== undefined && /^[a-z0-9-]+$/.test(key);
    case 'transfer':
      return key !== undefined && HASH.test(key);
    case 'nonce': {
      const [denomination, nonce, ...others] = key?.split('.') ?? [];
      return HASH.test(denomination ?? '') && KEY.test(nonce ?? '') && others.length === 0;
    }
    default:
      return key !== undefined && KEY.test(key);
  }
}

/** The currency that the terms name; of a ledger whose terms cannot be read, that of the first amount. */
export function currencyOf(data: unknown): string | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  if ('currency' in data && typeof data.currency === 'string') return data.currency;
  const amount = Object.values(data).find((value) => typeof value === 'string' && /^[A-Z]{1,11}:[0-9]/.test(value));
  return typeof amount === 'string' ? amount.slice(0, amount.indexOf(':')) : undefined;
}

export class Replay {
  readonly findings: Findings;
  readonly damage = new Damage();
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
  /** The name before the dot in every stream; the first event says it. */
  private instance: string | undefined;
  private codec: EventCodec | undefined;
  /** The stream that was looked at last: every event asks twice. */
  private named: { readonly stream: string; readonly category: Category | undefined } = {
    stream: '',
    category: undefined,
  };
  private readonly unit: Unit;
  private events = 0;

  constructor({ masterPub, accountKeys = new Map(), signatures = true, threads, onFinding }: ReplayOptions = {}) {
    this.findings = new Findings(onFinding);
    this.pool = signatures ? new SignaturePool(this.findings, () => this.codec?.currency ?? '', threads) : undefined;
    this.unit = new Unit(this.findings);
    const { findings, damage, unit, totals, pool } = this;
    const context: Context = { findings, damage, unit, verify: (event, job, gains) => pool?.add(event, job, gains) };
    this.log = new Log(findings, damage);
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
    return this.codec?.currency;
  }

  /** Called once, as soon as a unit has ended and its signatures are checked: then the state may be saved. */
  atBoundary: (() => void) | undefined;

  /** Replays a stretch and compares its head. @returns whether the head may be remembered */
  async take({ items, head }: Stretch): Promise<boolean> {
    for (const item of items) {
      if (this.atBoundary && 'text' in item && this.log.begins(item)) await this.pause();
      this.item(item);
      if (this.pool?.isFull) await this.pool.room();
    }
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

  /** Looks at every open reserve and purse. @param now seconds */
  checkOverdue(now: number): void {
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

  /** Everything that is needed to go on from here; only between units, when signatures are settled. */
  save(): unknown {
    const { findings, damage, log, keys, totals, denominations, accounts, withdrawn } = this;
    const { coins, purses, reserves, transfers, wire } = this;
    const parts = { findings, damage, log, keys, totals, denominations, accounts, withdrawn, coins, purses, reserves };
    return {
      ...Object.fromEntries(Object.entries({ ...parts, transfers, wire }).map(([name, part]) => [name, part.save()])),
      rest: {
        ...{ lastAt: this.lastAt, instance: this.instance, events: this.events },
        ...{ checked: this.pool?.checked ?? 0, currency: this.currency },
      },
    };
  }

  /** Goes on from what `save` returned. @throws RangeError if it is of another layout */
  load(saved: unknown): void {
    const { rest, ...parts } = saved as Record<string, unknown>;
    for (const [name, part] of Object.entries(parts)) (this[name as 'coins'] as Coins).load(part);
    const { lastAt, instance, events, checked, currency } = rest as {
      lastAt: number;
      instance: string | undefined;
      events: number;
      checked: number;
      currency: string | undefined;
    };
    this.lastAt = lastAt;
    this.instance = instance;
    this.events = events;
    if (this.pool) this.pool.checked = checked;
    if (currency !== undefined) this.codec = new EventCodec(currency);
  }

  close(): Promise<void> | undefined {
    return this.pool?.close();
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
    return this.log.checkHead(head, logKeys);
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
        event = this.decode(taken);
      } catch (error) {
        const isRange = error instanceof RangeError; // nested too deep to be looked at
        if (!(error instanceof EventFormatError || error instanceof SyntaxError || isRange)) throw error;
        fault = error.message;
      }
      return event?.at ?? Math.floor(taken.writtenAtUs / 1e6);
    });
    if (!ref) this.unit.tear();
    else if (!event) {
      if (this.codec || fault !== '') this.log.malformed(ref, fault);
      else this.untold(ref);
      this.unit.tear();
    } else {
      if (!this.keys.terms && event.type !== 'ExchangeConfigured') this.untold(ref);
      const isPlausible = this.log.checkTime(ref, item.writtenAtUs);
      this.tryApply(event, ref);
      if (isPlausible) this.count(ref);
    }
  }

  private untold(event: EventRef): void {
    this.damage.mark(`${this.instance}.keys`);
    const detail = 'it came before the terms of the ledger: what hangs on them cannot be judged';
    this.findings.addOnce('all', { code: 'terms-missing', event, detail });
  }

  /** @returns nothing before the terms of the ledger are known @throws EventFormatError */
  private decode(event: SourceEvent): AnyEvent | undefined {
    const category = this.categoryOf(event.stream);
    const data = event.data ?? (JSON.parse(event.text) as JsonObject);
    const currency = this.codec ? undefined : currencyOf(data);
    if (!this.codec && category !== 'keys') return undefined;
    if (currency !== undefined) this.codec = new EventCodec(currency);
    // Before the first amount there are keys without any.
    const codec = this.codec ?? new EventCodec('NONE');
    return codec.decode(category, { type: event.type, version: event.version, data });
  }

  private categoryOf(stream: string): Category {
    if (stream === this.named.stream && this.named.category !== undefined) return this.named.category;
    const [, instance, category = '', key] = STREAM_NAME.exec(stream) ?? [];
    this.instance ??= instance;
    if (instance !== this.instance || !Object.hasOwn(CATALOGUE, category) || !isKey(category as Category, key)) {
      throw new EventFormatError(`no stream of this ledger is called ${stream.slice(0, 40)}`);
    }
    this.named = { stream, category: category as Category };
    return category as Category;
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
    switch (this.categoryOf(ref.stream)) {
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
    this.unit.close();
    this.purses.settle();
  }
}
