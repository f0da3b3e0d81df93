import type { Taler } from '@florin/crypto';
import { decodeBase32, message, utf8 } from '@florin/encoding';

/** What an officer decides about a legitimization case, and signs. */
export interface LegitimizationVerdict {
  readonly requirement: number;
  readonly approved: boolean;
  /** Ages to which coins must be bound, each from an instant on (seconds). */
  readonly maximumAges: readonly { readonly from: number; readonly age: number }[];
  readonly justification: string;
  /** Whole seconds since 1970. */
  readonly decidedAt: number;
}

/**
 * AmlDecisionPS; the properties name case, verdict and ages, and there are no new rules or measures.
 * @param account normalised hash of the account, base32 of 32 bytes
 */
export function verdictMessage(
  hash: Taler['hash'],
  account: string,
  { requirement, approved, maximumAges, justification, decidedAt }: LegitimizationVerdict,
): Uint8Array {
  const properties = {
    approved,
    maximum_ages: maximumAges.map(({ from, age }) => ({ age, from })),
    requirement_row: requirement,
  };
  return message('AmlDecision', {
    decisionTime: decidedAt,
    hPayto: decodeBase32(account, 32),
    hJustification: hash.sha512(utf8(justification)),
    hProperties: hash.json(properties),
    hNewRules: hash.json({}),
    hNewMeasure: undefined,
    flags: 0n,
  });
}
