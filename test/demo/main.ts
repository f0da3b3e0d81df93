import { parseArgs } from 'node:util';
import { ExchangeUnreachable } from '@florin/client';
import { portablePrimitives } from '@florin/crypto/portable';
import { serverPrimitives } from '@florin/crypto/server';
import { EncodingError } from '@florin/encoding';
import { BankMissing } from './bank.js';
import { booksJson } from './books.js';
import { Narrator } from './narrator.js';
import { tellPeerStories } from './peer-stories.js';
import { tellStory } from './story.js';
import { findAdmin, findSurroundings, type Surroundings } from './surroundings.js';

const HELP = `npm run demo: the life of money at a running exchange, with every step verified.

A reserve is funded, withdrawn from and closed; people pay each other through purses; purses end and give back; a
denomination is revoked and its coins are recouped.

  npm run demo                          tells the story
  npm run demo -- --amount KUDOS:50     pays in another amount (30.005 without)
  npm run demo -- --portable            uses cryptography in JavaScript alone, as a browser does
  npm run --silent demo -- --json       prints one JSON object
  npm run demo -- --help                prints this

The exchange is the one at FLORIN_URL; without, the one that runs on the data folder (FLORIN_DATA, or data/), or on
http://127.0.0.1:8081/. The bank is found likewise, or at FLORIN_BANK_URL; it has to be the development bank.
Start both with: npm start

Revoking a denomination needs the admin port, which the demo finds through run.json in the data folder; against an
exchange elsewhere that part is skipped, and the demo says so.

Exit code: 0 when every step was verified, 1 when one was not, 2 for wrong arguments.`;

const OPTIONS = {
  amount: { type: 'string' },
  json: { type: 'boolean', default: false },
  portable: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

async function main(): Promise<number> {
  const options = readOptions();
  if (options === undefined) return 2;
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  const surroundings = findSurroundings(process.env);
  const narrator = new Narrator(options.json ? () => undefined : (line) => console.log(line));
  narrator.say(`A wallet, a bank (${surroundings.bankUrl}) and the exchange ${surroundings.exchangeUrl}`);
  const start = performance.now();
  try {
    const primitives = options.portable ? portablePrimitives : serverPrimitives;
    narrator.chapter('A reserve: from the bank into coins, and back');
    const { books, ...outcome } = await tellStory(narrator, { ...surroundings, amount: options.amount, primitives });
    const admin = findAdmin(process.env, surroundings.exchangeUrl);
    const sharedBooks = await tellPeerStories(narrator, { ...surroundings, admin, primitives });
    const ms = Math.round(performance.now() - start);
    const checks = narrator.steps.reduce((count, step) => count + step.checks.length, 0);
    const { signaturesVerified } = narrator;
    narrator.say(`\nAll is well: ${checks} checks and ${signaturesVerified} signatures in ${ms} ms.`);
    for (const { title, reason } of narrator.skipped) narrator.say(`Not shown: ${title} (${reason}).`);
    const result = {
      ok: true,
      ...surroundings,
      ...outcome,
      signaturesVerified,
      books: booksJson(books),
      sharedBooks: booksJson(sharedBooks),
      skipped: narrator.skipped,
      checks,
      ms,
      steps: stepsJson(narrator),
    };
    if (options.json) console.log(JSON.stringify(result, null, 2));
    return 0;
  } catch (error) {
    const reason = explain(error, surroundings);
    if (options.json) {
      console.log(JSON.stringify({ ok: false, ...surroundings, error: reason, steps: stepsJson(narrator) }, null, 2));
    } else {
      console.error(`\nThe demo failed: ${reason}`);
    }
    return 1;
  }
}

function readOptions() {
  try {
    return parseArgs({ options: OPTIONS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    return undefined;
  }
}

function stepsJson({ steps }: Narrator) {
  return steps.map(({ facts, ...step }) => ({ ...step, facts: facts.map(([name, value]) => ({ name, value })) }));
}

/** What somebody can do about it; a stack only for what nobody expected. */
function explain(error: unknown, { exchangeUrl }: Surroundings): string {
  if (error instanceof ExchangeUnreachable) {
    return `${error.message}\nIs an exchange running at ${exchangeUrl}? Start it with: npm start (or see FLORIN_URL)`;
  }
  if (error instanceof BankMissing) return `${error.message}\nStart exchange and bank with: npm start`;
  if (error instanceof EncodingError) return error.message;
  if (!(error instanceof Error)) return String(error);
  const expected = [
    'CheckFailed',
    'BadContract',
    'ExchangeRefused',
    'ExchangeMisbehaved',
    'ExchangeIncompatible',
    'RangeError',
  ];
  return expected.includes(error.name) ? `${error.name}: ${error.message}` : (error.stack ?? error.message);
}

process.exitCode = await main();
