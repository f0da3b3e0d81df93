/** What the exchange of an endless history offers, as its first events say it. */
import { encodeBase32 } from '@florin/encoding';
import { wallet } from '../e2e/support/oracle.js';
import type { Endless, Item } from './endless.js';
import { bytes, money } from './endless-keys.js';
import { CENT, CURRENCY, type Data, textOf } from './insider.js';

export const [VALUE, FEE, DEPOSIT_FEE, CLOSING_FEE] = [100n * CENT, CENT, CENT, 5n * CENT];
export const METHOD = 'x-taler-bank';
const ACCOUNT = `payto://${METHOD}/localhost/main?receiver-name=Main`;
/** How many events of `keys` there are. */
export const KEYS_REVISION = 7;
export const [CLOSING_DELAY, LEGAL_DELAY] = [28 * 86_400, 7 * 365 * 86_400];
export const BASE_URL = 'https://exchange.example/';

/** The events of `keys`, each vouched for by the master key. */
export function termsOf({ keys, master, signingKey, logKey, now: at }: Endless): Item[] {
  const masterPub = bytes(master.pub);
  const [start, end] = [0, 4_000_000_000];
  const stamps = { start, expireWithdraw: end, expireDeposit: end + 1, expireLegal: end + 2 };
  const none = money(0n);
  const [value, withdraw, deposit] = [money(VALUE), money(FEE), money(DEPOSIT_FEE)];
  const denomination = keys.sign(master, 'DenominationKeyValidity', () => {
    const fees = { withdraw, deposit, refresh: none, refund: none };
    return { master: masterPub, ...stamps, value, fees, denomHash: bytes(keys.denominationHash) };
  });
  const signing = keys.sign(master, 'ExchangeSigningKeyValidity', () => {
    return { start, expire: end, end, signkeyPub: bytes(signingKey.pub) };
  });
  const log = keys.sign(master, 'LogKeyValidity', () => ({ logPub: bytes(logKey.pub), start }));
  const wire = keys.sign(master, 'MasterWireFee', () => {
    const fees = { wire: none, closing: money(CLOSING_FEE) };
    return { hWireMethod: wallet.hash.text(METHOD), startDate: start, endDate: end, fees };
  });
  const global = keys.sign(master, 'MasterGlobalFee', () => {
    const [purseTimeout, historyExpiration] = [1, 1];
    const fees = { history: none, account: none, purse: none };
    return { startDate: start, endDate: end, purseTimeout, historyExpiration, fees, purseAccountLimit: 5 };
  });
  const restrictions = wallet.hash.json([]);
  const open = { hConversionUrl: undefined, hDebitRestrictions: restrictions, hCreditRestrictions: restrictions };
  const hPayto = wallet.hash.fullPayto(ACCOUNT);
  const masterSignatureAdd = keys.sign(master, 'MasterAddWire', () => ({ startDate: start, hPayto, ...open }));
  const masterSignatureWire = keys.sign(master, 'MasterWireDetails', () => ({ hWireDetails: hPayto, ...open }));
  const [free, since] = [textOf(0n), { start, at }];
  const events: [string, Data][] = [
    [
      'ExchangeConfigured',
      {
        masterPub: master.pub,
        currency: CURRENCY,
        baseUrl: BASE_URL,
        roundUnit: textOf(CENT),
        reserveClosingDelayS: CLOSING_DELAY,
        legalDelayS: LEGAL_DELAY,
        at,
      },
    ],
    ['LogKeyOffered', { logPub: logKey.pub, masterSignature: log, ...since }],
    ['SigningKeyOffered', { exchangePub: signingKey.pub, expire: end, end, masterSignature: signing, ...since }],
    ['WireAccountEnabled', { account: 'main', paytoUri: ACCOUNT, masterSignatureAdd, masterSignatureWire, ...since }],
    [
      'WireFeesSet',
      { method: METHOD, wireFee: free, closingFee: textOf(CLOSING_FEE), end, masterSignature: wire, ...since },
    ],
    [
      'GlobalFeesSet',
      {
        historyFee: free,
        accountFee: free,
        purseFee: free,
        purseTimeoutUs: 1,
        historyExpirationUs: 1,
        purseAccountLimit: 5,
        end,
        masterSignature: global,
        ...since,
      },
    ],
    [
      'DenominationOffered',
      {
        denominationHash: keys.denominationHash,
        key: { cipher: 'RSA', rsaPub: encodeBase32(keys.rsaPub) },
        ageMask: 0,
        value: textOf(VALUE),
        feeWithdraw: textOf(FEE),
        feeDeposit: textOf(DEPOSIT_FEE),
        feeRefresh: free,
        feeRefund: free,
        ...stamps,
        masterSignature: denomination,
        at,
      },
    ],
  ];
  return events.map(([type, data]) => ['endless.keys', type, data]);
}
