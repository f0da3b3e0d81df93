import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyValueOf, bytesOf } from '../testing/values.js';
import { type AnyEvent, CATALOGUE, type Category, EventCodec, type StoredEvent } from './catalogue.js';
import { type EventDefinition, EventFormatError, type Json, type JsonObject, type Shape } from './fields.js';

const codec = new EventCodec('EUR');
const KINDS = Object.entries(CATALOGUE).flatMap(([category, definitions]) =>
  definitions.map((definition) => [definition.type, category as Category, definition] as const),
);

const anyEventOf = ({ type, data }: EventDefinition<string, unknown>): fc.Arbitrary<AnyEvent> =>
  anyValueOf(data.shape).map((value) => ({ type, ...(value as object) }) as AnyEvent);

test('every kind of event has one name and one category', () => {
  const types = KINDS.map(([type]) => type);
  expect(new Set(types).size).toBe(types.length);
  expect(types.length).toBeGreaterThanOrEqual(27);
});

describe.each(KINDS)('%s', (type, category, definition) => {
  test('comes back from its stored form, which is plain JSON without null', () => {
    fc.assert(
      fc.property(anyEventOf(definition), (event) => {
        const stored = codec.encode(event);
        expect(stored).toMatchObject({ type, version: definition.version });
        const text = JSON.stringify(stored);
        expect(text).not.toContain('null');
        const reread = JSON.parse(text) as StoredEvent;
        expect(reread).toStrictEqual(stored);
        expect(codec.decode(category, reread)).toStrictEqual(event);
      }),
      { numRuns: 40 },
    );
  });

  test('is refused when anything in it is missing, too much or of another kind', () => {
    fc.assert(
      fc.property(anyEventOf(definition), (event) => {
        const stored = codec.encode(event);
        for (const data of spoilt(definition.data.shape, stored.data)) {
          const attempt = () => codec.decode(category, { ...stored, data: data as JsonObject });
          expect(attempt, JSON.stringify(data)).toThrow(EventFormatError);
        }
      }),
      { numRuns: 10 },
    );
  });

  test('belongs to no other category', () => {
    const stored = codec.encode(fc.sample(anyEventOf(definition), { numRuns: 1, seed: 1 })[0] as AnyEvent);
    for (const other of Object.keys(CATALOGUE) as Category[]) {
      if (other === category) continue;
      expect(() => codec.decode(other, stored)).toThrow(new EventFormatError(`${type} in a ${other} stream`));
    }
  });
});

/** Everything that `json` becomes by one fault somewhere in it. */
function spoilt(shape: Shape, json: Json): unknown[] {
  switch (shape.kind) {
    case 'list':
      return [null, 'x', {}, ...replaced(json as Json[], (item) => spoilt(shape.item, item))];
    case 'object': {
      const object = json as JsonObject;
      const inside = shape.members.flatMap(({ name, shape, optional }) => {
        const { [name]: member, ...rest } = object;
        if (member === undefined) return [{ ...object, [name]: null }];
        const bad = spoilt(shape, member).map((value) => ({ ...object, [name]: value }));
        return optional ? bad : [...bad, rest];
      });
      return [null, 'x', [], { ...object, somethingElse: 1 }, ...inside];
    }
    case 'variants':
      return shape.variants
        .filter((variant) => cipherOf(variant) === (json as JsonObject).cipher)
        .flatMap((variant) => spoilt(variant, json));
    case 'text':
      return [null, 1, true, []];
    case 'flag':
      return [null, 0, 'true', []];
    default:
      // Of all others, none is negative, a fraction, or a text with such letters.
      return [null, -1, 0.5, true, 'u!', [], {}];
  }
}

const cipherOf = (variant: Shape): string | undefined => {
  const cipher = variant.kind === 'object' ? variant.members.find(({ name }) => name === 'cipher')?.shape : undefined;
  return cipher?.kind === 'words' ? cipher.words[0] : undefined;
};

const replaced = (items: Json[], spoil: (item: Json) => unknown[]): unknown[][] =>
  items.flatMap((item, place) => spoil(item).map((bad) => items.with(place, bad as Json)));

describe('the codec', () => {
  const nonce = { envelopeHash: bytesOf('envelope', 64), reservePub: bytesOf('reserve', 32), at: 5 } as const;
  const stored = codec.encode({ type: 'NonceUsed', ...nonce } as AnyEvent);

  test('does not know events of a newer Florin', () => {
    const decode = () => codec.decode('nonce', { ...stored, type: 'NonceForgotten' });
    expect(decode).toThrow(new EventFormatError('unknown event NonceForgotten; it was written by a newer Florin'));
  });

  test('does not read versions that are newer than it, nor older ones that nothing brings up to date', () => {
    expect(() => codec.decode('nonce', { ...stored, version: 2 })).toThrow(
      new EventFormatError('NonceUsed has version 2; this Florin knows 1'),
    );
    expect(() => codec.decode('nonce', { ...stored, version: 0 })).toThrow(
      new EventFormatError('NonceUsed of version 0 cannot be read'),
    );
  });

  test('does not read another ledger’s currency', () => {
    const counted = { type: 'WithdrawalCounted', reservePub: bytesOf('reserve', 32), amount: 1n, at: 1 } as AnyEvent;
    const inFrancs = new EventCodec('CHF').encode(counted);
    expect(() => codec.decode('account', inFrancs)).toThrow(EventFormatError);
    expect(codec.decode('account', codec.encode(counted))).toStrictEqual(counted);
  });

  test.each([
    ['a key that is too short', { reservePub: bytesOf('reserve', 31) }],
    ['a time that is none', { at: Number.NaN }],
    ['a number where a hash belongs', { envelopeHash: 5 }],
  ])('never writes what it could not read again: %s', (_, fault) => {
    const event = { type: 'NonceUsed', ...nonce, ...fault } as unknown as AnyEvent;
    expect(() => codec.encode(event)).toThrow(EventFormatError);
  });

  test('writes the members of the schema and no others', () => {
    expect(codec.encode({ type: 'NonceUsed', ...nonce, note: 'x' } as unknown as AnyEvent)).toStrictEqual(stored);
  });
});
