import { EncodingError, kindOf } from '@florin/encoding';

/** Makes the error for a member that is missing or not what it should be. */
export type MemberFault = (member: string, problem: string) => Error;

/** A JSON object from outside, read member by member. Members that nobody asks for are ignored. */
export class JsonMembers {
  readonly #members: Readonly<Record<string, unknown>>;

  /**
   * @param place how messages call the object; empty for the body itself
   * @throws what `fault` makes, unless `json` is an object
   */
  constructor(
    json: unknown,
    private readonly place: string,
    private readonly fault: MemberFault,
  ) {
    if (typeof json !== 'object' || json === null || Array.isArray(json)) {
      throw fault(place, `expected an object, got ${kindOf(json)}`);
    }
    this.#members = json as Record<string, unknown>;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#members, name);
  }

  /**
   * @param parse gets undefined when the member is missing
   * @throws what the fault makes of an EncodingError of `parse`
   */
  read<Value>(name: string, parse: (value: unknown) => Value): Value {
    try {
      return parse(this.has(name) ? this.#members[name] : undefined);
    } catch (error) {
      if (error instanceof EncodingError) throw this.fault(this.#path(name), error.message);
      throw error;
    }
  }

  readOptional<Value>(name: string, parse: (value: unknown) => Value): Value | undefined {
    return this.has(name) ? this.read(name, parse) : undefined;
  }

  /** As {@link readOptional}, and what cannot be read counts as missing: for rows that are only shown. */
  readLenient<Value>(name: string, parse: (value: unknown) => Value): Value | undefined {
    try {
      return this.has(name) ? parse(this.#members[name]) : undefined;
    } catch (error) {
      if (error instanceof EncodingError) return undefined;
      throw error;
    }
  }

  /** The objects of a list, in order. An empty list is as wrong as none. */
  readObjects(name: string): JsonMembers[] {
    const list = this.read(name, (value) => {
      if (!Array.isArray(value) || value.length === 0)
        throw new EncodingError('a list that is not empty', kindOf(value));
      return value as unknown[];
    });
    return list.map((json, index) => new JsonMembers(json, this.#path(`${name}[${index}]`), this.fault));
  }

  #path(name: string): string {
    return this.place === '' ? name : `${this.place}.${name}`;
  }
}

const TEXT_LENGTH_MAX = 4096;

/** @throws EncodingError unless `value` is a string of at most 4096 characters without control characters */
export function plainText(value: unknown): string {
  if (typeof value !== 'string' || value.length > TEXT_LENGTH_MAX) throw new EncodingError('a text', kindOf(value));
  if (/\p{Cc}/u.test(value)) throw new EncodingError('a text without control characters', kindOf(value));
  return value;
}
