/** `audit prove`: a consistency proof out of the events themselves, for whoever saw fewer or more of them. */
import { consistencyProof, Frontier, storedLeaf } from '@florin/event-store';
import type { ConsistencyProof } from './heads.js';
import { openSource, type SourceOptions } from './source/open.js';
import { type Source, SourceError } from './source/source.js';

/** @returns JSON @throws SourceError if there are not so many events */
export async function prove(options: SourceOptions, from: number, to: number): Promise<string> {
  const source = await openSource(options);
  try {
    const { nodes, origin, fromRoot } = await nodesOf(source, from, to);
    const proof: ConsistencyProof = {
      origin,
      from,
      to,
      proof: consistencyProof(from, to, (height, number) => nodeAt(nodes, height, number)).map((hash) =>
        Buffer.from(hash).toString('base64'),
      ),
      fromRoot: Buffer.from(fromRoot).toString('base64'),
    };
    return `${JSON.stringify(proof)}\n`;
  } catch (error) {
    if (error instanceof RangeError) throw new SourceError(error.message);
    throw error;
  } finally {
    await source.close();
  }
}

type Nodes = Map<number, Uint8Array[]>;

/** Every subtree over the first `size` events, by height: two hashes of 32 bytes for each event. */
async function nodesOf(
  source: Source,
  from: number,
  size: number,
): Promise<{ nodes: Nodes; origin: string; fromRoot: Uint8Array }> {
  const nodes: Nodes = new Map();
  const frontier = Frontier.empty();
  let fromRoot = frontier.root();
  let origin = '';
  const keep = (height: number, number: number, hash: Uint8Array): void => {
    const row = nodes.get(height) ?? [];
    row[number] = hash;
    nodes.set(height, row);
  };
  for await (const { items, head } of source.read(0)) {
    origin = head?.origin ?? origin;
    for (const item of items) {
      if (frontier.size >= size) break;
      if (!('text' in item)) throw new SourceError(`event ${item.index ?? frontier.size} cannot be read`);
      const leaf = storedLeaf(item);
      keep(0, frontier.size, leaf);
      frontier.append(leaf, keep);
      if (frontier.size === from) fromRoot = frontier.root();
    }
  }
  if (frontier.size < size) throw new SourceError(`there are ${frontier.size} events, not ${size}`);
  return { nodes, origin, fromRoot };
}

function nodeAt(nodes: Nodes, height: number, number: number): Uint8Array {
  const hash = nodes.get(height)?.[number];
  if (!hash) throw new RangeError(`there is no subtree ${number} of height ${height}`);
  return hash;
}
