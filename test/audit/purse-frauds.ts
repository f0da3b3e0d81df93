/** What somebody inside might do with coins, purses, recoups and officers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeBase32, encodeBase32, message, utf8 } from '@florin/encoding';
import { type Key, newKey, oracle } from '../e2e/support/oracle.js';
import { type Fraud, fraud } from './frauds.js';
import { type Data, forged, type Insider, noise, plus, unitsOf, type Written } from './insider.js';
import { confirmation, mint, ownMerge, ownPurse, ownRequest } from './own-wallet.js';

const TEN = 'KUDOS:10';
const own = (insider: Insider, amount = TEN) => ({ coin: mint(insider, insider.offer(TEN)), amount });
/** The purse that is merged after two payments, and the others by what became of them. */
const push = (insider: Insider): Written => insider.the('PurseCreated', ({ data }) => data.minAge === 14);
const refunded = (insider: Insider): Written =>
  insider.the('PurseCoinsRefunded', ({ data }) => data.coins.length === 2);
const pull = (insider: Insider): Written => insider.the('PurseRequested', ({ data }) => data.paidFrom === 'fee');

/** Confirms a purse's deposit anew. */
function confirmAnew(insider: Insider, event: Written, units: bigint): void {
  const created = insider.the('PurseCreated', ({ stream }) => stream === event.stream).data;
  const pursePub = event.stream.split('-')[1] as string;
  event.data.confirmation = confirmation(insider, { pursePub, ...created }, units, event.data.at);
}

export const COIN_FRAUDS: readonly Fraud[] = [
  fraud('bad-signature-coin', 'a coin that no denomination signed', (insider) => {
    const paid = own(insider);
    const { signature } = mint(insider, insider.offer('KUDOS:5'));
    insider.insert(ownPurse(insider, [{ ...paid, coin: { ...paid.coin, signature } }]).unit);
  }),
  fraud('bad-signature-purse-deposit', 'a payment that the coin did not sign', (insider) => {
    const spent = insider.the('CoinSpentIntoPurse', ({ data }) => data.amount === 'KUDOS:0.5');
    const signature = forged();
    spent.data.coinSignature = signature;
    insider.beside(spent, 'PurseDeposited').data.deposits[0].coinSignature = signature;
  }),
  fraud('coin-overspent', 'one coin pays twice', (insider) => {
    const paid = own(insider);
    insider.insert(ownPurse(insider, [paid]).unit);
    insider.insert(ownPurse(insider, [{ ...paid, first: false }]).unit);
  }),
  fraud('coin-identity-wrong', 'a coin comes back as one of another denomination', (insider) => {
    const key = newKey();
    const first = mint(insider, insider.offer(TEN), key);
    const second = mint(insider, insider.offer('KUDOS:5'), key);
    insider.insert(ownPurse(insider, [{ coin: first, amount: 'KUDOS:1' }]).unit);
    insider.insert(ownPurse(insider, [{ coin: second, amount: 'KUDOS:1' }]).unit);
  }),
  fraud('emergency-count', 'more coins than were issued', (insider) => {
    const pays = Array.from({ length: 3 }, () => own(insider, 'KUDOS:1'));
    insider.insert(ownPurse(insider, pays).unit);
  }),
  fraud(['emergency-value', 'emergency-count'], 'more money than was issued', (insider) => {
    insider.insert(
      ownPurse(
        insider,
        Array.from({ length: 3 }, () => own(insider)),
      ).unit,
    );
  }),
  fraud(['purse-refund-wrong', 'coin-restored-above-value'], 'a coin is refunded twice', (insider) => {
    insider.repeat(refunded(insider), refunded(insider));
  }),
  fraud('coin-counted-twice', 'one coin stands twice in a recoup', (insider) => {
    const recouped = insider.the('CoinsRecouped');
    recouped.data.coins.push({ ...recouped.data.coins[0] });
    recouped.data.amount = plus(recouped.data.amount, unitsOf(recouped.data.amount));
  }),
  fraud('deposit-fee-wrong', 'a friend pays no deposit fee', (insider) => {
    insider.insert(ownPurse(insider, [{ ...own(insider), depositFee: 'KUDOS:0' }]).unit);
  }),
  fraud('deposit-without-coin', 'a purse is paid by nothing', (insider) => {
    const { unit } = ownPurse(insider, [own(insider)]);
    insider.insert(unit.slice(1));
  }),
  fraud('deposit-withheld', 'a coin pays and the purse gets nothing', (insider) => {
    const { unit } = ownPurse(insider, [own(insider)]);
    insider.insert(unit.slice(0, 1));
  }),
  fraud('deposit-mismatch', 'a purse gets a unit more than the coin paid', (insider) => {
    const purse = ownPurse(insider, [own(insider)]);
    const { data, stream } = purse.unit[1] as { data: Data; stream: string };
    data.deposits[0].amount = plus(TEN, 1n);
    const pursePub = stream.split('-')[1] as string;
    data.confirmation = confirmation(insider, { pursePub, ...purse.terms }, purse.balance + 1n, data.at);
    insider.insert(purse.unit);
  }),
];

