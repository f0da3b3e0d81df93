/** What was once signed and is shown again, and what is dated so that it seems to have been in time. */
import { type Fraud, fraud } from './frauds.js';
import type { Data, Insider } from './insider.js';
import { mint, ownPurse } from './own-wallet.js';

/** A word of the master key once more, at the end. */
function again(insider: Insider, type: string, change: Data = {}): void {
  const { stream, data } = insider.the(type);
  const at = Math.floor((insider.events.at(-1)?.writtenAtUs ?? 0) / 1e6);
  insider.insert([{ stream, type, data: { ...data, ...change, at } }]);
}

const own = (insider: Insider) => ({ coin: mint(insider, insider.offer('KUDOS:10')), amount: 'KUDOS:10' });

/** Writes the newest unit so many seconds after what it says. */
function late(insider: Insider, seconds: number): void {
  const { unit } = insider.events.at(-1) as Insider['events'][number];
  for (const event of insider.events) if (event.unit === unit) event.writtenAtUs += seconds * 1e6;
}

export const REPLAY_FRAUDS: readonly Fraud[] = [
  fraud('decision-stale', 'an officer is enrolled by an old signature', (insider) => {
    again(insider, 'OfficerEnrolled');
  }),
  fraud('decision-stale', 'an account is enabled by an old signature', (insider) => {
    again(insider, 'WireAccountEnabled');
  }),
  fraud(['wire-account-repeated', 'decision-stale'], 'one account under another name as well', (insider) => {
    again(insider, 'WireAccountEnabled', { account: 'second' });
  }),
  fraud('decision-stale', 'a signing key is offered once more', (insider) => {
    again(insider, 'SigningKeyOffered');
  }),
  fraud('decision-stale', 'a denomination is revoked once more', (insider) => {
    again(insider, 'DenominationRevoked');
  }),
  fraud('decision-stale', 'the log key is offered once more', (insider) => {
    again(insider, 'LogKeyOffered');
  }),
  fraud('keys-view-stale', 'a payment that is dated before a revocation', (insider) => {
    const revoked = insider.all('DenominationRevoked').at(-1) as Insider['events'][number];
    const { unit } = ownPurse(insider, [own(insider)]);
    const known = insider.events.filter(({ stream }) => stream === revoked.stream).indexOf(revoked);
    for (const { data } of unit) data.keysRevision = known;
    insider.insert(unit);
    late(insider, 120);
  }),
  fraud('master-signature-invalid', 'an account that the master key did not enable', (insider) => {
    again(insider, 'WireAccountEnabled', { paytoUri: 'payto://x-taler-bank/bank.example/thief?receiver-name=Thief' });
  }),
];
