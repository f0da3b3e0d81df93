/**
 * npm run simulate -- --model NAME [...]: deterministic simulations; each model knows its own options.
 * Exit code 1: a property is broken, the last line says which and with what seed. 2: it could not be run.
 */
interface Model {
  /** @returns the exit code */
  simulate(args: readonly string[]): Promise<number>;
}

const MODELS: Readonly<Record<string, () => Promise<Model>>> = {
  wallets: () => import('./wallets/main.js'),
  commit: () => import('./commit-model/main.js'),
  ledger: () => import('../audit/endless-main.js'),
};
const DEFAULT_MODEL = 'wallets';

const args = process.argv.slice(2);
const at = args.findIndex((argument) => argument === '--model' || argument.startsWith('--model='));
const [option = '', value = ''] = at < 0 ? [] : args.splice(at, args[at] === '--model' ? 2 : 1);
const name = at < 0 ? DEFAULT_MODEL : option === '--model' ? value : option.slice('--model='.length);
try {
  const model = MODELS[name];
  if (!model) throw new RangeError(`there is no model ${name}; there are: ${Object.keys(MODELS).join(', ')}`);
  process.exitCode = await (await model()).simulate(args);
} catch (error) {
  console.error(error instanceof RangeError || error instanceof TypeError ? error.message : error);
  process.exitCode = 2;
}
