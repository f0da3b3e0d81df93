/** One audit from its source to its reports: full, continued from a checkpoint, or following a log as it grows. */
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Head } from '@florin/event-store';
import { readAccountKeys } from './account-keys.js';
import { type BankComparison, type BankHistory, compareBank, readBank } from './bank.js';
import { AuditorFolder } from './checkpoint.js';
import { currencyOf } from './event-reader.js';
import type { Finding } from './findings.js';
import { HeadMemory } from './heads.js';
import { Progress } from './progress.js';
import { Replay } from './replay.js';
import { withEvidence } from './report/evidence.js';
import { htmlReport } from './report/html.js';
import { amountText, findingSummary, type Report, reportOf } from './report/summary.js';
import { findingLine, textReport } from './report/text.js';
import { openSource, type SourceOptions } from './source/open.js';
import { type Source, SourceError } from './source/source.js';

export interface AuditOptions extends SourceOptions {
  readonly master?: string;
  readonly bank?: readonly string[];
  readonly accountKeys?: string;
  readonly memory: string;
  readonly incremental?: boolean;
  readonly follow?: boolean;
  readonly json?: string;
  readonly html?: string;
  readonly signatures: boolean;
  readonly threads?: number;
  readonly quiet?: boolean;
}

/** How often a log that is followed is looked at: a bad event is reported within a second. */
const FOLLOW_MS = 200;
/** What needs a look at everything that is open, and what is kept for later, is done so often while following. */
const FOLLOW_MINUTE_MS = 60_000;
/** A log that cannot be read while it is followed (the exchange restarts) is tried again so often. */
const RETRY_MS = 1_000;
/** A checkpoint is written so often, so that an audit that is interrupted loses little. */
const SAVE_EVERY_MS = 15_000;
/** Writing checkpoints takes at most one part of so many of the time. */
const SAVE_SHARE = 20;

/** @returns the exit code: 0 clean, 1 findings @throws SourceError if it cannot be audited */
export async function audit(options: AuditOptions): Promise<number> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const source = await openSource(options, stop.signal);
  const run = new Run(options, source, stop.signal);
  try {
    return await run.go();
  } finally {
    await run.close();
  }
}

class Run {
  private readonly replay: Replay;
  private readonly folder: AuditorFolder;
  private readonly memory: HeadMemory;
  private readonly started = performance.now();
  private savedAt = performance.now();
  private saveTookMs = 0;
  private rememberedAt = -Infinity;
  /** The newest head that was good, and the key it is signed with. */
  private newest: { readonly head: Head; readonly key: string } | undefined;
  /** Findings are printed as they are made once the log is followed. */
  private isFollowing = false;
  /** The log's name. */
  private origin = '';
  /** Interrupted, and what was done until then is saved. */
  private isSavedForGood = false;
  /** The log that is followed cannot be read at present. */
  private isAway = false;

  constructor(
    private readonly options: AuditOptions,
    private readonly source: Source,
    /** Ends the audit, with a checkpoint. */
    private readonly stop: AbortSignal,
  ) {
    const { master, signatures, threads, accountKeys, memory } = options;
    this.folder = new AuditorFolder(memory);
    this.memory = new HeadMemory(this.folder.headsFile);
    this.replay = new Replay({
      signatures,
      ...(master !== undefined && { masterPub: master }),
      folder: this.folder.path,
      ...(threads !== undefined && { threads }),
      ...(accountKeys !== undefined && { accountKeys: readAccountKeys(accountKeys) }),
      onFinding: (finding) => this.heard(finding),
    });
  }

  async go(): Promise<number> {
    const { replay, options } = this;
    this.origin = await this.source.origin();
    const banks = options.bank?.length ? await this.readBanks(options.bank) : undefined;
    const isContinued = options.incremental === true && this.folder.load(replay, this.origin, options.master);
    replay.log.expect(this.memory.of(this.origin), this.origin);
    const progress = new Progress(await this.source.size(), replay.log.next, options.quiet !== true);
    await this.read(progress).catch((error: unknown) => this.brokenOff(error));
    if (this.stop.aborted) throw this.interrupted();
    if (replay.log.next === 0) throw new SourceError(`${this.source.name} holds no events`);
    const now = Math.floor(Date.now() / 1000);
    await replay.settle(now);
    this.save();
    replay.conclude();
    const bank = banks && compareBank(replay, banks, now);
    await this.report(bank, isContinued ? 'continued from a checkpoint' : 'full replay');
    if (options.follow) await this.follow();
    return replay.findings.total === 0 ? 0 : 1;
  }

  /** What was found before the source broke off is said nonetheless: else it need only do so to hide it. */
  private async brokenOff(error: unknown): Promise<void> {
    const { replay, stop, isSavedForGood } = this;
    if (!(error instanceof SourceError)) throw error;
    if (stop.aborted) {
      if (replay.isBetweenUnits && !isSavedForGood) {
        await replay.catchUp();
        this.save();
      }
      return;
    }
    await replay.catchUp();
    const codes = [...replay.findings.counts.keys()];
    throw codes.length === 0
      ? error
      : new SourceError(`${error.message}; found until there, in ${replay.log.next} events: ${codes.join(', ')}`);
  }

