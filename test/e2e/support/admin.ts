/** What a person decides over the admin port, and the officer's signature under it, made by the tests themselves. */
import { decodeBase32, message, utf8 } from '@florin/encoding';
import { expect } from 'vitest';
import type { RunningExchange } from '../../support/exchange.js';
import { type Json, type Reply, send } from './http.js';
import { oracle } from './oracle.js';

export function admin(exchange: RunningExchange, path: string, json?: unknown): Promise<Reply> {
  const headers = { Authorization: `Bearer ${exchange.adminCredential}`, 'Content-Type': 'application/json' };
  return send(`${exchange.adminUrl}${path}`, json === undefined ? { headers } : { headers, json });
}

export interface Case {
  readonly h_payto: string;
  readonly requirement_row: number;
}

/** The officer's key beside the data signs. */
export async function approve(exchange: RunningExchange, { h_payto, requirement_row }: Case, more = {}): Promise<void> {
  const decision = { approved: true, justification: 'known in person', ...more };
  const reply = await admin(exchange, `legitimizations/${h_payto}/${requirement_row}/decide`, decision);
  expect({ status: reply.status, body: reply.text }).toMatchObject({ status: 200 });
}

/** AmlDecisionPS as an officer signs it offline. */
export function verdictBytes(
  { h_payto, requirement_row }: Case,
  verdict: {
    approved: boolean;
    justification: string;
    decided_at: number;
    maximum_ages: { from: number; age: number }[];
  },
): Uint8Array {
  const { approved, justification, decided_at, maximum_ages } = verdict;
  const { hash } = oracle;
  return message('AmlDecision', {
    decisionTime: decided_at,
    hPayto: decodeBase32(h_payto, 32),
    hJustification: hash.sha512(utf8(justification)),
    hProperties: hash.json({ approved, maximum_ages, requirement_row }),
    hNewRules: hash.json({}),
    hNewMeasure: undefined,
    flags: 0n,
  });
}

/** Open cases as the admin sees them. */
export const openCases = async (exchange: RunningExchange): Promise<Json[]> =>
  (await admin(exchange, 'legitimizations')).json.cases as Json[];
