import { createContext, runInContext } from 'node:vm';
import { build, type Plugin } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fundReserve, type RunningExchange, type Settings, smallKeys, startExchange } from '../support/exchange.js';

/*
 * The client library as a browser would load it: bundled without anything of Node, and run where Node's globals do not
 * exist. It withdraws from the exchange as it ships.
 */

/** What a page would do with the library. Texts and numbers only cross between the two worlds. */
const PAGE = `
  import { ExchangeClient } from '@florin/client';
  import { formatPayUri, parsePayUri, planPayments } from '@florin/client';
  import { decodeBase32, encodeBase32, formatAmount, parseAmount } from '@florin/encoding';

  const randomBytes = (sizeBytes) => crypto.getRandomValues(new Uint8Array(sizeBytes));
  const open = (baseUrl) => new ExchangeClient({ baseUrl, randomBytes });

  export const newReserve = (baseUrl) => {
    const { reservePriv, reservePub } = open(baseUrl).newReserve();
    return { reservePriv: encodeBase32(reservePriv), reservePub: encodeBase32(reservePub) };
  };

  export const withdraw = async (baseUrl, { reservePriv, reservePub, amount, timeoutMs, seed }) => {
    const client = open(baseUrl);
    await client.reserve(decodeBase32(reservePub), { timeoutMs });
    const keys = await client.keys();
    const options = seed ? { seed: decodeBase32(seed) } : {};
    const withdrawn = await client.withdraw(decodeBase32(reservePriv), parseAmount(amount), options);
    const { balance } = await client.reserve(decodeBase32(reservePub));
    const verified = withdrawn.coins.map(({ coinPub, denominationHash, signature }) =>
      keys.denominations.get(encodeBase32(denominationHash)).key.verify(client.taler.hash.coinPub(coinPub), signature));
    return {
      coins: withdrawn.coins.map(({ coinPub }) => encodeBase32(coinPub)),
      ciphers: withdrawn.coins.map(({ signature }) => signature.cipher),
      verified,
      balance: formatAmount(balance),
      rest: formatAmount(withdrawn.plan.rest),
      seed: encodeBase32(withdrawn.seed),
    };
  };

  // One page pays, another takes the money; what goes from one to the other is the URI.
  export const pay = async (baseUrl, { reservePriv, amount, timeoutMs }) => {
    const client = open(baseUrl);
    const { coins } = await client.withdraw(decodeBase32(reservePriv), parseAmount('KUDOS:3.13'));
    const spendable = coins.map((coin) => ({ coin, residual: coin.value }));
    const payments = planPayments(await client.keys(), spendable, parseAmount(amount));
    const keys = client.purses.newKeys();
    const expiration = Math.floor(Date.now() / 1000) + 3600;
    const contract = client.purses.contract({ amount: parseAmount(amount), summary: 'Tea', expiration });
    const { totalDeposited } = await client.purses.create(keys, contract, payments);
    const residuals = await Promise.all(coins.map((coin) => client.coins.residual(coin)));
    return {
      deposited: formatAmount(totalDeposited),
      residual: formatAmount({ currency: 'KUDOS', units: residuals.reduce((sum, { units }) => sum + units, 0n) }),
      uri: formatPayUri({ direction: 'push', exchangeBaseUrl: baseUrl, contractPriv: keys.contractPriv }),
    };
  };

  export const take = async (uri) => {
    const { exchangeBaseUrl, contractPriv } = parsePayUri(uri);
    const client = open(exchangeBaseUrl);
    const found = await client.purses.readForMerge(contractPriv);
    const { reservePriv } = client.newReserve();
    const merged = await client.purses.merge(found, reservePriv);
    const { entries } = await client.reserveHistory(reservePriv);
    return { merged: formatAmount(merged), summary: found.contract.summary, entries: entries.map(({ type }) => type) };
  };`;

interface PageReserve {
  readonly reservePriv: string;
  readonly reservePub: string;
}

interface PageWithdrawal {
  readonly coins: readonly string[];
  readonly ciphers: readonly string[];
  readonly verified: readonly boolean[];
  readonly balance: string;
  readonly rest: string;
  readonly seed: string;
}

/** What browsers have and the library may use. One kind of bytes, as on a page, where there is one world only. */
const BROWSER = {
  ...{ fetch, Headers, URL, AbortController, AbortSignal, TextDecoder, TextEncoder, crypto, setTimeout, clearTimeout },
  ...{ ArrayBuffer, DataView, Uint8Array, Uint32Array, Float64Array, BigUint64Array },
};

