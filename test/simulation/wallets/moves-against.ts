/** What wallets do on purpose although they must not, and what they do over and over. */
import type { Payment } from '@florin/client';
import { ErrorCode as E, encodeBase32, message } from '@florin/encoding';
import { Broken } from './broken.js';
import type { Answer, Call } from './exchange.js';
import type { Move } from './moves.js';
import { canPay, createPurse, draftPurse, handOver, MERGE_CODES, PAY_CODES, spendable } from './moves-purses.js';
import { money, type Wallet } from './wallet.js';

const CENT = 1_000_000n;

/** All that the coin was ever worth. */
const whole = ({ coin }: { coin: Payment['coin'] }): Payment => ({ coin, amount: coin.value });

function kindOfRepeat({ call, answer }: Wallet['sent'][number], again: Answer | undefined): string {
  if (!again) return 'answer lost';
  if (again.status === 503 || again.headers['retry-after'] !== undefined) return 'told to come again';
  if (answer.status >= 300) return 'repeated a refused request';
  // The summary after a recoup shows the present, and a coin that came back since is taken again or refused.
  return call.path === '/recoup-withdraw' ? 'repeated a recoup' : 'repeated a request';
}

/** Sends a request again as it was, and compares the answers. */
async function repeat(wallet: Wallet, { call, answer }: Wallet['sent'][number]): Promise<void> {
  const again = await wallet.send(call);
  const { tally } = wallet.world;
  const kind = kindOfRepeat({ call, answer }, again);
  tally.count(kind);
  if (kind !== 'repeated a request' || (again?.status === answer.status && again.text === answer.text)) return;
  const said = `${again?.status} ${again?.text} instead of ${answer.status} ${answer.text}`;
  throw new Broken(`${wallet.name} repeats ${call.method} ${call.path} and is told ${said}`);
}

/** Purses that were made with coins of this wallet. */
const paidPurses = ({ purses }: Wallet) => purses.filter(({ payments }) => payments.length > 0);
const hasPurse = (wallet: Wallet): boolean => paidPurses(wallet).length > 0;

