import type { MemoryImage } from '@florin/event-store';
import { unitsOf } from './books.js';
import { Broken } from './broken.js';
import type { Acknowledged } from './history.js';

/*
 * What was acknowledged stands in the streams: for every answer that says that something was done, the event that did
 * it, with the signatures that the wallet got. And what stands there was acknowledged: nobody's coin was spent, and
 * nobody's coin was taken back, without an answer that says so.
 */

type Row = MemoryImage['rows'][number];
// biome-ignore lint/suspicious/noExplicitAny: JSON as it was sent or stored
type Data = any;

interface Found {
  readonly row: Row;
  readonly data: Data;
}

/** Events by stream, without the instance's name, and those that carry a signature of the exchange, by it. */
class Streams {
  private readonly events = new Map<string, Found[]>();
  private readonly signed = new Map<string, Found>();

  constructor(rows: readonly Row[]) {
    for (const row of rows) {
      const name = row.stream.slice(row.stream.indexOf('.') + 1);
      const found = { row, data: JSON.parse(row.text) as Data };
      const held = this.events.get(name);
      if (held) held.push(found);
      else this.events.set(name, [found]);
      for (const [, signature] of row.text.matchAll(/"exchangeSignature":"([0-9A-Z]+)"/g)) {
        this.signed.set(signature as string, found);
      }
    }
  }

  of(name: string): readonly Found[] {
    return this.events.get(name) ?? [];
  }

  confirmedBy(signature: string): Found | undefined {
    return this.signed.get(signature);
  }
}

type Check = (key: string, asked: Data, told: Data, streams: Streams, call: Acknowledged['call']) => boolean;

/** By the form of the path; the check says whether the answer is found. */
const CHECKS: readonly (readonly [RegExp, Check])[] = [
  [/^\/reserves\/([^/]+)\/batch-withdraw$/, (key, _asked, told, streams) => isWithdrawn(key, told, streams)],
  [/^\/csr-withdraw()$/, () => true],
  [/^\/purses\/([^/]+)\/(?:create|deposit)$/, areDeposited],
  [/^\/purses\/([^/]+)\/merge$/, (key, _asked, told, streams) => isMerged(key, told, streams)],
  [/^\/reserves\/([^/]+)\/purse$/, (key, asked, told, streams) => isRequested(key, asked, told, streams)],
  [/^\/purses\/([^/]+)$/, (key, _asked, _told, streams, call) => isDeleted(key, streams, call)],
  [/^\/reserves\/([^/]+)\/close$/, isClosed],
  [/^\/recoup-withdraw()$/, areRecouped],
  [
    /^\/coins\/([^/]+)\/recoup$/,
    (key, asked, told, streams) => isRecouped(key, told.reserve_pub, asked.coin_sig, streams),
  ],
  [
    /^\/management\/denominations\/([^/]+)\/revoke$/,
    (key, _asked, _told, streams) =>
      streams.of('keys').some(({ row, data }) => row.type === 'DenominationRevoked' && data.denominationHash === key),
  ],
];

/** @throws Broken naming the first answer that is not found, or the first event that nobody was told of */
export function checkAcknowledged(acknowledged: readonly Acknowledged[], rows: readonly Row[]): void {
  const streams = new Streams(rows);
  const said = new Set<string>();
  for (const { call, answer } of acknowledged) {
    const [path = ''] = call.path.split('?');
    const [pattern, check] = CHECKS.find(([form]) => form.test(path)) ?? [];
    if (!pattern || !check) throw new Broken(`nobody knows what an answer to ${path} says`);
    const asked = call.body === undefined ? {} : JSON.parse(call.body);
    const told = answer.text === '' ? {} : JSON.parse(answer.text);
    const found = check(pattern.exec(path)?.[1] ?? '', asked, told, streams, call);
    if (!found) throw new Broken(`acknowledged and not in the streams: ${path} ${call.body} ${answer.text}`);
    for (const { coin_sig } of [asked, ...(asked.deposits ?? []), ...(asked.coin_data ?? [])]) said.add(coin_sig);
  }
  for (const { type, stream, text } of rows) {
    if (type !== 'CoinSpentIntoPurse' && type !== 'CoinRecouped') continue;
    const { coinSignature } = JSON.parse(text) as Data;
    if (!said.has(coinSignature)) throw new Broken(`${type} on ${stream}, and nobody was told`);
  }
}

function isWithdrawn(reservePub: string, told: Data, streams: Streams): boolean {
  const signatures = new Set<string>();
  for (const { row, data } of streams.of(`reserve-${reservePub}`)) {
    if (row.type !== 'CoinsWithdrawn') continue;
    for (const { blindSignature } of data.coins) signatures.add(blindSignature.signature ?? blindSignature.s);
  }
  return told.ev_sigs.every(({ ev_sig }: Data) => signatures.has(ev_sig.blinded_rsa_signature ?? ev_sig.s));
}

function areDeposited(pursePub: string, asked: Data, told: Data, streams: Streams): boolean {
  const confirmation = streams.confirmedBy(told.exchange_sig);
  if (!confirmation) return false;
  const { row, data } = confirmation;
  if (row.type === 'PurseMergedIntoReserve' ? data.pursePub !== pursePub : !row.stream.endsWith(pursePub)) return false;
  return asked.deposits.every(({ coin_pub, coin_sig }: Data) =>
    streams
      .of(`coin-${coin_pub}`)
      .some(({ row, data }) => row.type === 'CoinSpentIntoPurse' && data.coinSignature === coin_sig),
  );
}

function isMerged(pursePub: string, told: Data, streams: Streams): boolean {
  const found = streams.confirmedBy(told.exchange_sig);
  const isFound = found?.row.type === 'PurseMergedIntoReserve' && found.data.pursePub === pursePub;
  return isFound && unitsOf(found.data.target) === unitsOf(told.merge_amount);
}

function isRequested(reservePub: string, asked: Data, told: Data, streams: Streams): boolean {
  const found = streams.confirmedBy(told.exchange_sig);
  const isFound = found?.row.type === 'PurseRequested' && found.data.pursePub === asked.purse_pub;
  return isFound && found.row.stream.endsWith(reservePub);
}

function isDeleted(pursePub: string, streams: Streams, { headers }: Acknowledged['call']): boolean {
  const signature = headers?.['Taler-Purse-Signature'];
  return streams
    .of(`purse-${pursePub}`)
    .some(({ row, data }) => row.type === 'PurseDeleted' && data.purseSignature === signature);
}

function isClosed(reservePub: string, asked: Data, told: Data, streams: Streams): boolean {
  return streams.of(`reserve-${reservePub}`).some(({ row, data }) => {
    if (row.type !== 'ReserveClosed' && row.type !== 'CloseRequested') return false;
    const wired = row.type === 'ReserveClosed' ? unitsOf(data.wireAmount) : 0n;
    return data.reserveSignature === asked.reserve_sig && wired === unitsOf(told.wire_amount);
  });
}

function areRecouped(_key: string, asked: Data, _told: Data, streams: Streams): boolean {
  const disclosed = asked.coin_data.filter(({ type }: Data) => type === 'recoup_coin_details');
  return disclosed.every(({ coin_pub, coin_sig }: Data) => isRecouped(coin_pub, asked.reserve_pub, coin_sig, streams));
}

function isRecouped(coinPub: string, reservePub: string, coinSignature: string, streams: Streams): boolean {
  return streams.of(`coin-${coinPub}`).some(({ row, data }) => {
    const isThis = row.type === 'CoinRecouped' && data.coinSignature === coinSignature;
    return isThis && data.reservePub === reservePub;
  });
}
