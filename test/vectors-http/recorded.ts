/** The recorded exchanges of test/vectors/http, and the comparison of what replies consist of. */
import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = new URL('../../vectors/http/', import.meta.url);

export interface Recorded {
  readonly file: string;
  readonly seq: number;
  /** Base URL of the exchange that was asked, which clients sign. */
  readonly base: string;
  readonly method: string;
  readonly path: string;
  /** `POST /reserves/$/close`: keys are `$`, rows of cases `#`. */
  readonly endpoint: string;
  /** Name of a hand-made case. */
  readonly name: string | undefined;
  /** JSON of the request. */
  readonly sent: unknown;
  /** Signatures that came as headers. */
  readonly sentHeaders: Readonly<Record<string, string>>;
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

interface Entry {
  readonly seq: number;
  readonly case?: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: readonly (readonly [string, string])[];
    readonly body: { readonly json?: unknown };
  };
  readonly response: {
    readonly status: number;
    readonly headers: readonly (readonly [string, string])[];
    readonly body: { readonly json?: unknown; readonly text?: string };
  };
}

export const FILES: readonly string[] = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));

export function readRecorded(file: string): Recorded[] {
  const { base_url: base, exchanges } = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as {
    base_url: string;
    exchanges: Entry[];
  };
  return exchanges.map(({ seq, request, response, ...entry }) => ({
    file,
    seq,
    base,
    method: request.method,
    path: request.path,
    endpoint: endpointOf(request.method, request.path),
    name: entry.case,
    sent: request.body.json,
    sentHeaders: Object.fromEntries(request.headers.filter(([name]) => name.startsWith('Taler-'))),
    status: response.status,
    body: response.body.json ?? response.body.text,
    headers: Object.fromEntries(response.headers.map(([name, value]) => [name.toLowerCase(), value])),
  }));
}

function endpointOf(method: string, path: string): string {
  const segments = (path.split('?')[0] ?? '').split('/').map((segment) => {
    if (/^[0-9A-Z]{26,103}$/.test(segment)) return '$';
    return /^[0-9]+$/.test(segment) ? '#' : segment;
  });
  return `${method} ${segments.join('/')}`;
}

/** A type for each place in a JSON value: `denoms[].value` -> `string`. Entries that name a `type` go by it. */
export function shapeOf(value: unknown, place = ''): Map<string, string> {
  if (Array.isArray(value)) {
    const shapes = value.map((element: unknown) => shapeOf(element, `${place}[${discriminator(element)}]`));
    return new Map([[place, 'array'], ...shapes.flatMap((shape) => [...shape])]);
  }
  if (typeof value !== 'object' || value === null) return new Map([[place, value === null ? 'null' : typeof value]]);
  const members = Object.entries(value).flatMap(([name, member]) => {
    return [...shapeOf(member, place === '' ? name : `${place}.${name}`)];
  });
  return new Map([...(place === '' ? [] : [[place, 'object'] as const]), ...members]);
}

function discriminator(element: unknown): string {
  const { type, cipher } = (typeof element === 'object' && element !== null ? element : {}) as Record<string, unknown>;
  const name = type ?? cipher;
  return typeof name === 'string' ? name : '';
}

/** What one reply has and the other has not, and where the types differ: `-` is missing with us, `+` is ours alone. */
export function differences(theirs: unknown, ours: unknown): string[] {
  const [recorded, answered] = [shapeOf(theirs), shapeOf(ours)];
  return [
    ...[...recorded].flatMap(([place, type]) => {
      const other = answered.get(place);
      if (other === undefined) return [`-${place}`];
      return other === type ? [] : [`${place}: ${type} became ${other}`];
    }),
    ...[...answered.keys()].filter((place) => !recorded.has(place)).map((place) => `+${place}`),
  ].sort();
}