export const MOVES_AGAINST_THE_RULES: readonly Move[] = [
  {
    name: 'repeat a request',
    weight: 32,
    isPossible: ({ sent }) => sent.length > 0,
    make: (wallet) => repeat(wallet, wallet.random.pick(wallet.sent)),
  },
  {
    name: 'repeat a request several times at once',
    weight: 2,
    isPossible: ({ sent }) => sent.length > 0,
    async make(wallet) {
      const sent = wallet.random.pick(wallet.sent);
      await Promise.all([1, 2, 3].map(() => repeat(wallet, sent)));
    },
  },
  {
    name: 'spend a coin twice',
    weight: 2,
    isPossible: ({ coins }) => coins.some(({ coin, left }) => left < coin.value.units),
    async make(wallet) {
      const { random, coins } = wallet;
      const spent = random.pick(coins.filter(({ coin, left }) => left < coin.value.units));
      // All that it was ever worth, or the smallest unit more than it has.
      const isClose = spent.left > CENT && random.chance(0.5);
      const payment = isClose ? { coin: spent.coin, amount: money(spent.left + 1n) } : whole(spent);
      const purse = draftPurse(wallet, payment.amount.units - CENT, [payment]);
      if (await createPurse(wallet, 'spend a coin twice', purse)) handOver(wallet, purse);
    },
  },
  {
    name: 'race a coin into many purses',
    weight: 1,
    isPossible: canPay,
    async make(wallet) {
      const { random } = wallet;
      const coin = random.pick(spendable(wallet));
      const purses = Array.from({ length: 2 + random.below(4) }, () =>
        draftPurse(wallet, coin.coin.value.units - CENT, [whole(coin)]),
      );
      const won = await Promise.all(purses.map((purse) => createPurse(wallet, 'race a coin into a purse', purse)));
      wallet.world.tally.count('race won once', won.filter(Boolean).length === 1 ? 1 : 0);
      for (const purse of purses) if (wallet.purses.includes(purse)) handOver(wallet, purse);
    },
  },
  {
    name: 'race for a purse',
    weight: 0.8,
    isPossible: canPay,
    async make(wallet) {
      const coin = wallet.random.pick(spendable(wallet));
      const purse = draftPurse(wallet, coin.left - CENT, [{ coin: coin.coin, amount: money(coin.left) }]);
      if (await createPurse(wallet, 'pay into a purse', purse)) handOver(wallet, purse, 3);
    },
  },
  {
    name: 'make a purse again by other terms',
    weight: 1,
    isPossible: (wallet) => hasPurse(wallet) && canPay(wallet),
    async make(wallet) {
      const { client, random } = wallet;
      const { keys, contract, payments } = random.pick(paidPurses(wallet));
      const { amount, expiration } = contract;
      const other = client.purses.contract({ amount: money(amount.units + CENT), summary: 'a gift', expiration });
      const asked = { payments, purse: { pursePub: keys.pursePub, contract: other, mergePub: keys.mergePub } };
      const codes = [...PAY_CODES, E.EXCHANGE_PURSE_CREATE_CONFLICTING_META_DATA];
      const create = () => client.purses.create(keys, other, payments);
      const done = await wallet.attempt('make a purse again by other terms', create, { codes, asked });
      if (done) throw new Broken(`${wallet.name} made purse ${encodeBase32(keys.pursePub)} twice`);
    },
  },
  {
    name: 'pay another amount into a purse',
    weight: 1,
    isPossible: hasPurse,
    async make(wallet) {
      const { keys, contract, payments } = wallet.random.pick(paidPurses(wallet));
      const other = payments.map(({ coin, amount }) => ({ coin, amount: money(amount.units - 1_000_000n / 2n) }));
      const asked = { payments: other, purse: { pursePub: keys.pursePub, contract } };
      const codes = [
        ...PAY_CODES,
        E.EXCHANGE_PURSE_DEPOSIT_CONFLICTING_META_DATA,
        E.EXCHANGE_DEPOSIT_NEGATIVE_VALUE_AFTER_FEE,
      ];
      const deposit = () => wallet.client.purses.deposit(keys.pursePub, contract, other);
      const done = await wallet.attempt('pay another amount into a purse', deposit, { codes, asked });
      if (done) throw new Broken(`${wallet.name} paid twice into purse ${encodeBase32(keys.pursePub)} with one coin`);
    },
  },
  {
    name: 'merge with a wrong key',
    weight: 1,
    isPossible: ({ inbox, reserves }) => inbox.length > 0 && reserves.length > 0,
    async make(wallet) {
      const { client, random } = wallet;
      const { pursePub, contract } = random.pick(wallet.inbox);
      const { reservePriv } = random.pick(wallet.reserves);
      const stolen = { pursePub, contract, mergePriv: random.bytes(32) };
      const codes = [...MERGE_CODES, E.EXCHANGE_PURSE_MERGE_INVALID_MERGE_SIGNATURE];
      const merge = () => client.purses.merge(stolen, reservePriv);
      if (await wallet.attempt('merge with a wrong key', merge, { codes })) {
        throw new Broken(`${wallet.name} merged purse ${encodeBase32(pursePub)} without its key`);
      }
    },
  },
  {
    name: 'delete a purse of others',
    weight: 0.7,
    isPossible: ({ inbox }) => inbox.length > 0,
    async make(wallet) {
      const { pursePub } = wallet.random.pick(wallet.inbox);
      const { taler } = wallet.client;
      const signature = taler.eddsa.sign(message('PurseDelete', {}), wallet.random.bytes(32));
      const call: Call = {
        method: 'DELETE',
        path: `/purses/${encodeBase32(pursePub)}`,
        headers: { 'Taler-Purse-Signature': encodeBase32(signature) },
      };
      const answer = await wallet.send(call);
      wallet.world.tally.count('try to delete a purse of others');
      if (answer && answer.status !== 403)
        throw new Broken(`${wallet.name} may delete a purse of others: ${answer.text}`);
    },
  },
];
