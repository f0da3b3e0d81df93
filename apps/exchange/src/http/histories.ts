/** GET of a history: signed by its owner, numbered by its entries, told from the number that the client knows. */
import type { FastifyReply } from 'fastify';

/**
 * 304 for a client that knows the last entry, 204 where nothing comes after `start`, else the entries. Whoever sends no
 * `If-None-Match` knows what lies before `start`.
 */
export async function sendHistory(
  reply: FastifyReply,
  { start, knownTag, lastRow }: { start: number; knownTag: string | undefined; lastRow: number },
  body: () => Promise<object>,
): Promise<object | undefined> {
  reply.header('ETag', `"${lastRow}"`);
  const known = (knownTag ?? String(start)).split(',').map(bareTag);
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

/** The reference sends its tag without quotes, so clients may hand back either. */
const bareTag = (tag: string): string => tag.trim().replace(/^W\//, '').replace(/^"|"$/g, '');
