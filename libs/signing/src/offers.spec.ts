import { taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import { message, parseAmount } from '@florin/encoding';
import { expect, test } from 'vitest';
import {
  denominationMessage,
  denominationOffer,
  logKeyMessage,
  type OfferedDenomination,
  signingKeyMessage,
  signingKeyOffer,
} from './offers.js';
import { type DenominationConfig, planDenominations, planSigningKeys } from './schedule.js';
import { Signers } from './signers.js';
import { PATIENT } from './signers.support.js';
import { afterwards, temporaryKeyFolder } from './temporary.support.js';

const { denomination, eddsa } = taler(serverPrimitives);
const NOW = 1_800_000_000;
const zero = parseAmount('EUR:0');
const config: DenominationConfig = {
  cipher: 'RSA',
  bits: 1024,
  value: parseAmount('EUR:5'),
  fees: { withdraw: parseAmount('EUR:0.01'), deposit: parseAmount('EUR:0.02'), refresh: zero, refund: zero },
  ageMask: 3,
  withdrawSeconds: 100,
  depositSeconds: 100,
  legalSeconds: 100,
  overlapSeconds: 10,
  lookaheadSeconds: 0,
};

test('plan, key, master signature: what is offered satisfies a wallet and the next plan', async () => {
  const signers = await Signers.start({ folder: await temporaryKeyFolder(), processes: 1, ...PATIENT });
  afterwards(() => signers.close());
  const master = await signers.generate({ kind: 'master' });

  const offered: OfferedDenomination[] = [];
  for (const planned of planDenominations([config], [], NOW)) {
    const offer = denominationOffer(planned, await signers.generate({ kind: 'denomination', ...planned }));
    offered.push({ ...offer, masterSignature: await signers.signMaster(denominationMessage(master.pub, offer)) });
  }

  expect(offered).toHaveLength(1);
  const [{ masterSignature, ...offer }] = offered as [OfferedDenomination];
  const signed = message('DenominationKeyValidity', {
    master: master.pub,
    start: NOW,
    expireWithdraw: NOW + 100,
    expireDeposit: NOW + 200,
    expireLegal: NOW + 300,
    value: config.value,
    fees: config.fees,
    denomHash: denomination(offer.pub).hash,
  });
  expect(eddsa.verify(signed, masterSignature, master.pub)).toBe(true);
  expect(offer.pub.ageMask).toBe(3);
  expect(planDenominations([config], offered, NOW)).toEqual([]);
  expect(planDenominations([{ ...config, ageMask: 0 }], offered, NOW)).toHaveLength(1);
});

test('online signing keys and the log key are vouched for alike', async () => {
  const signers = await Signers.start({ folder: await temporaryKeyFolder(), processes: 1, ...PATIENT });
  afterwards(() => signers.close());
  const master = await signers.generate({ kind: 'master' });
  const durations = { signSeconds: 100, legalSeconds: 50, overlapSeconds: 10, lookaheadSeconds: 0 };

  const [planned] = planSigningKeys(durations, [], NOW);
  if (planned === undefined) throw new Error('nothing was planned');
  const { pub: signkeyPub, ...key } = await signers.generate({ kind: 'signing' });
  const offer = signingKeyOffer(planned, { ...key, pub: signkeyPub });
  const signature = await signers.signMaster(signingKeyMessage(offer));
  const expected = message('ExchangeSigningKeyValidity', { start: NOW, expire: NOW + 100, end: NOW + 150, signkeyPub });
  expect(eddsa.verify(expected, signature, master.pub)).toBe(true);

  const { pub: logPub } = await signers.generate({ kind: 'log' });
  const vouched = await signers.signMaster(logKeyMessage({ logPub, start: NOW }));
  expect(eddsa.verify(message('LogKeyValidity', { logPub, start: NOW }), vouched, master.pub)).toBe(true);
});