/** Node's own modules do not resolve for browsers, by whatever name; esbuild alone would let `node:` names stand. */
const withoutNode: Plugin = {
  name: 'without-node',
  setup({ onResolve }) {
    onResolve({ filter: /^node:/ }, ({ path, importer }) => ({ errors: [{ text: `${importer} imports ${path}` }] }));
  },
};

async function bundle(contents: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname },
    bundle: true,
    format: 'iife',
    globalName: 'page',
    platform: 'browser',
    target: 'es2022',
    plugins: [withoutNode],
    write: false,
    logLevel: 'silent',
  });
  return outputFiles[0]?.text ?? '';
}

/** Calls a function of the page and hands over its answer as JSON. */
async function onPage<Value>(script: string, call: string): Promise<Value> {
  const context = createContext({ ...BROWSER });
  const result = await runInContext(
    `${script}\nPromise.resolve(page.${call}).then((value) => JSON.stringify(value))`,
    context,
  );
  return JSON.parse(result as string);
}

/** Coins of 1 are Clause-Schnorr coins, so that there is no choice. */
function configure(settings: Settings): void {
  smallKeys(settings);
  const isRival = ({ value, cipher, ageGroups }: Settings) => value === 'KUDOS:1' && cipher === 'RSA' && !ageGroups;
  settings.denominations = settings.denominations.filter((denomination: Settings) => !isRival(denomination));
}

test('what needs Node cannot be bundled', async () => {
  await expect(bundle("import { serverPrimitives } from '@florin/crypto/server'; serverPrimitives;")).rejects.toThrow(
    /imports node:crypto/,
  );
});

describe('the bundle', () => {
  let exchange: RunningExchange;
  let script: string;
  beforeAll(async () => {
    [exchange, script] = await Promise.all([startExchange({ configure }), bundle(PAGE)]);
  });
  afterAll(async () => {
    await exchange?.stop();
    exchange?.remove();
  });

  test('names nothing of Node', () => {
    expect(script.length).toBeGreaterThan(50_000);
    expect(script).not.toMatch(/["']node:|\bprocess\.|\bBuffer\b/);
  });

  test('runs where Node is not', async () => {
    const context = createContext({ ...BROWSER });
    const missing = 'typeof process + typeof require + typeof Buffer + typeof setImmediate';
    expect(runInContext(missing, context)).toBe('undefined'.repeat(4));
  });

  test('withdraws coins of both ciphers, and the same ones again', async () => {
    const { baseUrl } = exchange;
    const url = JSON.stringify(baseUrl);
    const reserve = await onPage<PageReserve>(script, `newReserve(${url})`);
    await fundReserve(exchange, reserve.reservePub, 'KUDOS:20');
    const request = { ...reserve, amount: 'KUDOS:6.15', timeoutMs: 60_000 };
    const first = await onPage<PageWithdrawal>(script, `withdraw(${url}, ${JSON.stringify(request)})`);
    expect(new Set(first.ciphers)).toEqual(new Set(['RSA', 'CS']));
    expect(first.verified).toEqual(first.coins.map(() => true));
    expect(first.balance).toBe('KUDOS:13.85');
    expect(first.rest).toBe('KUDOS:0');
    const again = await onPage<PageWithdrawal>(
      script,
      `withdraw(${url}, ${JSON.stringify({ ...request, seed: first.seed })})`,
    );
    expect(again.coins).toEqual(first.coins);
    expect(again.balance).toBe(first.balance);
  });

  test('pays and is paid', async () => {
    const { baseUrl } = exchange;
    const url = JSON.stringify(baseUrl);
    const reserve = await onPage<PageReserve>(script, `newReserve(${url})`);
    await fundReserve(exchange, reserve.reservePub, 'KUDOS:4');
    const request = { ...reserve, amount: 'KUDOS:2.5', timeoutMs: 60_000 };
    await onPage(script, `withdraw(${url}, ${JSON.stringify({ ...request, amount: 'KUDOS:0.11' })})`);
    const paid = await onPage<Record<string, string>>(script, `pay(${url}, ${JSON.stringify(request)})`);
    expect(paid).toMatchObject({ deposited: 'KUDOS:2.5', residual: 'KUDOS:0.48' });
    expect(paid.uri).toMatch(/^taler\+http:\/\/pay-push\//);
    const taken = await onPage(script, `take(${JSON.stringify(paid.uri)})`);
    expect(taken).toEqual({ merged: 'KUDOS:2.5', summary: 'Tea', entries: ['MERGE'] });
  });
});
