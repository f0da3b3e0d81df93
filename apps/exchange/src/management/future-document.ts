/** `GET /management/keys`: what waits for the master key, announced by the signers' own key. */
import { taler } from '@florin/crypto';
import { serverPrimitives } from '@florin/crypto/server';
import { decodeBase32, encodeBase32, formatAmount, message } from '@florin/encoding';
import { type DenominationOrder, orderJson, type SigningKeyOrder } from '@florin/signing';
import type { WaitingOrder } from '../keys/key-plans.js';

/** A row of the document, and what announces it. */
export interface Announced {
  readonly body: Readonly<Record<string, unknown>>;
  /** RsaDenominationKeyAnnouncement, CsDenominationKeyAnnouncement or SigningKeyAnnouncement. */
  readonly message: Uint8Array;
  readonly signatureName: 'denom_secmod_sig' | 'signkey_secmod_sig';
}

const { hash } = taler(serverPrimitives);

export function announced(order: WaitingOrder): Announced {
  return order.kind === 'denomination' ? announcedDenomination(order) : announcedSigningKey(order);
}

function announcedDenomination(order: DenominationOrder): Announced {
  const { pub, value, start, expireWithdraw } = order;
  const { order: _, ...body } = orderJson(order);
  const section = `${formatAmount(value)} ${pub.cipher}${pub.ageMask === 0 ? '' : ` age ${pub.ageMask}`}`;
  const layout = pub.cipher === 'RSA' ? 'RsaDenominationKeyAnnouncement' : 'CsDenominationKeyAnnouncement';
  return {
    body: { section_name: section, ...body },
    message: message(layout, {
      hDenom: hash.sha512(pub.cipher === 'RSA' ? pub.rsaPub : pub.csPub),
      hSectionName: hash.text(section),
      anchorTime: start,
      durationWithdraw: (expireWithdraw - start) * 1e6,
    }),
    signatureName: 'denom_secmod_sig',
  };
}

function announcedSigningKey(order: SigningKeyOrder): Announced {
  const { exchangePub, start, expire } = order;
  const { order: _, ...body } = orderJson(order);
  return {
    body,
    message: message('SigningKeyAnnouncement', {
      exchangePub: decodeBase32(exchangePub, 32),
      anchorTime: start,
      duration: (expire - start) * 1e6,
    }),
    signatureName: 'signkey_secmod_sig',
  };
}

/** @param logPub 32 bytes: the signers' one key stands for the three security modules of the protocol */
export function futureKeysDocument(
  rows: readonly (Announced & { readonly signature: Uint8Array })[],
  { masterPub, logPub }: { readonly masterPub: Uint8Array; readonly logPub: Uint8Array },
): object {
  const listed = (name: Announced['signatureName']): object[] =>
    rows
      .filter(({ signatureName }) => signatureName === name)
      .map(({ body, signature }) => ({ ...body, [name]: encodeBase32(signature) }));
  const moduleKey = encodeBase32(logPub);
  return {
    future_denoms: listed('denom_secmod_sig'),
    future_signkeys: listed('signkey_secmod_sig'),
    master_pub: encodeBase32(masterPub),
    denom_secmod_public_key: moduleKey,
    denom_secmod_cs_public_key: moduleKey,
    signkey_secmod_public_key: moduleKey,
  };
}
