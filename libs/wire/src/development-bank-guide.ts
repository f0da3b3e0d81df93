import type { Bank } from './development-bank-routes.js';

/** The page at `/`: what this is, and what to type to try it. @param host as the client called the bank */
export function guide({ ledger, exchangeAccount }: Bank, host = 'localhost'): string {
  const url = `http://${/^[\w.:[\]-]+$/.test(host) ? host : 'localhost'}`;
  const gateway = `${url}/accounts/${exchangeAccount}/taler-wire-gateway`;
  return `Florin development bank. Play money in ${ledger.currency}; accounts are made at first use.

Pay the exchange as a customer (the subject is the key of a reserve, 52 characters; others bounce):
  curl ${url}/accounts/${exchangeAccount}/transactions -d '{
    "amount": "${ledger.currency}:10", "from": "alice", "subject": "RESERVE_PUB"}'

Look at an account, newest transaction first:
  curl ${url}/accounts/alice

The wire gateway of the exchange's account (credentials with -u USER:PASSWORD, if the bank was started with any):
  curl ${gateway}/config
  curl '${gateway}/history/incoming?delta=10&long_poll_ms=5000'
  curl '${gateway}/history/outgoing?delta=-10'
  curl ${gateway}/transfers
  curl ${gateway}/admin/add-incoming -d '{
    "amount": "${ledger.currency}:10", "reserve_pub": "RESERVE_PUB",
    "debit_account": "${ledger.partyNamed('alice')?.payto}"}'

Make the next two attempts to pay alice fail ("pending", "transient_failure" or "permanent_failure"):
  curl ${url}/accounts/alice/development/fail-transfers -d '{"status": "transient_failure", "count": 2}'
`;
}
