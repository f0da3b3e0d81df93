/**
 * Compares the answers of an exchange with what its own /openapi.json says of them: an answer that is not described, a
 * member too many and a member too few fail the test that got it.
 */
import { get } from 'node:http';

type Schema = Readonly<Record<string, unknown>>;
interface Response {
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>;
}
interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly responses: Record<string, Response> }>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

export interface Answer {
  readonly url: string;
  readonly method: string;
  readonly status: number;
  /** The header, if there is one. */
  readonly type: string | undefined;
  readonly text: string;
}

/** By origin. Other servers than exchanges (admin ports, banks) describe nothing. */
const descriptions = new Map<string, Promise<Description | undefined>>();
/** `GET /config 200`: of what was compared. */
export const compared = new Set<string>();

/** What is wrong with a success, as far as the server that gave it describes itself; refusals are the tests' own. */
export async function undescribed({ url, method, status, type, text }: Answer): Promise<string[]> {
  if (status >= 400 || !/^(GET|POST|DELETE)$/.test(method)) return [];
  const { origin, pathname } = new URL(url);
  if (!descriptions.has(origin)) descriptions.set(origin, fetched(`${origin}/openapi.json`));
  const description = await descriptions.get(origin);
  const found = description && operationOf(description, method, pathname);
  if (!found) return [];
  const name = `${method} ${found.path} ${status}`;
  const response = found.responses[status];
  if (!response) return [`${name} is not described`];
  compared.add(name);
  if (!response.content) return text === '' ? [] : [`${name} has a body that is not described`];
  const media = (type ?? '').split(';')[0] ?? '';
  const described = response.content[media];
  if (!described) return [`${name} is ${media}, not ${Object.keys(response.content).join()}`];
  if (media !== 'application/json') return [];
  return faultsOf(described.schema ?? {}, JSON.parse(text), name, description.components.schemas);
}

function fetched(url: string): Promise<Description | undefined> {
  return new Promise((resolve) => {
    get(url, { agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        resolve(response.statusCode === 200 ? JSON.parse(Buffer.concat(chunks).toString()) : undefined);
      });
    }).on('error', () => resolve(undefined));
  });
}

const segmentsOf = (path: string): string[] => path.split('/').filter((segment) => segment !== '');

/** Paths without parameters come first, as they do in the exchange. */
function operationOf({ paths }: Description, method: string, pathname: string) {
  const asked = segmentsOf(pathname);
  const matching = Object.keys(paths).filter((path) => {
    const segments = segmentsOf(path);
    return segments.length === asked.length && segments.every((one, i) => one.startsWith('{') || one === asked[i]);
  });
  const exactness = (path: string): number => path.split('{').length;
  for (const path of matching.sort((a, b) => exactness(a) - exactness(b))) {
    const operation = paths[path]?.[method.toLowerCase()];
    if (operation) return { path, responses: operation.responses };
  }
  return undefined;
}

/** Keywords that restrict nothing that is looked at here. */
const ANNOTATIONS = new Set(['description', 'title', 'contentEncoding', 'contentMediaType']);
const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: Number.isSafeInteger,
  boolean: (value) => typeof value === 'boolean',
};

/** What of `value` the JSON Schema does not allow. A keyword that is not known here is a fault as well. */
export function faultsOf(
  schema: Schema,
  value: unknown,
  place: string,
  schemas: Readonly<Record<string, Schema>> = {},
): string[] {
  const within = (inner: unknown, part: unknown, where: string): string[] =>
    faultsOf(inner as Schema, part, where, schemas);
  const text = typeof value === 'string' ? value : undefined;
  const faults = Object.entries(schema).flatMap(([keyword, rule]): string[] => {
    switch (keyword) {
      case '$ref': {
        const target = schemas[String(rule).replace('#/components/schemas/', '')];
        return target ? within(target, value, place) : [`${place}: nothing is called ${rule}`];
      }
      case 'type':
        return TYPES[String(rule)]?.(value) ? [] : [`${place} is no ${rule}: ${JSON.stringify(value)?.slice(0, 80)}`];
      case 'const':
        return value === rule ? [] : [`${place} is not ${rule}: ${JSON.stringify(value)?.slice(0, 80)}`];
      case 'enum':
        return (rule as unknown[]).includes(value) ? [] : [`${place} is none of ${rule}: ${value}`];
      case 'pattern':
        return text === undefined || new RegExp(String(rule)).test(text) ? [] : [`${place} is not ${rule}: ${text}`];
      case 'maxLength':
        return text === undefined || text.length <= Number(rule) ? [] : [`${place} is too long`];
      case 'minimum':
        return typeof value !== 'number' || value >= Number(rule) ? [] : [`${place} is below ${rule}: ${value}`];
      case 'maximum':
        return typeof value !== 'number' || value <= Number(rule) ? [] : [`${place} is above ${rule}: ${value}`];
      case 'maxItems':
        return !Array.isArray(value) || value.length <= Number(rule) ? [] : [`${place} has too many elements`];
      case 'items':
        return Array.isArray(value) ? value.flatMap((one, i) => within(rule, one, `${place}[${i}]`)) : [];
      case 'required':
        return (rule as string[]).flatMap((name) =>
          typeof value === 'object' && value !== null && name in value ? [] : [`${place}.${name} is missing`],
        );
      case 'properties':
      case 'additionalProperties':
        return []; // together, below
      case 'allOf':
        return (rule as unknown[]).flatMap((one) => within(one, value, place));
      case 'oneOf': {
        const tried = (rule as unknown[]).map((one) => within(one, value, place));
        const fitting = tried.filter((found) => found.length === 0).length;
        if (fitting === 1) return [];
        const least = tried.reduce((a, b) => (a.length <= b.length ? a : b), tried[0] ?? []);
        return [`${place} fits ${fitting} of ${tried.length}`, ...least];
      }
      default:
        return ANNOTATIONS.has(keyword) ? [] : [`${place}: what does ${keyword} mean?`];
    }
  });
  const { properties = {}, additionalProperties = false } = schema as {
    properties?: Readonly<Record<string, Schema>>;
    additionalProperties?: boolean | Schema;
  };
  if (schema.type !== 'object' || !TYPES.object?.(value)) return faults;
  for (const [name, member] of Object.entries(value as object)) {
    const own = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    if (own === false) faults.push(`${place}.${name} is not described`);
    else if (own !== true) faults.push(...within(own, member, `${place}.${name}`));
  }
  return faults;
}