  private interrupted(): SourceError {
    const goesOn = this.isSavedForGood ? '; --incremental goes on from there' : '';
    return new SourceError(`interrupted after ${this.replay.log.next} events${goesOn}`);
  }

  async close(): Promise<void> {
    await this.replay.close();
    await this.source.close();
  }

  /** Everything that is there now. */
  private async read(progress: Progress): Promise<void> {
    const { replay } = this;
    for await (const stretch of this.source.read(replay.log.next)) {
      if (await replay.take(stretch)) this.isGood();
      progress.show(replay.log.next, replay.findings.total);
      if (this.isSaveDue || this.stop.aborted) replay.atBoundary ??= () => this.save();
      if (this.isSavedForGood) return;
    }
  }

  /** Looks again and again, and says at once what is wrong. */
  private async follow(): Promise<void> {
    const { replay } = this;
    const quiet = new Progress(undefined, 0, false);
    this.isFollowing = true;
    process.stdout.write(`following ${this.source.name} from event ${replay.log.next} on\n`);
    let lookedAt = performance.now();
    while (!this.stop.aborted) {
      const isReached = await this.readNews(quiet);
      if (performance.now() - lookedAt > FOLLOW_MINUTE_MS) {
        replay.checkOverdue(Math.floor(Date.now() / 1000));
        lookedAt = performance.now();
      }
      await sleep(isReached ? FOLLOW_MS : RETRY_MS, undefined, { signal: this.stop }).catch(() => {});
    }
    this.remember();
    if (replay.isBetweenUnits && !this.isSavedForGood) {
      await replay.catchUp();
      this.save();
    }
    process.stdout.write(`${replay.log.next} events, ${replay.findings.total} findings\n`);
  }

  /** @returns false if the source cannot be read now, which is said once */
  private async readNews(progress: Progress): Promise<boolean> {
    const { replay } = this;
    const before = replay.log.next;
    try {
      await this.read(progress);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      if (this.stop.aborted) return replay.isBetweenUnits;
      if (!this.isAway) process.stderr.write(`audit: ${error.message}; it is tried again\n`);
      this.isAway = true;
      return false;
    }
    if (this.isAway) process.stderr.write(`audit: ${this.source.name} is there again, at event ${replay.log.next}\n`);
    this.isAway = false;
    if (replay.log.next > before && !this.isSavedForGood) {
      await replay.catchUp();
      replay.conclude();
    }
    return true;
  }

  private isGood(): void {
    const { head, headKey } = this.replay.log;
    if (!head || headKey === undefined) return;
    this.newest = { head, key: headKey };
    if (!this.isFollowing || performance.now() - this.rememberedAt > FOLLOW_MINUTE_MS) this.remember();
  }

  /** Every head that an audit ends with; while the log is followed, one a minute. */
  private remember(): void {
    if (this.newest) this.memory.remember(this.newest.head, this.newest.key);
    this.rememberedAt = performance.now();
  }

  private get isSaveDue(): boolean {
    const pause = Math.max(this.isFollowing ? FOLLOW_MINUTE_MS : SAVE_EVERY_MS, SAVE_SHARE * this.saveTookMs);
    return performance.now() - this.savedAt > pause;
  }

  /** Between units only, with every signature checked. */
  private save(): void {
    const begun = performance.now();
    this.folder.save(this.replay, this.origin);
    this.savedAt = performance.now();
    this.saveTookMs = this.savedAt - begun;
    this.isSavedForGood = this.stop.aborted;
  }

  private async readBanks(places: readonly string[]): Promise<BankHistory[]> {
    const currency = await this.currency();
    return Promise.all(places.map((place) => readBank(place, currency)));
  }

  /** The bank is asked before the ledger is read, so that whatever it shows was ordered by then. */
  private async currency(): Promise<string> {
    for await (const { items } of this.source.read(0)) {
      for (const item of items) {
        const found = 'text' in item ? currencyIn(item.text) : undefined;
        if (found !== undefined) return found;
      }
      break;
    }
    throw new SourceError(`nothing at the beginning of ${this.source.name} names a currency`);
  }

  private async report(bank: BankComparison | undefined, mode: string): Promise<void> {
    const { options, source, replay } = this;
    const summary = reportOf(replay, {
      auditedAt: Math.floor(Date.now() / 1000),
      source: source.name,
      mode,
      seconds: (performance.now() - this.started) / 1000,
      masterPubGiven: options.master !== undefined,
      bank,
    });
    const report: Report = await withEvidence(summary, source);
    const json = `${JSON.stringify(report, null, 2)}\n`;
    if (options.json !== undefined && options.json !== '-') writeFileSync(options.json, json);
    if (options.html !== undefined) writeFileSync(options.html, htmlReport(report));
    process.stdout.write(options.json === '-' ? json : textReport(report));
  }

  private heard(finding: Finding): void {
    if (!this.isFollowing) return;
    const currency = this.replay.currency ?? 'NONE';
    process.stdout.write(`${findingLine(findingSummary(finding, (units) => amountText(currency, units)))}\n`);
  }
}

/** The terms come first and name it; if they cannot be read, the first amount does. */
function currencyIn(text: string): string | undefined {
  try {
    return currencyOf(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
