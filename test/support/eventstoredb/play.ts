import { isDeepStrictEqual } from 'node:util';
import { EventStoreDBClient } from '@eventstore/db-client';
import { loadSequences, playSequence } from './sequences.js';

/**
 * Plays a file of recorded sequences against a server and prints every answer that differs from the recorded one.
 * @returns the number of answers that do
 */
export async function playFile(file: string, connectionString: string): Promise<number> {
  const client = EventStoreDBClient.connectionString(connectionString);
  const sequences = loadSequences(file);
  let [played, different] = [0, 0];
  for (const [index, operations] of sequences.entries()) {
    const answers = await playSequence(client, operations);
    for (const [step, operation] of operations.entries()) {
      played += 1;
      if (isDeepStrictEqual(answers[step], operation.answer)) continue;
      different += 1;
      console.log(`sequence ${index}, step ${step}: ${JSON.stringify(operation)}`);
      console.log(`  answered ${JSON.stringify(answers[step])}`);
    }
  }
  await client.dispose();
  console.log(`${sequences.length} sequences, ${played} operations played, ${different} answered differently`);
  return different;
}
