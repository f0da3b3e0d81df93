/** What the configuration says and the master key vouches for: log key, wire accounts, fees, age groups, officers. */
import { formatAgeGroups } from '@florin/crypto';
import type { EddsaPub, KeyBook, KeysEvent } from '@florin/domain';
import { canonicalJson, decodeBase32, encodeBase32 } from '@florin/encoding';
import { type MasterOrder, orderMessages, Signers } from '@florin/signing';
import { Injectable } from '@nestjs/common';
import { ConfigError } from '../config/reader.js';
import { Clock } from '../runtime/clock.js';
import { Config } from '../runtime/tokens.js';
import { keyEvent } from './key-events.js';

/** What never changes of what a ledger begins with. */
export interface BeginningOfLedger {
  readonly currency: string;
  /** Base32. */
  readonly masterPub: string;
}

/** @throws ConfigError unless the ledger is of this currency and, where one is named, of this master key */
export function checkTerms(
  terms: BeginningOfLedger,
  wanted: { readonly currency: string; readonly masterPub?: string | undefined },
): void {
  if (terms.currency !== wanted.currency) {
    throw new ConfigError(`currency is ${wanted.currency}; allowed: ${terms.currency}, in which the ledger is kept`);
  }
  if (wanted.masterPub !== undefined && terms.masterPub !== wanted.masterPub) {
    throw new ConfigError(`the ledger belongs to the master key ${terms.masterPub}, not to ${wanted.masterPub}`);
  }
}

