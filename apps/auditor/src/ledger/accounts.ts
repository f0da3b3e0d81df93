/** Owners of accounts: cases of the law, officers' decisions, limits, and what is sealed about them. */

import { taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import type { AccountEvent, LegitimizationRule } from '@florin/domain';
import { decodeBase32, EncodingError, encodeBase32, equalBytes, reservePayto, utf8 } from '@florin/encoding';
import type { EventRef } from '../findings.js';
import { type Context, type Report, reporter } from './context.js';
import { accountHash, fullHash } from './hashes.js';
import type { Keys } from './keys.js';
import type { Reserve } from './reserve-record.js';

type Of<Type extends AccountEvent['type']> = Extract<AccountEvent, { type: Type }>;

interface Case {
  readonly rule: LegitimizationRule;
  approved: boolean | undefined;
  /** The decision that stands: when it was made, and its signature. */
  decided: { readonly at: number; readonly signature: string } | undefined;
}

interface Account {
  readonly cases: Case[];
  maximumAges: readonly { readonly from: number; readonly age: number }[];
}

const { hash } = taler(serverPrimitives);
const KEY_ID_BYTES = 8;
const NONCE_BYTES = 24;

export class Accounts {
  /** Only accounts that the law asked about. */
  private accounts = new Map<string, Account>();
  /** Sealed URIs that were opened, and those whose key is not there. */
  readonly seals = { opened: 0, unopened: 0 };
  private keyIds: Map<string, string> | undefined;

  /** @param accountKeys keys that open sealed URIs, by account; empty if the auditor has none */
  constructor(
    private readonly context: Context,
    private readonly keys: Keys,
    private readonly accountKeys: ReadonlyMap<string, Uint8Array>,
  ) {}

  apply(event: AccountEvent, ref: EventRef, accountKey: string): void {
    const report = reporter(this.context, ref);
    switch (event.type) {
      case 'LegitimizationRequired':
        this.require(event, ref, accountKey, report);
        return;
      case 'LegitimizationDecided':
        this.decide(event, ref, accountKey, report);
        return;
      case 'WithdrawalCounted': {
        if (!this.knowsOwners) return;
        const half = { event: ref, units: 0n, facts: [event.amount] };
        this.context.unit.take('count', `withdrawal from ${event.reservePub} by ${accountKey}`, half);
        return;
      }
      case 'ReceiptCounted': {
        if (!this.knowsOwners) return;
        const half = { event: ref, units: 0n, facts: [event.amount] };
        this.context.unit.take('count', `receipt of ${event.pursePub} by ${accountKey}`, half);
        return;
      }
      case 'AccountOwnerBound': {
        const half = { event: ref, units: 0n, facts: [event.accountPub, accountKey] };
        this.context.unit.take('owner', `${event.wireAccount} row ${event.bankRow}`, half);
        return;
      }
    }
  }

  /** Whether an officer let this account have what the rule forbids. */
  isApproved(account: string, rule: LegitimizationRule): boolean {
    return this.accounts.get(account)?.cases.some((one) => one.rule === rule && one.approved === true) ?? false;
  }

  /** Whether nothing is unreadable that says whose a reserve is. */
  private get knowsOwners(): boolean {
    return this.keys.terms !== undefined && !this.context.damage.touches('reserve');
  }

  /** Whose limits a reserve's money counts for: the sender's, and its own if it received from purses. */
  namesOf(
    { originAccount, receivedFromPurse }: Pick<Reserve, 'originAccount' | 'receivedFromPurse'>,
    reservePub: string,
  ): string[] {
    const names = originAccount === '' ? [] : [originAccount];
    const { baseUrl } = this.keys.terms ?? {};
    if (receivedFromPurse && baseUrl !== undefined) {
      names.push(accountHash(reservePayto(baseUrl, decodeBase32(reservePub, 32))));
    }
    return names;
  }

  /** Coins of owners whom an officer bound to an age are not withdrawn without that age. */
  checkAges(ref: EventRef, { originAccount, receivedFromPurse }: Reserve, reservePub: string, at: number): void {
    if (this.accounts.size === 0) return;
    for (const name of this.namesOf({ originAccount, receivedFromPurse }, reservePub)) {
      const age = this.accounts.get(name)?.maximumAges.findLast(({ from }) => from <= at)?.age;
      if (age === undefined) continue;
      reporter(this.context, ref)('age-limit-ignored', `account ${name} is bound to the age of ${age}`);
    }
  }

  /** What is sealed must be the URI of the account, and its hash. Nothing is said where the auditor has no key. */
  checkSealed(ref: EventRef, seal: { sealed: string; account: string; hash: string | undefined }): void {
    const key = this.accountKeys.get(seal.account);
    const uri = key ? openSealed(key, seal.sealed) : 'forgotten';
    if (uri === 'forgotten') {
      this.seals.unopened += 1;
      const other = this.accountOf(seal.sealed);
      if (other === undefined) return;
      const detail = `what is sealed for account ${seal.account} is sealed under the key of account ${other}`;
      reporter(this.context, ref)('sealed-account-wrong', detail);
      return;
    }
    this.seals.opened += 1;
    if (uri === undefined || !isAccount(uri, seal)) {
      const detail = `what is sealed for account ${seal.account} is not the URI with hash ${seal.hash ?? 'of it'}`;
      reporter(this.context, ref)('sealed-account-wrong', detail);
    }
  }

  save(): unknown {
    return { accounts: this.accounts, seals: this.seals };
  }

  load(saved: unknown): void {
    const { accounts, seals } = saved as { accounts: Map<string, Account>; seals: Accounts['seals'] };
    this.accounts = accounts;
    Object.assign(this.seals, seals);
  }

  /** Whose key a text is sealed under, if it is one of those that the auditor has. */
  private accountOf(sealed: string): string | undefined {
    this.keyIds ??= new Map([...this.accountKeys].map(([account, key]) => [keyIdText(keyIdOf(key)), account]));
    return this.keyIds.get(keyIdText(decodeBase32(sealed).subarray(0, KEY_ID_BYTES)));
  }

  private require(event: Of<'LegitimizationRequired'>, ref: EventRef, accountKey: string, report: Report): void {
    const account = this.of(accountKey);
    this.checkSealed(ref, { sealed: event.sealedUri, account: accountKey, hash: undefined });
    if (event.requirement !== account.cases.length + 1 && !this.context.damage.has(ref.stream)) {
      report('requirement-wrong', `case ${event.requirement} follows case ${account.cases.length}`);
    }
    if (account.cases.some(({ rule }) => rule === event.rule)) {
      report('requirement-wrong', `there is a case of ${event.rule} already`);
    }
    account.cases.push({ rule: event.rule, approved: undefined, decided: undefined });
  }

  private decide(event: Of<'LegitimizationDecided'>, ref: EventRef, accountKey: string, report: Report): void {
    const { requirement, approved, maximumAges, officerPub, officerSignature, justification, decidedAt } = event;
    const officer = this.keys.officers.get(officerPub);
    if ((!officer?.active || officer.readOnly) && !this.keys.isUncertain)
      report('officer-unknown', `${officerPub} may not decide`);
    const properties = {
      approved,
      maximum_ages: maximumAges.map(({ from, age }) => ({ age, from })),
      requirement_row: requirement,
    };
    this.context.verify(ref, {
      check: 'signed',
      name: 'AmlDecision',
      fields: {
        decisionTime: decidedAt,
        hPayto: accountKey,
        hJustification: encodeBase32(hash.sha512(utf8(justification))),
        hProperties: encodeBase32(hash.json(properties)),
        hNewRules: encodeBase32(hash.json({})),
        hNewMeasure: undefined,
        flags: 0n,
      },
      pub: officerPub,
      signature: officerSignature,
      code: 'bad-signature-officer',
      what: 'a decision',
    });
    const account = this.of(accountKey);
    const decided = account.cases[requirement - 1];
    if (decided?.decided && isOvertaken(decided.decided, { at: decidedAt, signature: officerSignature })) {
      report('decision-stale', `of ${decidedAt} about case ${requirement}, after one of ${decided.decided.at}`);
      return;
    }
    if (decided) Object.assign(decided, { approved, decided: { at: decidedAt, signature: officerSignature } });
    else if (!this.context.damage.has(ref.stream)) report('requirement-wrong', `case ${requirement} was never opened`);
    if (maximumAges.length > 0) account.maximumAges = [...maximumAges].sort((a, b) => a.from - b.from);
  }

  private of(name: string): Account {
    const account = this.accounts.get(name) ?? { cases: [], maximumAges: [] };
    this.accounts.set(name, account);
    return account;
  }
}

/** Signatures can be shown again by whoever has seen them: the same one, or one that is older, decides nothing. */
const isOvertaken = (standing: NonNullable<Case['decided']>, decision: NonNullable<Case['decided']>): boolean =>
  decision.at < standing.at || decision.signature === standing.signature;

/**
 * Opens base32( nonce | XSalsa20-Poly1305(URI) ) with the key of an account; the nonce begins with eight bytes that
 * name the key. @returns undefined if it was changed
 */
function openSealed(key: Uint8Array, sealed: string): string | 'forgotten' | undefined {
  const bytes = decodeBase32(sealed);
  const nonce = bytes.subarray(0, NONCE_BYTES);
  if (nonce.length < NONCE_BYTES) return undefined;
  if (!equalBytes(nonce.subarray(0, KEY_ID_BYTES), keyIdOf(key))) return 'forgotten';
  const opened = serverPrimitives.secretbox.open(bytes.subarray(NONCE_BYTES), nonce, key);
  return opened && new TextDecoder().decode(opened);
}

const keyIdOf = (key: Uint8Array): Uint8Array => serverPrimitives.sha512(key).subarray(0, KEY_ID_BYTES);
const keyIdText = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function isAccount(uri: string, { account, hash: full }: { account: string; hash: string | undefined }): boolean {
  try {
    return accountHash(uri) === account && (full === undefined || fullHash(uri) === full);
  } catch (error) {
    if (error instanceof EncodingError) return false;
    throw error;
  }
}
