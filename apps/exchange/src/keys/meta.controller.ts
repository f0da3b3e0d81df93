/** What the exchange says about itself: configuration, keys, wire accounts, terms. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ErrorCode, encodeBase32, formatAmount } from '@florin/encoding';
import { Controller, Get, Header, Headers, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Replies, TEXT } from '../http/replies.js';
import { malformedParameter, TalerError } from '../http/taler-error.js';
import { Clock } from '../runtime/clock.js';
import { Cryptography } from '../runtime/cryptography.js';
import { KeyRing } from '../runtime/key-ring.js';
import { Config } from '../runtime/tokens.js';
import { CONFIG, KEYS, WIRE } from './keys.replies.js';
import { currencySpecification, PROTOCOL_VERSION, recoupList, wireAccounts, wireFees } from './keys-document.js';
import { Offering } from './offering.js';
import { PublishedKeys } from './published-keys.js';

@Controller()
export class MetaController {
  private readonly terms: LegalText;
  private readonly privacy: LegalText;

  constructor(
    private readonly published: PublishedKeys,
    private readonly keys: KeyRing,
    private readonly offering: Offering,
    private readonly crypto: Cryptography,
    private readonly clock: Clock,
    private readonly config: Config,
  ) {
    this.terms = this.legalText(config.terms, 'The operator of this exchange has published no terms of service.\n');
    this.privacy = this.legalText(config.privacy, 'The operator of this exchange has published no privacy policy.\n');
  }

  @Get()
  @Replies({ 200: TEXT })
  @Header('Content-Type', 'text/plain; charset=utf-8')
  welcome(): string {
    return 'This is Florin, an exchange for GNU Taler e-cash. Wallets and shops start at /config and /keys.\n';
  }

  @Get('robots.txt')
  @Replies({ 200: TEXT })
  @Header('Content-Type', 'text/plain')
  robots(): string {
    return 'User-agent: *\nDisallow: /\n';
  }

  @Get('config')
  @Replies({ 200: CONFIG })
  @Header('Cache-Control', 'public, max-age=21600')
  configuration(): object {
    const { currency, legitimization } = this.config;
    const { withdraw, reserveWithdraw, p2pReceive } = legitimization;
    const book = this.keys.shownBook();
    return {
      name: 'taler-exchange',
      version: PROTOCOL_VERSION,
      currency,
      currency_specification: currencySpecification(currency),
      implementation: 'urn:net:florin:exchange',
      supported_kyc_requirements: withdraw || reserveWithdraw || p2pReceive ? ['OFFICER'] : [],
      recoup: book ? recoupList(book) : [],
    };
  }

  /** Always the full set; `last_issue_date` once asked for what came after a set that the client has. */
  @Get('keys')
  @Replies({ 200: KEYS, 304: undefined })
  async publishedKeys(
    @Query('last_issue_date') lastIssueDate: string | undefined,
    @Headers('if-none-match') known: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string | undefined> {
    if (lastIssueDate !== undefined && !/^[0-9]{1,20}$/.test(lastIssueDate)) {
      throw malformedParameter('last_issue_date', 'last_issue_date must be whole seconds since 1970');
    }
    const document = await this.published.current();
    if (!document) throw this.keysMissing();
    reply.headers({
      ETag: `"${document.etag}"`,
      'Last-Modified': httpDate(document.issuedAt),
      Expires: httpDate(document.expiresAt),
      Vary: 'Accept-Encoding',
      'Cache-Control': 'public, max-age=3600',
    });
    if (matchesEtag(known, document.etag)) {
      reply.status(304);
      return undefined;
    }
    reply.type('application/json');
    return document.text;
  }

  /** For wallets before 2024; the same accounts and fees stand in `/keys`. */
  @Get('wire')
  @Replies({ 200: WIRE })
  wire(): object {
    const book = this.keys.usableBook();
    if (!book?.terms || book.accounts.size === 0) throw this.keysMissing();
    const amount = (units: bigint): string => formatAmount({ currency: this.config.currency, units });
    return {
      accounts: wireAccounts(book, 'old'),
      fees: wireFees(book, amount, this.clock.now()),
      master_public_key: book.terms.masterPub,
    };
  }

  /** Randomness for wallets whose own may be poor. */
  @Get('seed')
  @Header('Content-Type', 'application/octet-stream')
  seed(@Res({ passthrough: true }) reply: FastifyReply): Buffer {
    reply.header('Cache-Control', 'no-store');
    return randomBytes(32);
  }

  @Get('terms')
  @Header('Content-Type', 'text/plain; charset=utf-8') // unless the file is of another kind
  @Replies({ 200: TEXT, 304: undefined })
  termsOfService(
    @Headers('if-none-match') known: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): string | undefined {
    reply.header('Taler-Terms-Version', this.terms.etag.slice(0, 16));
    return this.legal(this.terms, known, reply);
  }

  @Get('privacy')
  @Header('Content-Type', 'text/plain; charset=utf-8') // unless the file is of another kind
  @Replies({ 200: TEXT, 304: undefined })
  privacyPolicy(
    @Headers('if-none-match') known: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): string | undefined {
    reply.header('Taler-Terms-Version', this.privacy.etag.slice(0, 16));
    return this.legal(this.privacy, known, reply);
  }

  /** Says what is missing, where it is the master key's word. */
  private keysMissing(): TalerError {
    const { missing } = this.offering;
    const hint = missing && `the master key has not signed yet: ${missing}; the operator runs \`admin offline export\``;
    const headers = { 'Retry-After': missing === '' ? '5' : '60' };
    return new TalerError(ErrorCode.EXCHANGE_GENERIC_KEYS_MISSING, { status: 503, headers, ...(hint && { hint }) });
  }

  private legal(text: LegalText, known: string | undefined, reply: FastifyReply): string | undefined {
    reply.headers({
      ETag: `"${text.etag}"`,
      'Avail-Languages': 'en',
      'Content-Language': 'en',
      Vary: 'Accept-Language, Accept, Accept-Encoding',
      'Cache-Control': 'public, max-age=864000',
    });
    if (matchesEtag(known, text.etag)) {
      reply.status(304);
      return undefined;
    }
    reply.type(text.type);
    return text.text;
  }

  private legalText(path: string | undefined, otherwise: string): LegalText {
    const text = path === undefined ? otherwise : readFileSync(path, 'utf8');
    const type = path?.endsWith('.md') ? 'text/markdown; charset=utf-8' : 'text/plain; charset=utf-8';
    return { text, type, etag: encodeBase32(this.crypto.taler.hash.sha512(new TextEncoder().encode(text))) };
  }
}

/** A text that the operator publishes; the ETag names its version. */
interface LegalText {
  readonly text: string;
  readonly type: string;
  readonly etag: string;
}

const httpDate = (seconds: number): string => new Date(seconds * 1000).toUTCString();

/** The reference sends its tag without quotes, so clients may hand back either. */
function matchesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header
    .split(',')
    .some((tag) => tag.trim().replace(/^W\//, '').replace(/^"|"$/g, '') === etag || tag.trim() === '*');
}
