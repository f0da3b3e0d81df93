/** The log of events to the outside: heads and proofs for everybody, events for their owners and for auditors. */
import { type CoinPub, type EddsaSignature, type ReservePub, Streams } from '@florin/domain';
import { decodeBase32, ErrorCode, encodeBase32, message, timestampJson } from '@florin/encoding';
import { Controller, Get, Header, Headers, Param, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { requireBearer } from '../http/bearer.js';
import { CountPipe, KeyPipe, SignatureHeader, StartPipe, TimeoutPipe } from '../http/parameters.js';
import { Replies, TEXT } from '../http/replies.js';
import { malformedParameter, TalerError } from '../http/taler-error.js';
import { Cryptography } from '../runtime/cryptography.js';
import { KeyRing } from '../runtime/key-ring.js';
import { EventFeed } from './event-feed.js';
import { CONSISTENCY, INCLUSION, LOG_KEY, PROVEN_EVENTS } from './log.replies.js';
import { base64, ProvenEvents } from './proven-events.js';
import { PublishedLog } from './published-log.js';

const FEED_EVENTS = 10_000;
const FEED_EVENTS_MAX = 100_000;
/** A reader that takes nothing for so long is given up: others may be waiting. */
const FEED_STALLED_MS = 60_000;

@Controller('log')
export class LogController {
  constructor(
    private readonly log: PublishedLog,
    private readonly events: ProvenEvents,
    private readonly feed: EventFeed,
    private readonly keys: KeyRing,
    private readonly crypto: Cryptography,
    private readonly streams: Streams,
  ) {}

  /** The key that signs heads, and the master key's word for it. */
  @Get('key')
  @Replies({ 200: LOG_KEY })
  @Header('Cache-Control', 'public, max-age=3600')
  key(): object {
    const { origin, logPub } = this.log;
    const keys = this.keys.shownBook()?.logKeys ?? [];
    return {
      origin,
      log_pub: encodeBase32(logPub),
      keys: keys.map((key) => ({
        log_pub: key.logPub,
        validity_start: timestampJson(key.start),
        master_sig: key.masterSignature,
      })),
    };
  }

  /** The newest head: a C2SP checkpoint in a C2SP signed note. */
  @Get('checkpoint')
  @Replies({ 200: TEXT })
  @Header('Content-Type', 'text/plain; charset=utf-8')
  @Header('Cache-Control', 'no-store')
  checkpoint(): string {
    return this.events.head().note;
  }

  /** That the tree of `from` events is the beginning of that of `to` events, or of the newest head. */
  @Get('consistency')
  @Replies({ 200: CONSISTENCY })
  async consistency(@Query('from', CountPipe) from = 0, @Query('to', CountPipe) asked?: number): Promise<object> {
    const { proofs, head } = await this.events.proofs();
    const to = asked ?? head.size;
    if (to > head.size) throw malformedParameter('to', `the newest head covers ${head.size} events`);
    if (from > to) throw malformedParameter('from', 'a tree begins with smaller ones only');
    return { from, to, proof: (await proofs.consistencyProof(from, to)).map(base64) };
  }

  /** The way from a leaf to the root of the tree of `size` events, or of the newest head. */
  @Get('inclusion')
  @Replies({ 200: INCLUSION })
  async inclusion(@Query('index', CountPipe) index = 0, @Query('size', CountPipe) asked?: number): Promise<object> {
    const { proofs, head } = await this.events.proofs();
    const size = asked ?? head.size;
    if (size > head.size) throw malformedParameter('size', `the newest head covers ${head.size} events`);
    if (index >= size) throw malformedParameter('index', `a tree of ${size} events has no event ${index}`);
    return { index, size, proof: (await proofs.inclusionProof(index, size)).map(base64) };
  }

  /** The events of a reserve from number `start` on, each with its proof; only its owner may ask. */
  @Get('reserves/:reserve_pub')
  @Replies({ 200: PROVEN_EVENTS })
  async reserve(
    @Param('reserve_pub', KeyPipe) reservePub: ReservePub,
    @Query('start', StartPipe) start: number,
    @SignatureHeader('Taler-Reserve-History-Signature') signature: EddsaSignature,
  ): Promise<object> {
    const signed = message('ReserveHistoryRequest', { startOff: BigInt(start) });
    if (!(await this.crypto.isSignedHeader(signed, { signature, pub: decodeBase32(reservePub, 32) }))) {
      throw new TalerError(ErrorCode.EXCHANGE_RESERVE_HISTORY_BAD_SIGNATURE);
    }
    const events = await this.events.read(this.streams.reserve(reservePub).name, start);
    if (!events) throw new TalerError(ErrorCode.EXCHANGE_GENERIC_RESERVE_UNKNOWN, { detail: reservePub });
    return events;
  }

  /** The events of a coin from number `start` on, each with its proof; only its owner may ask. */
  @Get('coins/:coin_pub')
  @Replies({ 200: PROVEN_EVENTS })
  async coin(
    @Param('coin_pub', KeyPipe) coinPub: CoinPub,
    @Query('start', StartPipe) start: number,
    @SignatureHeader('Taler-Coin-History-Signature') signature: EddsaSignature,
  ): Promise<object> {
    const signed = message('CoinHistoryRequest', { startOff: BigInt(start) });
    if (!(await this.crypto.isSignedHeader(signed, { signature, pub: decodeBase32(coinPub, 32) }))) {
      throw new TalerError(ErrorCode.EXCHANGE_COIN_HISTORY_BAD_SIGNATURE);
    }
    const events = await this.events.read(this.streams.coin(coinPub).name, start);
    if (!events) throw new TalerError(ErrorCode.EXCHANGE_GENERIC_COIN_UNKNOWN, { detail: coinPub });
    return events;
  }

  /** All events from `first` on, as lines of JSON; for auditors. */
  @Get('events')
  @Replies({ 200: TEXT })
  @Header('Content-Type', 'application/jsonl')
  async all(
    @Headers('authorization') authorization: string | undefined,
    @Query('first', CountPipe) first: number | undefined,
    @Query('limit', CountPipe) asked: number | undefined,
    @Query('timeout_ms', TimeoutPipe) timeoutMs: number,
    @Res() reply: FastifyReply,
  ): Promise<FastifyReply> {
    requireBearer(authorization, this.log.feedCredential, "send the auditor's credential as a Bearer token");
    const limit = Math.min(asked ?? FEED_EVENTS, FEED_EVENTS_MAX);
    if (limit === 0) throw malformedParameter('limit', 'at least one event is to be asked for');
    const lines = await this.feed.open({ first: first ?? 0, limit, timeoutMs });
    reply.raw.setTimeout(FEED_STALLED_MS, () => reply.raw.destroy());
    return reply.header('Cache-Control', 'no-store').send(lines);
  }
}