export const PURSE_FRAUDS: readonly Fraud[] = [
  fraud('bad-signature-purse-create', 'terms that the purse did not sign', (insider) => {
    push(insider).data.purseSignature = forged();
  }),
  fraud('bad-signature-purse-contract', 'a contract that the purse did not sign', (insider) => {
    push(insider).data.contract.econtractSignature = forged();
  }),
  fraud('bad-signature-purse-merge', 'a merge by somebody else', (insider) => {
    insider.the('PurseMerged', ({ stream }) => stream === push(insider).stream).data.mergeSignature = forged();
  }),
  fraud('bad-signature-purse-delete', 'an end that the purse did not want', (insider) => {
    insider.the('PurseDeleted').data.purseSignature = forged();
  }),
  fraud('bad-signature-account-merge', 'a reserve that did not agree', (insider) => {
    insider.the('PurseMergedIntoReserve', ({ data }) => data.paidFrom === 'merge').data.reserveSignature = forged();
  }),
  fraud('bad-signature-exchange', 'a confirmation by no key of the exchange', (insider) => {
    insider.the('PurseDeposited').data.confirmation.exchangeSignature = forged();
  }),
  fraud('bad-signature-exchange', 'a confirmation by a key that nobody vouched for', (insider) => {
    const key = newKey();
    insider.sign = (signed) => ({ exchangePub: key.pub, exchangeSignature: key.sign(signed) });
    const deposited = insider.the('PurseDeposited');
    confirmAnew(insider, deposited, unitsOf(deposited.data.confirmation.totalDeposited));
  }),
  fraud('bad-signature-exchange', 'a confirmation that is dated otherwise than its event', (insider) => {
    const deposited = insider.the('PurseDeposited');
    const { at } = deposited.data;
    deposited.data.at = at + 30;
    confirmAnew(insider, deposited, unitsOf(deposited.data.confirmation.totalDeposited));
    deposited.data.at = at;
  }),
  fraud('bad-signature-exchange', 'a payment that was not confirmed', (insider) => {
    const { unit } = ownPurse(insider, [own(insider)]);
    delete (unit[1] as { data: Data }).data.confirmation;
    insider.insert(unit);
  }),
  fraud(
    ['bad-signature-exchange', 'reserve-dates-wrong'],
    'a payment that filled a requested purse and was not confirmed',
    (insider) => {
      delete insider.the('PurseMergedIntoReserve', ({ data }) => data.depositConfirmation).data.depositConfirmation;
    },
  ),
  fraud('bad-signature-age', 'an age that nobody attested', (insider) => {
    push(insider).data.deposits[1].ageProof.attestation = forged();
  }),
  fraud('age-proof-missing', 'an age that nobody proved', (insider) => {
    delete push(insider).data.deposits[1].ageProof;
  }),
  fraud('base-url-unknown', 'a merge for another exchange', (insider) => {
    const purse = ownPurse(insider, [own(insider)]);
    insider.insert(purse.unit);
    insider.insert(ownMerge(insider, purse, { reserve: { exchangeBaseUrl: 'https://other.example/' } }).unit);
  }),
  fraud('purse-balance-wrong', 'more is confirmed than was paid', (insider) => {
    const deposited = insider.the('PurseDeposited');
    confirmAnew(insider, deposited, unitsOf(deposited.data.confirmation.totalDeposited) + 1n);
  }),
  fraud('purse-expired-early', 'a purse is ended before its time', (insider) => {
    const { stream, data } = insider.the('PurseExpired');
    data.at = insider.the('PurseCreated', (event) => event.stream === stream).data.expiresAt - 1;
  }),
  fraud('purse-after-expiry', 'a purse is made after its time', (insider) => {
    const at = Math.floor((insider.events.at(-1)?.writtenAtUs ?? 0) / 1e6);
    insider.insert(ownPurse(insider, [own(insider)], { expiresAt: at - 60 }).unit);
  }),
  fraud('purse-decided-twice', 'a merged purse expires', (insider) => {
    const merged = insider.the('PurseMerged');
    insider.insert([{ stream: merged.stream, type: 'PurseExpired', data: { at: merged.data.at } }], merged);
  }),
  fraud('purse-not-full', 'a purse is merged before it is full', (insider) => {
    const purse = ownPurse(insider, [own(insider)], { target: 'KUDOS:20' });
    insider.insert(purse.unit);
    insider.insert(ownMerge(insider, purse).unit);
  }),
  fraud('purse-merge-wrong', 'the excess of a purse disappears', (insider) => {
    const purse = ownPurse(insider, [own(insider)]);
    insider.insert(purse.unit);
    insider.insert(ownMerge(insider, purse, { purse: { excess: 'KUDOS:0' } }).unit);
  }),
  fraud('base-url-unknown', 'a merge that was meant for another exchange', (insider) => {
    const purse = ownPurse(insider, [own(insider)]);
    insider.insert(purse.unit);
    insider.insert(ownMerge(insider, purse, { provider: 'https://other.example/' }).unit);
  }),
  fraud('purse-below-fee', 'a purse for less than its fee', (insider) => {
    insider.insert(ownPurse(insider, [own(insider, 'KUDOS:0.02')]).unit);
  }),
  fraud(['purse-fee-wrong', 'bad-signature-account-merge'], 'a purse for half the fee', (insider) => {
    const requested = pull(insider);
    const created = insider.beside(requested, 'PurseCreated');
    requested.data.purseFee = 'KUDOS:0.02';
    created.data.request.purseFee = 'KUDOS:0.02';
    insider.remove(...insider.unitOf(insider.the('PurseMerged', ({ stream }) => stream === created.stream)));
    const { stream } = created;
    insider.remove(...insider.events.filter((event) => event.stream === stream && event !== created));
  }),
  fraud('purse-quota-exceeded', 'more purses than the quota allows', (insider) => {
    const reserve = newKey();
    for (let count = 0; count < 6; count += 1) insider.insert(ownRequest(insider, reserve));
  }),
  fraud('purse-refund-wrong', 'a coin gets back a unit less than it paid', (insider) => {
    const given = refunded(insider);
    const [coin] = given.data.coins;
    coin.amount = plus(coin.amount, -1n);
    const stream = `${insider.instance}.coin-${coin.coinPub}`;
    insider.beside(given, 'CoinRefundedFromPurse', (event) => event.stream === stream).data.amount = coin.amount;
  }),
  fraud(['purse-refund-invented', 'coin-restored-above-value'], 'a coin is refunded by no purse', (insider) => {
    const back = insider.beside(refunded(insider), 'CoinRefundedFromPurse');
    insider.insert([{ stream: back.stream, type: back.type, data: { ...back.data } }], back);
  }),
  fraud('purse-refund-withheld', 'a refund that did not reach its coin', (insider) => {
    const { stream } = insider.the(
      'CoinSpentIntoPurse',
      ({ data }) =>
        data.firstSight?.denominationSignature.cipher === 'RSA' &&
        data.pursePub === refunded(insider).stream.split('-')[1],
    );
    insider.remove(insider.the('CoinRefundedFromPurse', (event) => event.stream === stream));
  }),
  fraud('purse-contract-wrong', 'another contract than was signed', (insider) => {
    push(insider).data.contract.econtract = noise(100);
  }),
  fraud('merge-invented', 'a reserve gets money from no purse', (insider) => {
    const purse = ownPurse(insider, [own(insider)]);
    insider.insert(purse.unit);
    insider.insert(ownMerge(insider, purse).unit.slice(1));
  }),
  fraud('merge-withheld', 'a merge that did not reach its reserve', (insider) => {
    insider.remove(insider.the('PurseMergedIntoReserve', ({ data }) => data.paidFrom === 'fee'));
  }),
  fraud('merge-mismatch', 'a reserve gets more than the purse gives', (insider) => {
    const purse = ownPurse(insider, [own(insider)]);
    insider.insert(purse.unit);
    insider.insert(ownMerge(insider, purse, { reserve: { target: 'KUDOS:9' } }).unit);
  }),
  fraud('request-mismatch', 'a deletion that the reserve does not know of', (insider) => {
    insider.remove(insider.the('RequestedPurseDeleted'));
  }),
];

