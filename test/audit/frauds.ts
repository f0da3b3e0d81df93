/** What somebody inside might do: each fraud is well-formed, and each must be named by its code. */
import type { FindingCode } from '@florin/auditor';
import { CENT, forged, type Insider, noise, plus, unitsOf, type Written } from './insider.js';

export interface Fraud {
  /** The codes that must be found, and no others; the first names the fraud, the rest follow from it. */
  readonly codes: readonly [FindingCode, ...FindingCode[]];
  readonly what: string;
  readonly plant: (insider: Insider) => void;
}

export const fraud = (codes: Fraud['codes'] | FindingCode, what: string, plant: (insider: Insider) => void): Fraud => ({
  codes: typeof codes === 'string' ? [codes] : codes,
  what,
  plant,
});

const days = (count: number): number => count * 86_400;

/** Shifts a unit in time: what it says and when it was written. */
function shift(insider: Insider, event: Written, seconds: number): void {
  for (const one of insider.unitOf(event)) {
    one.writtenAtUs += seconds * 1e6;
    one.data.at += seconds;
    if (one.data.collectableAt) one.data.collectableAt += seconds;
    if (one.data.collectableAt && one.data.expiresAt) one.data.expiresAt += seconds;
  }
}

const bySum = (amount: string) => (event: Written) => event.data.amount === amount;
/** The withdrawal of 10, 10 and 5, and its unit. */
const large = (insider: Insider): Written => insider.the('CoinsWithdrawn', ({ data }) => data.coins.length === 3);
export const home = (insider: Insider): Written => insider.the('ReserveClosed', ({ data }) => !data.designatedHash);

export const LOG_FRAUDS: readonly Fraud[] = [
  fraud('event-damaged', 'a rotten byte in an event', (insider) => {
    const event = insider.the('ReserveFunded', ({ data }) => data.amount === 'KUDOS:0.5');
    event.leaf = new Uint8Array(32).fill(1);
    insider.root = undefined;
  }),
  fraud('event-missing', 'an event is gone', (insider) => {
    insider.events.forEach((event, place) => {
      event.index = place;
    });
    insider.size = insider.events.length;
    insider.remove(insider.the('AccountOwnerBound'));
  }),
  fraud('event-order', 'an event stands there once more', (insider) => {
    const event = insider.the('ExchangeConfigured');
    insider.insert([{ stream: event.stream, type: event.type, data: event.data }]);
    (insider.events.at(-1) as Written).number = 0;
  }),
  fraud('event-malformed', 'an event that no Florin writes', (insider) => {
    insider.the('AccountOwnerBound').data.bankRow = 'seven';
  }),
  fraud('unit-torn', 'a unit that begins nowhere', (insider) => {
    const last = insider.events.at(-1) as Written;
    last.unitFirst = 3;
  }),
  fraud('time-implausible', 'a unit that was written days later', (insider) => {
    for (const event of insider.unitOf(large(insider))) event.writtenAtUs += days(4) * 1e6;
  }),
  fraud('time-implausible', 'time goes back', (insider) => {
    shift(insider, insider.the('AccountOwnerBound'), -3600);
  }),
  fraud('event-malformed', 'keys beside the keys', (insider) => {
    const { stream, type, data } = insider.the('OfficerEnrolled');
    insider.insert([{ stream: `${stream}-2`, type, data }]);
  }),
  fraud('event-malformed', 'an event larger than a unit may be', (insider) => {
    const { stream, type, data } = insider.the('ExtensionsSet');
    insider.insert([{ stream, type, data: { ...data, manifest: 'A'.repeat(800_000) } }]);
  }),
  fraud('head-invalid', 'a head by a key that nobody vouched for', (insider) => {
    insider.logKey = { ...insider.signing };
  }),
  fraud('head-mismatch', 'a head over other events', (insider) => {
    insider.root = () => new Uint8Array(32).fill(7);
  }),
];

