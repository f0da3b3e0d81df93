/** GET of a history: signed by its owner, numbered by its entries, told from the number that the client knows. */
import type { FastifyReply } from 'fastify';

/** 304 for a client that knows the last entry, 204 where nothing came after `start`, else the entries. */
export async function sendHistory(
  reply: FastifyReply,
  { start, knownTag, lastRow }: { start: number; knownTag: string | undefined; lastRow: number },
  body: () => Promise<object>,
): Promise<object | undefined> {
  reply.header('ETag', `"${lastRow}"`);
  const known = (knownTag ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, '').replace(/^"|"$/g, ''));
  if (known.includes(String(lastRow))) {
    reply.status(304);
    return undefined;
  }
  if (lastRow <= start) {
    reply.status(204);
    return undefined;
  }
  return body();
}