export const RECOUP_FRAUDS: readonly Fraud[] = [
  fraud('bad-signature-recoup', 'a recoup that the coin did not sign', (insider) => {
    insider.the('CoinRecouped').data.coinSignature = forged();
  }),
  fraud('recoup-not-revoked', 'a recoup before anybody revoked', (insider) => {
    const recouped = insider.the('CoinRecouped');
    for (const { data } of insider.unitOf(recouped)) data.keysRevision -= 1;
  }),
  fraud('recoup-amount-wrong', 'a recoup of a unit less than was left', (insider) => {
    const recouped = insider.the('CoinRecouped');
    const reserve = insider.beside(recouped, 'CoinsRecouped').data;
    for (const place of [recouped.data, reserve, reserve.coins[0]]) place.amount = plus(place.amount, -1n);
  }),
  fraud('withdraw-commitment-wrong', 'a recoup out of another withdrawal', (insider) => {
    insider.the('CoinsRecouped').data.commitment = insider.the('CoinsWithdrawn').data.commitment;
  }),
  fraud(['recoup-unknown-envelope', 'recoup-envelope-wrong'], 'a recoup of what was never withdrawn', (insider) => {
    const recouped = insider.the('CoinRecouped');
    const envelopeHash = noise(64);
    recouped.data.envelopeHash = envelopeHash;
    insider.beside(recouped, 'CoinsRecouped').data.coins[0].envelopeHash = envelopeHash;
  }),
  fraud(['recoup-envelope-wrong', 'bad-signature-recoup'], 'a recoup with another secret', (insider) => {
    insider.the('CoinRecouped').data.blindingSecret = noise(32);
  }),
  fraud('recoup-invented', 'a reserve gets a recoup from no coin', (insider) => {
    insider.remove(insider.the('CoinRecouped'));
  }),
  fraud('recoup-withheld', 'a recoup that did not reach its reserve', (insider) => {
    insider.remove(insider.the('CoinsRecouped'));
  }),
  fraud('recoup-mismatch', 'a recoup that pays a unit more', (insider) => {
    const { data } = insider.the('CoinsRecouped');
    data.amount = plus(data.amount, 1n);
    data.coins[0].amount = plus(data.coins[0].amount, 1n);
  }),
];