export const KEY_FRAUDS: readonly Fraud[] = [
  fraud('master-signature-invalid', 'the deposit fee of a denomination is raised', (insider) => {
    insider.offer('KUDOS:5', 'CS').feeDeposit = 'KUDOS:0.02';
  }),
  fraud('terms-changed', 'another master key', (insider) => {
    const { data, stream } = insider.the('ExchangeConfigured');
    insider.insert([{ stream, type: 'ExchangeConfigured', data: { ...data, masterPub: noise(32) } }]);
  }),
  fraud('denomination-hash-wrong', 'another key under the name of a denomination', (insider) => {
    insider.offer('KUDOS:5', 'CS').key = insider.offer('KUDOS:1', 'CS').key;
  }),
  fraud(
    ['denomination-terms-wrong', 'master-signature-invalid'],
    'a denomination that ends before it begins',
    (insider) => {
      const offer = insider.offer('KUDOS:5', 'CS');
      offer.expireWithdraw = offer.start - 1;
    },
  ),
  fraud('denomination-repeated', 'a denomination is offered again', (insider) => {
    const { stream } = insider.the('DenominationOffered');
    insider.insert([{ stream, type: 'DenominationOffered', data: { ...insider.offer('KUDOS:10') } }]);
  }),
  fraud(['denomination-unknown', 'keys-view-stale'], 'coins of a denomination that was not offered yet', (insider) => {
    const offered = insider.the('DenominationOffered', ({ data }) => data === insider.offer('KUDOS:10'));
    offered.unit = {};
    insider.remove(offered);
    insider.events.splice(insider.events.indexOf(large(insider)) + 1, 0, offered);
  }),
  fraud(
    ['denomination-not-valid', 'reserve-dates-wrong', 'reserve-not-closed', 'time-implausible'],
    'coins after the time of their denomination',
    (insider) => shift(insider, large(insider), days(40)),
  ),
  fraud(['denomination-revoked', 'reserve-dates-wrong'], 'coins of a denomination known to be revoked', (insider) => {
    const withdrawn = insider.all('CoinsWithdrawn').at(-1) as Written;
    const revoked = insider.the('DenominationRevoked');
    insider.moveBefore(revoked, withdrawn);
    withdrawn.data.keysRevision += 1;
    withdrawn.data.collectableAt += 1;
  }),
  fraud(['revocation-unknown', 'master-signature-invalid'], 'a revocation of what nobody offered', (insider) => {
    const { stream, data } = insider.the('DenominationRevoked');
    insider.insert([{ stream, type: 'DenominationRevoked', data: { ...data, denominationHash: noise(64) } }]);
  }),
  fraud(['fee-period-wrong', 'master-signature-invalid'], 'fees for a time that ends before it begins', (insider) => {
    const { stream, data } = insider.the('WireFeesSet');
    const backwards = { ...data, method: 'iban', start: data.end, end: data.start };
    insider.insert([{ stream, type: 'WireFeesSet', data: backwards }]);
  }),
  fraud('fee-period-overlap', 'fees are set twice for one time', (insider) => {
    const { stream, data } = insider.the('WireFeesSet');
    insider.insert([{ stream, type: 'WireFeesSet', data: { ...data } }]);
  }),
  fraud('fee-missing', 'a closing by a method without fees', (insider) => {
    home(insider).data.wireMethod = 'iban';
  }),
  fraud('keys-view-stale', 'a decision that knew the future', (insider) => {
    large(insider).data.keysRevision = 1_000;
  }),
  fraud('keys-view-stale', 'a decision on a view long overtaken', (insider) => {
    const recouped = insider.the('CoinsRecouped');
    shift(insider, recouped, 60);
    const { events } = insider;
    const known = events.filter(({ stream }) => stream.endsWith('.keys')).indexOf(insider.the('DenominationRevoked'));
    recouped.data.keysRevision = known;
  }),
];

