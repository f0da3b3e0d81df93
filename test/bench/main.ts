/**
 * `npm run bench`: what the exchange costs, beside what the signatures alone cost on the same machine. Starts the
 * exchange as it ships (RSA-2048, embedded store, full durability). `--json` prints one object; `ratio` in it is server
 * CPU per request over bare cost, for batches of 8; `purses` has what payments between people cost.
 * `--store` compares the embedded store with EventStoreDB instead, without HTTP and signatures, and says first what a
 * command on one stream takes there beside a bare append.
 * `--profile=FOLDER` leaves CPU profiles of the exchange's threads, `--threads` prints what each thread used.
 */
import { randomBytes } from 'node:crypto';
import { taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import { decodeBase32, encodeBase32, message, parseAmount } from '@florin/encoding';
import { fundReserve, type RunningExchange, startExchange } from '../support/exchange.js';
import { bareCost } from './bare-cost.js';
import { type PreparedRequest, run } from './load.js';
import { benchPurses } from './purses.js';
import { CONNECTIONS, described, measured, type Row } from './rows.js';
import { memoryMibOf } from './server-cpu.js';
import { benchStores } from './stores.js';

const BITS = 2048;
const RESERVES = 32;
const { hash } = taler(serverPrimitives);

interface Denomination {
  readonly hash: Uint8Array;
  readonly value: string;
  readonly fee: string;
}

async function main(): Promise<void> {
  const json = process.argv.includes('--json');
  if (process.argv.includes('--store')) return benchStores(json);
  const say = (text: string): void => void (json || console.log(text));
  const profile = process.argv.find((argument) => argument.startsWith('--profile='))?.slice('--profile='.length);
  const exchange = await startExchange({
    ...(profile === undefined ? {} : { nodeArguments: ['--cpu-prof', `--cpu-prof-dir=${profile}`] }),
    configure: (settings) => {
      settings.denominations = [settings.denominations[0]];
      settings.legitimization = {};
      settings.logLevel = 'warn';
    },
  });
  try {
    const bare = bareCost(BITS);
    const { rsaSignMs, rsaVerifyMs, ed25519SignMs, ed25519VerifyMs } = bare;
    say(
      `bare cost: RSA-${BITS} signature ${rsaSignMs.toFixed(3)} ms, verification ${rsaVerifyMs.toFixed(3)} ms; ` +
        `Ed25519 signature ${ed25519SignMs.toFixed(3)} ms, verification ${ed25519VerifyMs.toFixed(3)} ms`,
    );
    const reserves = await fundedReserves(exchange);
    const denomination = await denominationOf(exchange);
    const rows: Row[] = [];
    for (const [coins, requests] of [
      [1, 2000],
      [8, 800],
      [50, 120],
    ] as const) {
      const prepare = (count: number) =>
        Array.from({ length: count }, (_, i) => withdrawal(reserves[i % RESERVES] as Reserve, denomination, coins));
      await run(exchange.baseUrl, prepare(requests / 2), CONNECTIONS); // compiled and warm
      const name = coins === 1 ? 'withdraw' : `batch-withdraw of ${coins}`;
      const bareMs = coins * (rsaSignMs + ed25519VerifyMs);
      rows.push(await measured(exchange, { name, coins, bareMs }, prepare(requests)));
    }
    const gets = Array.from({ length: 4000 }, (_, i) => {
      const { pub } = reserves[i % RESERVES] as Reserve;
      return { method: 'GET' as const, path: `reserves/${pub}` };
    });
    await run(exchange.baseUrl, gets.slice(0, 500), CONNECTIONS);
    rows.push(await measured(exchange, { name: 'GET reserve', coins: 0 }, gets));
    const purses = await benchPurses(exchange, bare);
    rows.push(...purses.rows);
    const memoryMib = memoryMibOf(exchange.process.pid as number);
    if (json) {
      const ratio = rows.find(({ coins }) => coins === 8)?.ratio;
      console.log(JSON.stringify({ ratio, bare, purses: purses.figures, rows, memoryMib }, null, 2));
    } else {
      for (const row of rows) say(described(row));
      say(`memory of the processes: ${memoryMib.map((size) => `${size.toFixed(0)} MiB`).join(', ')}`);
    }
  } finally {
    await exchange.stop();
    exchange.remove();
  }
}

interface Reserve {
  readonly pub: string;
  readonly sign: (message: Uint8Array) => Uint8Array;
}

/** Each from a bank account of its own, so that no account's limit makes them wait for each other. */
async function fundedReserves(exchange: RunningExchange): Promise<Reserve[]> {
  const reserves = Array.from({ length: RESERVES }, () => serverPrimitives.ed25519.keyPair(randomBytes(32))).map(
    ({ publicKey, sign }) => ({ pub: encodeBase32(publicKey), sign }),
  );
  for (const [i, { pub }] of reserves.entries()) {
    await fundReserve(exchange, pub, 'KUDOS:10000', `payto://x-taler-bank/localhost/customer${i}?receiver-name=C`);
  }
  for (const { pub } of reserves) await fetch(`${exchange.baseUrl}reserves/${pub}?timeout_ms=30000`);
  return reserves;
}

/** What this program reads of an entry of the flat list in `/keys`. */
interface PublishedDenomination {
  readonly stamp_start: { readonly t_s: number };
  readonly stamp_expire_withdraw: { readonly t_s: number };
  readonly denom_pub: { readonly age_mask: number; readonly rsa_pub: string };
  readonly value: string;
  readonly fee_withdraw: string;
}

async function denominationOf({ baseUrl }: RunningExchange): Promise<Denomination> {
  const keys = (await (await fetch(`${baseUrl}keys`)).json()) as { denoms: PublishedDenomination[] };
  const now = Date.now() / 1000;
  const found = keys.denoms.find(({ stamp_start, stamp_expire_withdraw }) => {
    return stamp_start.t_s <= now && now < stamp_expire_withdraw.t_s;
  });
  if (!found) throw new Error('no denomination is valid now');
  const rsaPub = decodeBase32(found.denom_pub.rsa_pub);
  return {
    hash: hash.denomination({ cipher: 'RSA', ageMask: found.denom_pub.age_mask, rsaPub }),
    value: found.value,
    fee: found.fee_withdraw,
  };
}

/** Any number below the modulus is a planchet to the exchange; only its wallet could make a coin of it. */
function withdrawal({ pub, sign }: Reserve, denomination: Denomination, coins: number): PreparedRequest {
  const { units, currency } = parseAmount(denomination.value);
  const amountWithFee = { currency, units: units + parseAmount(denomination.fee).units };
  const planchets = Array.from({ length: coins }, () => {
    const blinded = randomBytes(BITS / 8);
    blinded[0] = 1 + ((blinded[0] as number) & 0x3f);
    const hCoinEnvelope = hash.envelope(denomination.hash, { cipher: 'RSA', blindedPlanchet: blinded });
    const signed = message('WithdrawRequest', { amountWithFee, hDenominationPub: denomination.hash, hCoinEnvelope });
    return {
      denom_pub_hash: encodeBase32(denomination.hash),
      coin_ev: { cipher: 'RSA', rsa_blinded_planchet: encodeBase32(blinded) },
      reserve_sig: encodeBase32(sign(signed)),
    };
  });
  return coins === 1
    ? { method: 'POST', path: `reserves/${pub}/withdraw`, body: JSON.stringify(planchets[0]) }
    : { method: 'POST', path: `reserves/${pub}/batch-withdraw`, body: JSON.stringify({ planchets }) };
}

await main();