export const EMPTY_FRAUDS: readonly Fraud[] = [
  fraud('event-malformed', 'a withdrawal of nothing', (insider) => {
    const withdrawn = insider.all('CoinsWithdrawn').at(-1) as Written;
    const commitment = encodeBase32(oracle.hash.withdrawCommitment([]));
    const counted = insider.unitOf(withdrawn).filter(({ type }) => type === 'WithdrawalCounted');
    const nothing = { ...withdrawn.data, coins: [], cost: 'KUDOS:0', commitment };
    insider.insert(
      [
        ...counted.map(({ stream, type, data }) => ({ stream, type, data: { ...data, amount: 'KUDOS:0' } })),
        { stream: withdrawn.stream, type: withdrawn.type, data: nothing },
      ],
      withdrawn,
    );
  }),
  fraud('event-malformed', 'a recoup of nothing', (insider) => {
    const { stream, type, data } = insider.the('CoinsRecouped');
    insider.insert([{ stream, type, data: { ...data, coins: [], amount: 'KUDOS:0' } }], insider.the('CoinsRecouped'));
  }),
  fraud('event-malformed', 'a refund of nothing', (insider) => {
    const { stream, type, data } = refunded(insider);
    insider.insert([{ stream, type, data: { ...data, coins: [] } }], refunded(insider));
  }),
  fraud('event-malformed', 'a payment of nothing', (insider) => {
    const deposited = insider.the('PurseDeposited');
    const { stream, type, data } = deposited;
    insider.insert([{ stream, type, data: { ...data, deposits: [] } }], deposited);
  }),
];

