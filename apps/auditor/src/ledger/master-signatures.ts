/** What the master key signs of each offer. */

import { taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import type { KeysEvent } from '@florin/domain';
import { encodeBase32, type JsonValue, type MessageName } from '@florin/encoding';
import type { Job, JobField } from '../signatures/jobs.js';

const { hash } = taler(serverPrimitives);
const text = (value: string): string => encodeBase32(hash.text(value));

/** The signatures of an event of `keys`; none where the event carries none. */
export function masterJobs(event: KeysEvent, master: string): Job[] {
  const signed = (name: MessageName, fields: Readonly<Record<string, JobField>>, signature: string): Job => ({
    check: 'signed',
    name,
    fields,
    pub: master,
    signature,
    code: 'master-signature-invalid',
    what: event.type,
  });
  switch (event.type) {
    case 'ExchangeConfigured':
      return [];
    case 'LogKeyOffered':
      return [signed('LogKeyValidity', { logPub: event.logPub, start: event.start }, event.masterSignature)];
    case 'SigningKeyOffered': {
      const { start, expire, end, exchangePub: signkeyPub } = event;
      return [signed('ExchangeSigningKeyValidity', { start, expire, end, signkeyPub }, event.masterSignature)];
    }
    case 'SigningKeyRevoked':
      return [signed('MasterSigningKeyRevocation', { exchangePub: event.exchangePub }, event.masterSignature)];
    case 'DenominationOffered': {
      const { start, expireWithdraw, expireDeposit, expireLegal, value, denominationHash: denomHash } = event;
      const fees = {
        withdraw: event.feeWithdraw,
        deposit: event.feeDeposit,
        refresh: event.feeRefresh,
        refund: event.feeRefund,
      };
      const fields = { master, start, expireWithdraw, expireDeposit, expireLegal, value, fees, denomHash };
      return [signed('DenominationKeyValidity', fields, event.masterSignature)];
    }
    case 'DenominationRevoked':
      return [signed('MasterDenominationKeyRevocation', { hDenomPub: event.denominationHash }, event.masterSignature)];
    case 'WireAccountEnabled': {
      const hPayto = encodeBase32(hash.fullPayto(event.paytoUri));
      const none = encodeBase32(hash.json([]));
      const open = { hConversionUrl: undefined, hDebitRestrictions: none, hCreditRestrictions: none };
      return [
        signed('MasterAddWire', { startDate: event.start, hPayto, ...open }, event.masterSignatureAdd),
        signed('MasterWireDetails', { hWireDetails: hPayto, ...open }, event.masterSignatureWire),
        ...(event.masterSignatureWireOld === undefined
          ? []
          : [signed('MasterWireDetails2023', { hWireDetails: hPayto }, event.masterSignatureWireOld)]),
      ];
    }
    case 'WireAccountDisabled': {
      const fields = { endDate: event.end, hPayto: encodeBase32(hash.fullPayto(event.paytoUri)) };
      return [signed('MasterDelWire', fields, event.masterSignature)];
    }
    case 'WireFeesSet': {
      const { start: startDate, end: endDate, wireFee, closingFee } = event;
      const fields = {
        hWireMethod: text(event.method),
        startDate,
        endDate,
        fees: { wire: wireFee, closing: closingFee },
      };
      return [signed('MasterWireFee', fields, event.masterSignature)];
    }
    case 'GlobalFeesSet': {
      const { start: startDate, end: endDate, purseTimeoutUs, historyExpirationUs, purseAccountLimit } = event;
      const fees = { history: event.historyFee, account: event.accountFee, purse: event.purseFee };
      const times = { purseTimeout: purseTimeoutUs, historyExpiration: historyExpirationUs };
      return [
        signed('MasterGlobalFee', { startDate, endDate, ...times, fees, purseAccountLimit }, event.masterSignature),
      ];
    }
    case 'ExtensionsSet': {
      const hManifest = manifestHash(event.manifest);
      return [signed('MasterExtensionManifest', { hManifest }, event.masterSignature)];
    }
    case 'OfficerEnrolled': {
      const { officerPub, name, active, readOnly, changedAt: changeDate } = event;
      const isActive = (active ? 1 : 0) + (readOnly ? 2 : 0);
      const fields = { changeDate, officerPub, hOfficerName: text(name), isActive };
      return [signed('MasterAmlOfficerStatus', fields, event.masterSignature)];
    }
  }
}

/** A manifest that is no JSON is signed by nobody. */
function manifestHash(manifest: string): string {
  try {
    return encodeBase32(hash.extensions(JSON.parse(manifest) as JsonValue));
  } catch {
    return encodeBase32(new Uint8Array(64));
  }
}
