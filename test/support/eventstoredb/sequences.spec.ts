import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadSequences, playSequence } from './sequences.js';
import { type TestServer, testServer } from './test-server.js';

// FLORIN_TEST_SEQUENCES plays other recorded sequences of the same format.
const file =
  process.env.FLORIN_TEST_SEQUENCES ?? new URL('../../../vectors/eventstoredb-sequences.json', import.meta.url);
const sequences = loadSequences(file);

describe('the answers recorded on a real server', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await testServer();
  });
  afterAll(() => server.close());

  test('there are sequences to play', () => {
    expect(sequences.length).toBeGreaterThan(0);
  });

  for (const [index, operations] of sequences.entries()) {
    test(`sequence ${index}`, async () => {
      const answers = await playSequence(server.client, operations);
      const played = operations.map((operation, step) => ({ ...operation, answer: answers[step] }));
      expect(played).toEqual(operations);
    });
  }
});