export const OFFICER_FRAUDS: readonly Fraud[] = [
  fraud('bad-signature-officer', 'a decision that the officer did not sign', (insider) => {
    insider.the('LegitimizationDecided').data.officerSignature = forged();
  }),
  fraud('officer-unknown', 'a decision by somebody who is no officer', (insider) => {
    const decided = insider.the('LegitimizationDecided');
    decide(decided, {}, newKey());
  }),
  fraud('requirement-wrong', 'a case out of count', (insider) => {
    insider.the('LegitimizationRequired').data.requirement = 5;
  }),
  fraud('requirement-wrong', 'a second case of one rule', (insider) => {
    const { stream, type, data } = insider.the('LegitimizationRequired');
    insider.insert([{ stream, type, data: { ...data, requirement: data.requirement + 1 } }]);
  }),
  fraud('decision-stale', 'a decision that is shown again', (insider) => {
    const { stream, type, data } = insider.the('LegitimizationDecided');
    insider.insert([{ stream, type, data }]);
  }),
  fraud(['decision-stale', 'close-target-unlegitimized'], 'an approval of before a refusal', (insider) => {
    const closed = insider.the('ReserveClosed', ({ data }) => data.designatedHash);
    const account = `${insider.instance}.account-${closed.data.targetAccount}`;
    const decided = insider.the('LegitimizationDecided', ({ stream }) => stream === account);
    const approval = structuredClone(decided.data);
    decide(decided, { approved: false, decidedAt: approval.decidedAt + 1 }, officer(insider));
    insider.insert([{ stream: account, type: decided.type, data: approval }], decided);
  }),
  fraud('close-target-unlegitimized', 'a closing to somebody who was refused', (insider) => {
    const closed = insider.the('ReserveClosed', ({ data }) => data.designatedHash);
    const account = `${insider.instance}.account-${closed.data.targetAccount}`;
    const decided = insider.the('LegitimizationDecided', ({ stream }) => stream === account);
    decide(decided, { approved: false }, officer(insider));
  }),
  fraud('age-limit-ignored', 'coins without the age that an officer ordered', (insider) => {
    const decided = insider.all('LegitimizationDecided').at(-1) as Written;
    decide(decided, { maximumAges: [{ from: 1, age: 12 }] }, officer(insider));
  }),
];

/** Where the officer's key is kept online, an insider has it. */
function officer(insider: Insider): Key {
  const { priv } = JSON.parse(readFileSync(join(insider.keysFolder, 'officer.json'), 'utf8')) as { priv: string };
  return newKey(decodeBase32(priv, 32));
}

/** Changes a decision, and signs it anew. */
function decide(decided: Written, change: Data, key: Key): void {
  const { data, stream } = decided;
  Object.assign(data, change, { officerPub: key.pub });
  const maximum_ages = data.maximumAges.map(({ from, age }: Data) => ({ age, from }));
  const properties = { approved: data.approved, maximum_ages, requirement_row: data.requirement };
  const signed = message('AmlDecision', {
    decisionTime: data.decidedAt,
    hPayto: decodeBase32(stream.split('-')[1] as string, 32),
    hJustification: oracle.hash.sha512(utf8(data.justification)),
    hProperties: oracle.hash.json(properties),
    hNewRules: oracle.hash.json({}),
    hNewMeasure: undefined,
    flags: 0n,
  });
  data.officerSignature = key.sign(signed);
}
