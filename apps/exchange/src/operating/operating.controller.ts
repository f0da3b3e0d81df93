/** What machines ask that run the exchange: does it live, can it serve, what does it speak. */
import { Controller, Get, Header, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { hintOf } from '../http/hints.js';
import { arrayOf, COUNT, objectOf, only, Replies, TEXT } from '../http/replies.js';
import { ApiDescription } from './api-description.js';
import { Readiness, type Unready } from './readiness.js';

/** Anybody may ask as often as he likes: it is looked up once in this time. */
const FRESH_MS = 1_000;

const UNREADY = objectOf({ ready: only(false), code: COUNT, hint: TEXT, reasons: arrayOf(TEXT) });

@Controller()
export class OperatingController {
  private looked: Promise<readonly Unready[]> = Promise.resolve([]);
  private lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly readiness: Readiness,
    private readonly description: ApiDescription,
  ) {}

  /** The process answers. Whoever gets no answer here starts it again. */
  @Get('healthz')
  @Replies({ 200: objectOf({ alive: only(true) }) })
  @Header('Cache-Control', 'no-store')
  health(): object {
    return { alive: true };
  }

  /** Whether requests should be sent to this node. */
  @Get('readyz')
  @Replies({ 200: objectOf({ ready: only(true) }), 503: UNREADY })
  @Header('Cache-Control', 'no-store')
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<object> {
    const lacks = await this.lacks();
    const [first] = lacks;
    if (!first) return { ready: true };
    reply.status(503).header('Retry-After', '5');
    return { ready: false, code: first.code, hint: hintOf(first.code), reasons: lacks.map(({ reason }) => reason) };
  }

  /** The interface of the public port. */
  @Get('openapi.json')
  @Replies({ 200: { type: 'object', additionalProperties: true } })
  @Header('Cache-Control', 'public, max-age=3600')
  api(): ApiDescription {
    return this.description;
  }

  private lacks(): Promise<readonly Unready[]> {
    if (performance.now() - this.lookedAtMs < FRESH_MS) return this.looked;
    this.lookedAtMs = performance.now();
    this.looked = this.readiness.lacks();
    return this.looked;
  }
}
