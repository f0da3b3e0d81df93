/** What the master key vouches for besides keys: terms, log key, wire accounts, fees, age groups, officers. */

import { formatAgeGroups } from '@florin/crypto';
import type { EddsaPub, EddsaSignature, KeyBook, KeysEvent } from '@florin/domain';
import { canonicalJson, encodeBase32, message } from '@florin/encoding';
import { logKeyMessage, Signers } from '@florin/signing';
import { Injectable } from '@nestjs/common';
import { Clock } from '../runtime/clock.js';
import { Cryptography } from '../runtime/cryptography.js';
import { Config } from '../runtime/tokens.js';

@Injectable()
export class MasterTerms {
  constructor(
    private readonly signers: Signers,
    private readonly crypto: Cryptography,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {}

  /** Signs with the development master key. @throws SigningRefused where the master key is kept offline */
  async sign(bytes: Uint8Array): Promise<EddsaSignature> {
    return encodeBase32(await this.signers.signMaster(bytes)) as EddsaSignature;
  }

  /** What the configuration says and the ledger does not, signed. */
  async missing(book: KeyBook): Promise<KeysEvent[]> {
    await this.pub('master'); // makes or loads the development master key, with which the rest is signed
    const parts = await Promise.all([
      this.terms(book),
      this.logKey(book),
      this.extensions(book),
      this.officer(book),
      this.wireAccounts(book),
      this.wireFees(book),
      this.globalFees(book),
    ]);
    return parts.flat();
  }

  private async terms({ terms }: KeyBook): Promise<KeysEvent[]> {
    const { currency, baseUrl, roundUnit, reserves } = this.config;
    const wanted = {
      masterPub: (await this.pub('master')) as EddsaPub,
      currency,
      baseUrl,
      roundUnit,
      reserveClosingDelayS: reserves.closingDelay,
      legalDelayS: reserves.legalDelay,
    };
    const same = terms && Object.entries(wanted).every(([name, value]) => terms[name as keyof typeof wanted] === value);
    return same ? [] : [{ type: 'ExchangeConfigured', ...wanted, at: this.clock.now() }];
  }

  private async logKey({ logKeys }: KeyBook): Promise<KeysEvent[]> {
    const { pub } = await this.signers.generate({ kind: 'log' });
    const logPub = encodeBase32(pub) as EddsaPub;
    if (logKeys.some((key) => key.logPub === logPub)) return [];
    const start = this.clock.now();
    const masterSignature = await this.sign(logKeyMessage({ logPub: pub, start }));
    return [{ type: 'LogKeyOffered', logPub, start, masterSignature, at: start }];
  }

  private async extensions({ extensions }: KeyBook): Promise<KeysEvent[]> {
    const mask = this.config.denominations.reduce((all, { ageGroups }) => all | ageGroups, 0);
    if (mask === 0) return [];
    const value = { age_restriction: { critical: false, version: '1', config: { age_groups: formatAgeGroups(mask) } } };
    const manifest = canonicalJson(value);
    if (extensions?.manifest === manifest) return [];
    const hManifest = this.crypto.taler.hash.extensions(value);
    const masterSignature = await this.sign(message('MasterExtensionManifest', { hManifest }));
    return [{ type: 'ExtensionsSet', manifest, masterSignature, at: this.clock.now() }];
  }

  private async officer({ officers }: KeyBook): Promise<KeysEvent[]> {
    const officerPub = (await this.pub('officer')) as EddsaPub;
    if (officers.has(officerPub)) return [];
    const at = this.clock.now();
    const name = 'development officer';
    const masterSignature = await this.sign(
      message('MasterAmlOfficerStatus', {
        changeDate: at,
        officerPub: (await this.signers.generate({ kind: 'officer' })).pub,
        hOfficerName: this.crypto.taler.hash.text(name),
        isActive: 1,
      }),
    );
    return [
      { type: 'OfficerEnrolled', officerPub, name, active: true, readOnly: false, changedAt: at, masterSignature, at },
    ];
  }

  private async wireAccounts({ accounts }: KeyBook): Promise<KeysEvent[]> {
    const { hash } = this.crypto.taler;
    const start = this.clock.now();
    const none = hash.json([]);
    const restrictions = { hConversionUrl: undefined, hDebitRestrictions: none, hCreditRestrictions: none };
    const events: KeysEvent[] = [];
    for (const { name, payto } of this.config.wireAccounts) {
      const paytoUri = payto as string;
      if (accounts.has(paytoUri)) continue;
      const hPayto = hash.fullPayto(paytoUri);
      const [add, wire, wireOld] = await Promise.all([
        this.sign(message('MasterAddWire', { startDate: start, hPayto, ...restrictions })),
        this.sign(message('MasterWireDetails', { hWireDetails: hPayto, ...restrictions })),
        this.sign(message('MasterWireDetails2023', { hWireDetails: hPayto })),
      ]);
      const signatures = { masterSignatureAdd: add, masterSignatureWire: wire, masterSignatureWireOld: wireOld };
      events.push({ type: 'WireAccountEnabled', account: name, paytoUri, start, ...signatures, at: start });
    }
    for (const { paytoUri } of accounts.values()) {
      if (this.config.wireAccounts.some(({ payto }) => payto === paytoUri)) continue;
      const hPayto = hash.fullPayto(paytoUri);
      const masterSignature = await this.sign(message('MasterDelWire', { endDate: start, hPayto }));
      events.push({ type: 'WireAccountDisabled', paytoUri, end: start, masterSignature, at: start });
    }
    return events;
  }

  private async wireFees(book: KeyBook): Promise<KeysEvent[]> {
    const events: KeysEvent[] = [];
    for (const { method, from: start, to: end, wireFee, closingFee } of this.config.wireFees) {
      const last = book.wireFees.findLast((fees) => fees.method === method && fees.start === start && fees.end === end);
      if (last?.wireFee === wireFee && last.closingFee === closingFee) continue;
      const masterSignature = await this.sign(
        message('MasterWireFee', {
          hWireMethod: this.crypto.taler.hash.text(method),
          startDate: start,
          endDate: end,
          fees: { wire: this.money(wireFee), closing: this.money(closingFee) },
        }),
      );
      events.push({
        type: 'WireFeesSet',
        method,
        start,
        end,
        wireFee,
        closingFee,
        masterSignature,
        at: this.clock.now(),
      });
    }
    return events;
  }

  private async globalFees(book: KeyBook): Promise<KeysEvent[]> {
    const events: KeysEvent[] = [];
    for (const fees of this.config.globalFees) {
      const wanted = {
        start: fees.from,
        end: fees.to,
        historyFee: fees.historyFee,
        accountFee: fees.accountFee,
        purseFee: fees.purseFee,
        purseTimeoutUs: fees.purseTimeout * 1e6,
        historyExpirationUs: fees.historyExpiration * 1e6,
        purseAccountLimit: fees.purseAccountLimit,
      };
      const last = book.globalFees.findLast(({ start, end }) => start === wanted.start && end === wanted.end);
      if (last && Object.entries(wanted).every(([name, value]) => last[name as keyof typeof wanted] === value))
        continue;
      const masterSignature = await this.sign(
        message('MasterGlobalFee', {
          startDate: wanted.start,
          endDate: wanted.end,
          purseTimeout: wanted.purseTimeoutUs,
          historyExpiration: wanted.historyExpirationUs,
          fees: {
            history: this.money(fees.historyFee),
            account: this.money(fees.accountFee),
            purse: this.money(fees.purseFee),
          },
          purseAccountLimit: fees.purseAccountLimit,
        }),
      );
      events.push({ type: 'GlobalFeesSet', ...wanted, masterSignature, at: this.clock.now() });
    }
    return events;
  }

  private readonly money = (units: bigint) => ({ currency: this.config.currency, units });

  private async pub(kind: 'master' | 'officer'): Promise<string> {
    return encodeBase32((await this.signers.generate({ kind })).pub);
  }
}
