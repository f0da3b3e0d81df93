/** What the bank told us (`wire-<account>`) and what we ordered it to pay (`transfer-<request_uid>`). */
import { assert, unreachable } from './assert.js';
import type { Decider } from './decision.js';
import type { TransferEvent, WireEvent } from './events/wire.js';

/** Where wirewatch goes on. Nothing else is in it: the stream grows with every credit, and only its end is read. */
export interface WireAccount {
  /** The last row dealt with; 0 before the first. */
  lastRow: bigint;
}

export const wireAccount: Decider<WireAccount, WireEvent> = {
  initial: () => ({ lastRow: 0n }),
  evolve: (state, event) => {
    assert(event.row > state.lastRow, `bank row ${event.row} was booked after ${state.lastRow}`);
    state.lastRow = event.row;
    return state;
  },
  restsOnLast: true,
};

type Requested = Extract<TransferEvent, { type: 'TransferRequested' }>;

export interface Transfer {
  order: Requested | undefined;
  /** `rejected`: the bank refused for good, the money is still owed. `replaced`: an admin ordered another try. */
  status: 'none' | 'requested' | 'confirmed' | 'rejected' | 'replaced';
  /** What replaced it: the same decision again changes nothing. */
  decision: TransferDecision | undefined;
}

export type TransferDecision = Extract<TransferEvent, { type: 'TransferFailed' | 'TransferRedirected' }>;

export const transfer: Decider<Transfer, TransferEvent> = {
  initial: () => ({ order: undefined, status: 'none', decision: undefined }),
  evolve: (state, event) => {
    switch (event.type) {
      case 'TransferRequested':
        assert(state.status === 'none', 'a transfer was requested twice');
        return { ...state, order: event, status: 'requested' };
      case 'TransferConfirmed':
        assert(state.status === 'requested', `a transfer that is ${state.status} was confirmed`);
        return { ...state, status: 'confirmed' };
      case 'TransferRejected':
        assert(state.status === 'requested', `a transfer that is ${state.status} was rejected`);
        return { ...state, status: 'rejected' };
      case 'TransferFailed':
      case 'TransferRedirected':
        assert(state.status === 'rejected', `a transfer that is ${state.status} was given up`);
        return { ...state, status: 'replaced', decision: event };
      default:
        return unreachable(event);
    }
  },
};
