import { parseArgs } from 'node:util';
import { isDeepStrictEqual } from 'node:util';
import { EventStoreDBClient } from '@eventstore/db-client';
import { loadSequences, playSequence } from './sequences.js';
import { StandIn } from './stand-in.js';

/**
 * node test/dist/support/eventstoredb/play.js [--server esdb://...] FILE...
 * Plays recorded sequences against a server, or against a stand-in of its own, and prints every answer that differs.
 * Exit code 1 if any does, 2 if it could not be run.
 */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ options: { server: { type: 'string' } }, allowPositionals: true });
  if (positionals.length === 0) throw new Error('usage: play.js [--server esdb://...] FILE...');
  const standIn = values.server === undefined ? await StandIn.start() : undefined;
  const client = EventStoreDBClient.connectionString(values.server ?? standIn?.connectionString ?? '');
  let [played, different] = [0, 0];
  for (const file of positionals) {
    for (const [index, operations] of loadSequences(file).entries()) {
      const answers = await playSequence(client, operations);
      for (const [step, operation] of operations.entries()) {
        played += 1;
        if (isDeepStrictEqual(answers[step], operation.answer)) continue;
        different += 1;
        console.log(`${file}: sequence ${index}, step ${step}: ${JSON.stringify(operation)}`);
        console.log(`  answered ${JSON.stringify(answers[step])}`);
      }
    }
  }
  console.log(`${played} operations played, ${different} answered differently`);
  await client.dispose();
  await standIn?.close();
  return different === 0 ? 0 : 1;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 2;
});