export const RESERVE_FRAUDS: readonly Fraud[] = [
  fraud('bad-signature-withdraw', 'a withdrawal that the reserve did not sign', (insider) => {
    large(insider).data.coins[1].reserveSignature = forged();
  }),
  fraud('bad-signature-blind', 'an answer that is worth nothing', (insider) => {
    large(insider).data.coins[0].blindSignature.signature = large(insider).data.coins[1].blindSignature.signature;
  }),
  fraud('credit-invented', 'a reserve funded by nothing', (insider) => {
    const funded = insider.the('ReserveFunded');
    const data = { ...funded.data, amount: 'KUDOS:1000', bankRow: '999' };
    insider.insert([{ stream: `reserve-${noise(32)}`, type: 'ReserveFunded', data }], funded);
  }),
  fraud('credit-withheld', 'a credit that did not reach its reserve', (insider) => {
    const last = insider.all('ReserveFunded').filter(bySum('KUDOS:1')).at(-1) as Written;
    insider.remove(last);
  }),
  fraud('credit-mismatch', 'a balance off by one unit', (insider) => {
    const funded = insider.the('ReserveFunded', bySum('KUDOS:60'));
    funded.data.amount = plus('KUDOS:60', 1n);
  }),
  fraud('credit-row-repeated', 'a bank row booked twice', (insider) => {
    const booked = insider.all('CreditBooked').find(bySum('KUDOS:60')) as Written;
    insider.repeat(booked, booked);
  }),
  fraud('wire-account-unknown', 'a credit of an account that nobody enabled', (insider) => {
    const funded = insider.the('ReserveFunded', bySum('KUDOS:60'));
    insider.beside(funded, 'CreditBooked').stream = `${insider.instance}.wire-thief`;
    funded.data.wireAccount = 'thief';
  }),
  fraud('owner-mismatch', 'an account bound to another key', (insider) => {
    insider.the('AccountOwnerBound').data.accountPub = noise(32);
  }),
  fraud('reserve-overdrawn', 'a reserve that paid one unit more than it had', (insider) => {
    const coins = insider.the('CoinsWithdrawn', ({ data }) => data.coins.length === 4);
    const funded = insider.the('ReserveFunded', ({ stream }) => stream === coins.stream);
    for (const event of insider.unitOf(funded)) event.data.amount = plus(event.data.amount, -1n);
  }),
  fraud('reserve-dates-wrong', 'a reserve that expires a day early', (insider) => {
    const last = insider.all('ReserveFunded').at(-1) as Written;
    last.data.expiresAt -= days(1);
  }),
  fraud(['withdraw-price-wrong', 'bad-signature-withdraw'], 'a withdraw fee that is too high', (insider) => {
    const withdrawn = large(insider);
    withdrawn.data.coins[0].fee = plus(withdrawn.data.coins[0].fee, CENT);
    withdrawn.data.cost = plus(withdrawn.data.cost, CENT);
    insider.beside(withdrawn, 'WithdrawalCounted').data.amount = withdrawn.data.cost;
  }),
  fraud('withdraw-cost-wrong', 'a withdrawal that costs more than its coins', (insider) => {
    const withdrawn = large(insider);
    withdrawn.data.cost = plus(withdrawn.data.cost, 1n);
    insider.beside(withdrawn, 'WithdrawalCounted').data.amount = withdrawn.data.cost;
  }),
  fraud('withdraw-commitment-wrong', 'a withdrawal under another name', (insider) => {
    large(insider).data.commitment = noise(64);
  }),
  fraud(['envelope-hash-wrong', 'bad-signature-blind'], 'another envelope under a signed hash', (insider) => {
    const [first, second] = large(insider).data.coins;
    first.planchet = second.planchet;
  }),
  fraud('envelope-repeated', 'a repeated request is charged again', (insider) => {
    insider.repeat(large(insider), large(insider));
  }),
  fraud(['planchet-wrong', 'envelope-hash-wrong'], 'an envelope larger than its key', (insider) => {
    large(insider).data.coins[0].planchet.blinded = 'Z'.repeat(208);
  }),
  fraud('nonce-unclaimed', 'a nonce that was not claimed', (insider) => {
    insider.remove(insider.the('NonceUsed'));
  }),
  fraud('nonce-repeated', 'a nonce that was claimed twice', (insider) => {
    const claimed = insider.the('NonceUsed');
    insider.events.splice(insider.events.indexOf(claimed) + 1, 0, { ...claimed });
  }),
  fraud('nonce-mismatch', 'a nonce claimed for another coin', (insider) => {
    insider.the('NonceUsed').data.envelopeHash = noise(64);
  }),
  fraud('count-mismatch', 'a limit that counts less than was withdrawn', (insider) => {
    const counted = insider.beside(large(insider), 'WithdrawalCounted');
    counted.data.amount = plus(counted.data.amount, -unitsOf('KUDOS:20'));
  }),
  fraud('count-mismatch', 'a withdrawal that counts for somebody else', (insider) => {
    insider.beside(large(insider), 'WithdrawalCounted').stream = `${insider.instance}.account-${noise(32)}`;
  }),
];
