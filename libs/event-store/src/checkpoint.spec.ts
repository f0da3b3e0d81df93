import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { checkpointText, InvalidNote, NoteVerifier, parseCheckpoint, signedNote } from './checkpoint.js';

/** The first key of RFC 8032, section 7.1. */
const privateKey = createPrivateKey({
  key: Buffer.from(
    '302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    'hex',
  ),
  format: 'der',
  type: 'pkcs8',
});
const logPub = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32);
const origin = 'exchange.example/florin';
const root = Buffer.alloc(32, 7);
const text = checkpointText({ origin, size: 1234, root });
const note = signedNote(text, { name: origin, logPub, signature: sign(null, Buffer.from(text), privateKey) });
const verifier = new NoteVerifier(origin, logPub);

describe('a checkpoint', () => {
  test('has the text of the C2SP format', () => {
    expect(text).toBe(`exchange.example/florin\n1234\n${root.toString('base64')}\n`);
    const [body, signature] = note.split('\n\n') as [string, string];
    expect(`${body}\n`).toBe(text);
    expect(signature).toMatch(/^\u2014 exchange\.example\/florin [A-Za-z0-9+/]{91}=\n$/);
  });

  test('names its key as the signed note format says', () => {
    // SHA-256("exchange.example/florin" LF 01 key), computed with coreutils; the note starts with its first 4 bytes.
    const named = note.split(' ').at(-1) as string;
    expect(Buffer.from(named, 'base64').subarray(0, 4).toString('hex')).toBe('705c4fd6');
  });

  test('is opened by its log key only', () => {
    expect(verifier.open(note)).toEqual({ origin, size: 1234, root: new Uint8Array(root), note });
    expect(parseCheckpoint(note)).toMatchObject({ origin, size: 1234, text });
    expect(() => new NoteVerifier('exchange.example/other', logPub).open(note)).toThrow(InvalidNote);
    expect(() => new NoteVerifier(origin, Buffer.alloc(32, 9)).open(note)).toThrow(InvalidNote);
  });

  test('keeps its meaning when a witness has signed it too', () => {
    const witnessed = `${note}\u2014 witness.example/w ${Buffer.alloc(68, 1).toString('base64')}\n`;
    expect(verifier.open(witnessed).size).toBe(1234);
    const onlyWitness = witnessed.replace(/\u2014 exchange[^\n]*\n/, '');
    expect(() => verifier.open(onlyWitness)).toThrow(InvalidNote);
  });

  test('is refused when any character is changed, removed or doubled', () => {
    let tried = 0;
    for (let i = 0; i < note.length; i++) {
      const [before, after] = [note.slice(0, i), note.slice(i + 1)];
      for (const changed of [
        `${before}${after}`,
        `${before}${note[i]}${note[i]}${after}`,
        `${before}~${after}`,
        `${before}A${after}`,
      ]) {
        if (changed === note) continue;
        expect(() => verifier.open(changed), changed).toThrow(InvalidNote);
        tried += 1;
      }
    }
    expect(tried).toBeGreaterThan(700);
  });

  test('is refused with sizes, hashes and lines that the format does not have', () => {
    const resigned = (body: string): string =>
      signedNote(body, { name: origin, logPub, signature: sign(null, Buffer.from(body), privateKey) });
    const base64 = root.toString('base64');
    for (const body of [
      `${origin}\n01\n${base64}\n`,
      `${origin}\n-1\n${base64}\n`,
      `${origin}\n9007199254740993\n${base64}\n`,
      `${origin}\n1\n${base64.slice(0, -1)}\n`,
      `${origin}\n1\n${Buffer.alloc(31).toString('base64')}\n`,
      `${origin}\n1\n${base64}\nextension\n`,
      `\n1\n${base64}\n`,
      `${origin}\n1\n`,
    ]) {
      expect(() => verifier.open(resigned(body)), body).toThrow(InvalidNote);
    }
    expect(verifier.open(resigned(`${origin}\n9007199254740991\n${base64}\n`)).size).toBe(Number.MAX_SAFE_INTEGER);
  });

  test('cannot be made with an origin that cannot name a key', () => {
    for (const bad of ['', 'with blank', 'with+plus', 'with\nnewline']) {
      expect(() => checkpointText({ origin: bad, size: 0, root })).toThrow(RangeError);
    }
  });
});
