import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { CATALOGUE } from './catalogue.js';

/**
 * The schema of every event as ledgers hold it: version, and a fingerprint of its members in their order. A change here
 * is a change of what was written before: raise the version and bring old events up to date by an upcast, or change
 * nothing. Only what no ledger holds yet may be changed freely.
 */
const SCHEMAS: Readonly<Record<string, string>> = {
  'reserve ReserveFunded': '1 472c3a22015a',
  'reserve CoinsWithdrawn': '1 8b843067f9a8',
  'reserve CloseRequested': '1 8c0cd91faeaa',
  'reserve ReserveClosed': '1 0942688905ee',
  'reserve CoinsRecouped': '1 546b9b4cfc36',
  'reserve PurseRequested': '1 f26721ca07ba',
  'reserve RequestedPurseDeleted': '1 71db2aa887ea',
  'reserve PurseMergedIntoReserve': '1 6c4a84aa42d2',
  'purse PurseCreated': '1 254a58bc0f35',
  'purse PurseDeposited': '1 bf2f2ff6e4d5',
  'purse PurseContractAdded': '1 a2e2fba690be',
  'purse PurseMerged': '1 13116349255c',
  'purse PurseExpired': '1 cb4393dd94a5',
  'purse PurseDeleted': '1 67f4e7a4f3af',
  'purse PurseCoinsRefunded': '1 b04ed41fce42',
  'coin CoinSpentIntoPurse': '1 da00ea4683f0',
  'coin CoinRefundedFromPurse': '1 5504687dd0b0',
  'coin CoinRecouped': '1 9de1944dbe6a',
  'wire CreditBooked': '1 51b73e11ac84',
  'transfer TransferRequested': '1 fafcb91884ef',
  'transfer TransferConfirmed': '1 4e20556f50cb',
  'transfer TransferRejected': '1 44d70f66cebb',
  'transfer TransferFailed': '1 ffd878b5cf61',
  'transfer TransferRedirected': '1 a63a4891e49e',
  'account LegitimizationRequired': '1 6de0c2be474a',
  'account LegitimizationDecided': '1 166b06246d66',
  'account WithdrawalCounted': '1 e063b2684bfe',
  'account ReceiptCounted': '1 5698bfcbe345',
  'account AccountOwnerBound': '1 69b2531e908e',
  'nonce NonceUsed': '1 e6607f08b861',
  'keys ExchangeConfigured': '1 2046e2e52414',
  'keys LogKeyOffered': '1 a992f7e41199',
  'keys SigningKeyOffered': '1 b4bc528a7dc1',
  'keys SigningKeyRevoked': '1 1409cbc5ab8a',
  'keys DenominationOffered': '1 9a29321ef46b',
  'keys DenominationRevoked': '1 4f0c92c7111b',
  'keys WireAccountEnabled': '1 97e64fa0d096',
  'keys WireAccountDisabled': '1 fce232aaecb7',
  'keys WireFeesSet': '1 5266125024c9',
  'keys GlobalFeesSet': '1 0064a4feb486',
  'keys ExtensionsSet': '1 1db2defd0880',
  'keys OfficerEnrolled': '1 415933b789c7',
};

test('no schema changes by accident', () => {
  const schemas = Object.entries(CATALOGUE).flatMap(([category, definitions]) =>
    definitions.map(({ type, version, data }) => {
      const fingerprint = createHash('sha256').update(JSON.stringify(data.shape)).digest('hex').slice(0, 12);
      return [`${category} ${type}`, `${version} ${fingerprint}`];
    }),
  );
  expect(Object.fromEntries(schemas)).toStrictEqual(SCHEMAS);
});