@Injectable()
export class MasterTerms {
  constructor(
    private readonly signers: Signers,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  /** 32 bytes: the key of the configuration in production; in development the one beside the data, made if need be. */
  async masterPub(): Promise<Uint8Array> {
    if (this.config.mode === 'production') return decodeBase32(this.config.masterPub ?? '', 32);
    return (await this.signers.generate({ kind: 'master' })).pub;
  }

  /**
   * What holds for the whole ledger, if it does not stand there yet as the configuration has it.
   * @throws ConfigError if the ledger was begun under another master key or in another currency
   */
  async terms({ terms }: KeyBook): Promise<KeysEvent[]> {
    const { currency, baseUrl, roundUnit, reserves } = this.config;
    const wanted = {
      masterPub: encodeBase32(await this.masterPub()) as EddsaPub,
      currency,
      baseUrl,
      roundUnit,
      reserveClosingDelayS: reserves.closingDelay,
      legalDelayS: reserves.legalDelay,
    };
    if (terms) checkTerms(terms, wanted);
    const same = terms && Object.entries(wanted).every(([name, value]) => terms[name as keyof typeof wanted] === value);
    return same ? [] : [{ type: 'ExchangeConfigured', ...wanted, at: this.clock.now() }];
  }

  /** What the configuration says and the ledger does not, for the master key to sign. */
  async wanted(book: KeyBook): Promise<MasterOrder[]> {
    return [
      ...(await this.logKey(book)),
      ...this.extensions(book),
      ...(await this.developmentOfficer(book)),
      ...this.wireAccounts(book),
      ...this.fees(book).flatMap(({ order, isTaken }) => (isTaken ? [] : [order])),
    ];
  }

  /** Fees that the configuration names for a time for which the master key signed others: those stay. */
  feesKeptOut(book: KeyBook): MasterOrder[] {
    return this.fees(book).flatMap(({ order, isTaken }) => (isTaken ? [order] : []));
  }

  /** The event of an order, signed by the development master key. @throws SigningRefused where that is kept offline */
  async signed(order: MasterOrder): Promise<KeysEvent> {
    const signatures = await this.developmentSignatures(order);
    return keyEvent(order, signatures, { at: this.clock.now(), accountOf: (uri) => this.accountOf(uri) ?? uri });
  }

  /** Base32, by the names of `orderMessages`. @throws SigningRefused where the master key is kept offline */
  async developmentSignatures(order: MasterOrder): Promise<Record<string, string>> {
    const messages = Object.entries(orderMessages(order, await this.masterPub()));
    const signed = messages.map(async ([name, message]) => [
      name,
      encodeBase32(await this.signers.signMaster(message)),
    ]);
    return Object.fromEntries(await Promise.all(signed)) as Record<string, string>;
  }

  /** Section name of a configured account. */
  accountOf(paytoUri: string): string | undefined {
    return this.config.wireAccounts.find(({ payto }) => payto === paytoUri)?.name;
  }

  private async logKey({ logKeys }: KeyBook): Promise<MasterOrder[]> {
    const logPub = encodeBase32((await this.signers.generate({ kind: 'log' })).pub);
    if (logKeys.some((key) => key.logPub === logPub)) return [];
    return [{ kind: 'log-key', logPub, start: this.clock.now() }];
  }

  private extensions({ extensions }: KeyBook): MasterOrder[] {
    const mask = this.config.denominations.reduce((all, { ageGroups }) => all | ageGroups, 0);
    if (mask === 0) return [];
    const value = { age_restriction: { critical: false, version: '1', config: { age_groups: formatAgeGroups(mask) } } };
    const manifest = canonicalJson(value);
    return extensions?.manifest === manifest ? [] : [{ kind: 'extensions', manifest }];
  }

  private async developmentOfficer({ officers }: KeyBook): Promise<MasterOrder[]> {
    if (this.config.mode === 'production') return [];
    const officerPub = encodeBase32((await this.signers.generate({ kind: 'officer' })).pub);
    if (officers.has(officerPub as EddsaPub)) return [];
    const changedAt = this.clock.now();
    return [{ kind: 'officer', officerPub, name: 'development officer', active: true, readOnly: false, changedAt }];
  }

  /** An account that the master key disabled stays so, whatever the configuration says. */
  private wireAccounts({ accounts, accountChanges }: KeyBook): MasterOrder[] {
    const at = this.clock.now();
    const configured = this.config.wireAccounts.map(({ payto }) => payto as string);
    return [
      ...configured
        .filter((paytoUri) => !accountChanges.has(paytoUri))
        .map((paytoUri) => ({ kind: 'wire-account', paytoUri, start: at }) as const),
      ...[...accounts.keys()]
        .filter((paytoUri) => !configured.includes(paytoUri))
        .map((paytoUri) => ({ kind: 'wire-account-end', paytoUri, end: at }) as const),
    ];
  }

  private fees(book: KeyBook): WantedFees[] {
    return [...this.wireFees(book), ...this.globalFees(book)];
  }

  private wireFees(book: KeyBook): WantedFees[] {
    return this.config.wireFees.flatMap(({ method, from: start, to: end, wireFee, closingFee }): WantedFees[] => {
      const others = book.wireFees.filter((fees) => fees.method === method);
      const last = others.findLast((fees) => fees.start === start && fees.end === end);
      if (last?.wireFee === wireFee && last.closingFee === closingFee) return [];
      const fees = { wireFee: this.money(wireFee), closingFee: this.money(closingFee) };
      const order = { kind: 'wire-fees', method, start, end, ...fees } as const;
      return [{ order, isTaken: this.isTaken(order, others) }];
    });
  }

  private globalFees(book: KeyBook): WantedFees[] {
    return this.config.globalFees.flatMap((fees): WantedFees[] => {
      const { from: start, to: end, historyFee, accountFee, purseFee, purseAccountLimit } = fees;
      const terms = {
        purseTimeoutUs: fees.purseTimeout * 1e6,
        historyExpirationUs: fees.historyExpiration * 1e6,
        purseAccountLimit,
      };
      const wanted = { start, end, historyFee, accountFee, purseFee, ...terms };
      const last = book.globalFees.findLast((other) => other.start === start && other.end === end);
      if (last && Object.entries(wanted).every(([name, value]) => last[name as keyof typeof wanted] === value))
        return [];
      const money = {
        historyFee: this.money(historyFee),
        accountFee: this.money(accountFee),
        purseFee: this.money(purseFee),
      };
      const order = { kind: 'global-fees', start, end, ...terms, ...money } as const;
      return [{ order, isTaken: this.isTaken(order, book.globalFees) }];
    });
  }

  /** In production fees that were signed for a time stay; in development the last ones win. */
  private isTaken(period: Period, others: readonly Period[]): boolean {
    if (this.config.mode === 'development') return false;
    return others.some(({ start, end }) => start < period.end && period.start < end);
  }

  private readonly money = (units: bigint) => ({ currency: this.config.currency, units });
}

/** Fees that the ledger does not have as the configuration has them. */
interface WantedFees {
  readonly order: MasterOrder;
  readonly isTaken: boolean;
}

interface Period {
  readonly start: number;
  readonly end: number;
}
