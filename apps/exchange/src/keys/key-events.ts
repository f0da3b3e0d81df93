/** From what the master key signed to what the ledger records of it. */
import type { DenominationHash, EddsaPub, EddsaSignature, KeysEvent } from '@florin/domain';
import { encodeBase32 } from '@florin/encoding';
import { denominationHashOf, type MasterOrder } from '@florin/signing';

/** Base32, by the names of `orderMessages`. */
export type OrderSignatures = Readonly<Record<string, string | undefined>>;

export interface EventContext {
  /** Whole seconds since 1970. */
  readonly at: number;
  /** Section name of an account in the configuration. */
  accountOf(paytoUri: string): string;
}

export type EventOfOrder<Kind extends MasterOrder['kind']> = Extract<KeysEvent, { type: EventTypes[Kind] }>;

interface EventTypes {
  denomination: 'DenominationOffered';
  'signing-key': 'SigningKeyOffered';
  'log-key': 'LogKeyOffered';
  'denomination-revocation': 'DenominationRevoked';
  'signing-key-revocation': 'SigningKeyRevoked';
  'wire-account': 'WireAccountEnabled';
  'wire-account-end': 'WireAccountDisabled';
  'wire-fees': 'WireFeesSet';
  'global-fees': 'GlobalFeesSet';
  extensions: 'ExtensionsSet';
  officer: 'OfficerEnrolled';
}

/** The caller has checked the signatures, and that all that are demanded are there. */
export function keyEvent<Order extends MasterOrder>(
  order: Order,
  signatures: OrderSignatures,
  context: EventContext,
): EventOfOrder<Order['kind']> {
  return eventOf(order, signatures, context) as EventOfOrder<Order['kind']>;
}

function eventOf(order: MasterOrder, signatures: OrderSignatures, { at, accountOf }: EventContext): KeysEvent {
  const masterSignature = signatures.master_sig as EddsaSignature;
  switch (order.kind) {
    case 'denomination': {
      const { pub, value, fees, start, expireWithdraw, expireDeposit, expireLegal } = order;
      return {
        type: 'DenominationOffered',
        denominationHash: denominationHashOf(pub) as DenominationHash,
        key:
          pub.cipher === 'RSA'
            ? { cipher: 'RSA', rsaPub: encodeBase32(pub.rsaPub) as never }
            : { cipher: 'CS', csPub: encodeBase32(pub.csPub) as never },
        ageMask: pub.ageMask,
        value: value.units,
        feeWithdraw: fees.withdraw.units,
        feeDeposit: fees.deposit.units,
        feeRefresh: fees.refresh.units,
        feeRefund: fees.refund.units,
        start,
        expireWithdraw,
        expireDeposit,
        expireLegal,
        masterSignature,
        at,
      };
    }
    case 'signing-key': {
      const { start, expire, end } = order;
      const exchangePub = order.exchangePub as EddsaPub;
      return { type: 'SigningKeyOffered', exchangePub, start, expire, end, masterSignature, at };
    }
    case 'log-key':
      return { type: 'LogKeyOffered', logPub: order.logPub as EddsaPub, start: order.start, masterSignature, at };
    case 'denomination-revocation': {
      const denominationHash = order.denominationHash as DenominationHash;
      return { type: 'DenominationRevoked', denominationHash, masterSignature, at };
    }
    case 'signing-key-revocation':
      return { type: 'SigningKeyRevoked', exchangePub: order.exchangePub as EddsaPub, masterSignature, at };
    case 'wire-account':
      return {
        type: 'WireAccountEnabled',
        account: accountOf(order.paytoUri),
        paytoUri: order.paytoUri,
        start: order.start,
        masterSignatureAdd: signatures.master_sig_add as EddsaSignature,
        masterSignatureWire: signatures.master_sig_wire as EddsaSignature,
        ...(signatures.master_sig_wire_old === undefined
          ? {}
          : { masterSignatureWireOld: signatures.master_sig_wire_old as EddsaSignature }),
        at,
      };
    case 'wire-account-end': {
      const { paytoUri, end } = order;
      const signature = signatures.master_sig_del as EddsaSignature;
      return { type: 'WireAccountDisabled', paytoUri, end, masterSignature: signature, at };
    }
    case 'wire-fees': {
      const { method, start, end } = order;
      const [wireFee, closingFee] = [order.wireFee.units, order.closingFee.units];
      return { type: 'WireFeesSet', method, start, end, wireFee, closingFee, masterSignature, at };
    }
    case 'global-fees': {
      const { kind: _, historyFee, accountFee, purseFee, ...terms } = order;
      const fees = { historyFee: historyFee.units, accountFee: accountFee.units, purseFee: purseFee.units };
      return { type: 'GlobalFeesSet', ...terms, ...fees, masterSignature, at };
    }
    case 'extensions': {
      const signature = signatures.extensions_sig as EddsaSignature;
      return { type: 'ExtensionsSet', manifest: order.manifest, masterSignature: signature, at };
    }
    case 'officer': {
      const { name, active, readOnly, changedAt } = order;
      const officerPub = order.officerPub as EddsaPub;
      return { type: 'OfficerEnrolled', officerPub, name, active, readOnly, changedAt, masterSignature, at };
    }
  }
}
