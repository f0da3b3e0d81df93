/** Readers for configuration values: each names the setting, the value and what is allowed when it refuses. */

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export type Reader<Value> = (value: unknown, path: string) => Value;

/** A URL may hold a password. */
const USER_OF_URL = /\/\/[^/@\s"]*@/g;

export function refuse(path: string, value: unknown, allowed: string): never {
  const shown =
    value === undefined ? 'missing' : JSON.stringify(value)?.slice(0, 120).replace(USER_OF_URL, '//(not shown)@');
  throw new ConfigError(`${path} is ${shown}; allowed: ${allowed}`);
}

export const text =
  (allowed: string, pattern?: RegExp): Reader<string> =>
  (value, path) =>
    typeof value === 'string' && (!pattern || pattern.test(value)) ? value : refuse(path, value, allowed);

/** A text that is never shown. */
export const secret: Reader<string> = (value, path) =>
  typeof value === 'string' && value !== '' ? value : refuse(path, '(not shown)', 'a text');

export const oneOf =
  <const Word extends string>(...words: Word[]): Reader<Word> =>
  (value, path) =>
    (words as unknown[]).includes(value) ? (value as Word) : refuse(path, value, words.join(', '));

export const integer =
  (min: number, max: number): Reader<number> =>
  (value, path) => {
    const number = typeof value === 'string' && /^[0-9]{1,15}$/.test(value) ? Number(value) : value;
    return typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max
      ? number
      : refuse(path, value, `a whole number from ${min} to ${max}`);
  };

export const flag: Reader<boolean> = (value, path) =>
  typeof value === 'boolean' ? value : refuse(path, value, 'true or false');

export const port = integer(0, 65_535);

const UNITS: Record<string, number> = {
  second: 1,
  minute: 60,
  hour: 3600,
  day: 86_400,
  week: 7 * 86_400,
  year: 365 * 86_400,
};

/** `4 weeks`, `90 minutes`, `7 years` (of 365 days): whole seconds. */
export const duration: Reader<number> = (value, path) => {
  const match = typeof value === 'string' ? /^([0-9]{1,9}) (second|minute|hour|day|week|year)s?$/.exec(value) : null;
  return match
    ? Number(match[1]) * (UNITS[match[2] as string] as number)
    : refuse(path, value, 'a number and a unit, as `4 weeks` (seconds, minutes, hours, days, weeks, years)');
};

/** An instant as `2026-01-31` or `2026-01-31T12:00:00Z`: whole seconds since 1970. */
export const instant: Reader<number> = (value, path) => {
  const shape = typeof value === 'string' && /^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?$/.test(value);
  const milliseconds = shape ? Date.parse(value) : Number.NaN;
  return Number.isNaN(milliseconds) ? refuse(path, value, 'a date as 2026-01-31') : Math.floor(milliseconds / 1000);
};

/** An http(s) URL that ends in `/`. */
export const baseUrl: Reader<string> = (value, path) => {
  const good = typeof value === 'string' && /^https?:\/\/[^\s?#]+\/$/.test(value) && URL.canParse(value);
  return good ? value : refuse(path, value, 'an http or https URL that ends in /');
};

export const list =
  <Value>(item: Reader<Value>): Reader<Value[]> =>
  (value, path) =>
    Array.isArray(value)
      ? value.map((element, index) => item(element, `${path}[${index}]`))
      : refuse(path, value, 'a list');

export const optional =
  <Value, Default>(reader: Reader<Value>, byDefault: Default): Reader<Value | Default> =>
  (value, path) =>
    value === undefined || value === null ? byDefault : reader(value, path);

/** The value is not shown: it may be that of a password. */
function refuseName(path: string, name: string, known: readonly string[]): never {
  const [nearest] = known.map((one) => ({ one, far: distance(name, one) })).sort((a, b) => a.far - b.far);
  const meant = nearest && nearest.far <= Math.max(2, name.length / 3) ? `; ${nearest.one} may be meant` : '';
  throw new ConfigError(`${path} is no setting${meant}; allowed: only ${known.join(', ')}`);
}

/** How many letters have to be changed, added or taken away, whatever their case. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [index, letter] of [...from.toLowerCase()].entries()) {
    const next = [index + 1];
    for (let column = 1; column < row.length; column += 1) {
      const isSame = letter === to[column - 1]?.toLowerCase();
      const changed = (row[column - 1] ?? 0) + (isSame ? 0 : 1);
      next.push(Math.min(changed, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

type Readers = { readonly [name: string]: Reader<unknown> };
export type ObjectOf<R extends Readers> = { readonly [K in keyof R]: ReturnType<R[K]> };

/** An object with these members; a member of another name is a typing mistake and refused. */
export const object =
  <R extends Readers>(readers: R): Reader<ObjectOf<R>> =>
  (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(path, value, 'settings by name');
    const members = value as Record<string, unknown>;
    const prefix = path === '' ? '' : `${path}.`;
    for (const name of Object.keys(members)) {
      if (!Object.hasOwn(readers, name)) refuseName(`${prefix}${name}`, name, Object.keys(readers));
    }
    const result: Record<string, unknown> = {};
    for (const [name, reader] of Object.entries(readers)) result[name] = reader(members[name], `${prefix}${name}`);
    return result as ObjectOf<R>;
  };
