/**
 * The closed list of findings. Codes are stable: machines and reports of earlier years name them. Each says what it
 * means and what an auditor does about it.
 *
 * Kinds: `tamper` the log was changed; `signature` somebody did not agree; `money` sums are wrong; `rule` something was
 * done that the rules forbid; `bank` books and bank disagree; `late` something due was not done.
 */
export interface CatalogueEntry {
  readonly kind: 'tamper' | 'signature' | 'money' | 'rule' | 'bank' | 'late';
  readonly title: string;
  readonly meaning: string;
}

const entry = (kind: CatalogueEntry['kind'], title: string, meaning: string): CatalogueEntry => ({
  kind,
  title,
  meaning,
});

export const CATALOGUE = {
  // --- the log itself ---
  'event-damaged': entry('tamper', 'an event is not what was committed', 'Its content does not give its leaf hash.'),
  'event-missing': entry('tamper', 'events are missing', 'A number of a stream, or of the ledger, is not there.'),
  'event-order': entry('tamper', 'an event is out of order', 'Its number in its stream was there before.'),
  'event-malformed': entry('tamper', 'an event is not of its schema', 'No Florin writes such an event.'),
  'unit-torn': entry('tamper', 'a unit is torn', 'Its events do not lie together.'),
  'time-implausible': entry(
    'rule',
    'an event says another time',
    'Its time and its writing are far apart, or time went back.',
  ),
  'head-invalid': entry('tamper', 'a head is not signed by the log key', 'Or its key is not vouched for.'),
  'head-mismatch': entry('tamper', 'the head does not cover these events', 'The tree over them has another root.'),
  'history-rewritten': entry('tamper', 'old events were changed', 'A head seen earlier covers other events.'),
  'history-shortened': entry('tamper', 'events that were signed are gone', 'A head seen earlier covers more events.'),
  'split-view': entry('tamper', 'two auditors were shown two histories', 'Signed heads contradict each other.'),

  // --- keys and terms ---
  'master-key-wrong': entry('signature', 'another master key', 'The ledger names a master key that is not yours.'),
  'master-signature-invalid': entry(
    'signature',
    'a forged master signature',
    'The master key did not sign this offer.',
  ),
  'terms-changed': entry('rule', 'currency or master key changed', 'A ledger keeps both for ever.'),
  'terms-missing': entry('rule', 'something happened before the terms', 'The first event of a ledger is its terms.'),
  'denomination-hash-wrong': entry('rule', 'a denomination under another name', 'Its hash is not that of its key.'),
  'denomination-terms-wrong': entry('rule', 'a denomination with impossible terms', 'Times out of order, or no value.'),
  'denomination-repeated': entry('rule', 'a denomination was offered twice', 'Its terms were changed behind wallets.'),
  'denomination-unknown': entry('rule', 'a denomination that nobody offered', 'Its coins are backed by nothing.'),
  'denomination-not-valid': entry('rule', 'a denomination out of its time', 'Used before its start or after its end.'),
  'denomination-revoked': entry('rule', 'a revoked denomination was used', 'Its key may be in other hands.'),
  'decision-stale': entry('rule', 'an old decision came again', 'It was made before, or a newer one had followed.'),
  'wire-account-repeated': entry('rule', 'one bank account under two names', 'Each of its rows could be booked twice.'),
  'revocation-unknown': entry('rule', 'a revocation of nothing', 'What was revoked was never offered.'),
  'fee-period-wrong': entry('rule', 'fees for an impossible period', 'A period ends before it begins.'),
  'fee-period-overlap': entry('rule', 'two fees for one time', 'Wallets cannot know which one holds.'),
  'fee-missing': entry('rule', 'no fee was set for that time', 'What was charged has no ground.'),
  'keys-view-stale': entry(
    'rule',
    'decided on an old view of the keys',
    'More than ten seconds old, or of the future.',
  ),
  'base-url-unknown': entry('rule', 'a foreign base URL', 'What was signed is for another exchange.'),

  // --- signatures ---
  'bad-signature-withdraw': entry('signature', 'a forged withdrawal', 'The reserve did not sign it.'),
  'bad-signature-close': entry('signature', 'a forged close', 'The reserve did not sign it.'),
  'bad-signature-account-merge': entry('signature', 'a forged merge by a reserve', 'The reserve did not agree.'),
  'bad-signature-purse-create': entry('signature', 'a forged purse', 'The key of the purse did not sign its terms.'),
  'bad-signature-purse-contract': entry('signature', 'a forged contract', 'The key of the purse did not sign it.'),
  'bad-signature-purse-deposit': entry('signature', 'a forged payment', 'The coin did not sign it.'),
  'bad-signature-purse-merge': entry('signature', 'a forged merge', 'The merge key did not sign it.'),
  'bad-signature-purse-delete': entry('signature', 'a forged deletion', 'The key of the purse did not sign it.'),
  'bad-signature-recoup': entry('signature', 'a forged recoup', 'The coin did not sign it.'),
  'bad-signature-coin': entry('signature', 'a false coin', 'No denomination signed it.'),
  'bad-signature-blind': entry('signature', 'a worthless answer', 'The blind signature does not sign the envelope.'),
  'bad-signature-age': entry('signature', 'a forged proof of age', 'Commitment or attestation do not hold.'),
  'bad-signature-exchange': entry('signature', 'a worthless confirmation', 'No valid key of the exchange signed it.'),
  'bad-signature-officer': entry('signature', 'a forged decision', 'No enrolled officer signed it.'),

  // --- reserves ---
  'credit-invented': entry('money', 'a reserve was funded by nothing', 'No bank row stands behind it.'),
  'credit-withheld': entry(
    'money',
    'a credit did not reach its reserve',
    'The bank row was booked, the reserve got nothing.',
  ),
  'credit-mismatch': entry('money', 'a reserve got another sum', 'Bank row and reserve say different things.'),
  'credit-row-repeated': entry('money', 'a bank row was booked twice', 'Rows of an account only rise.'),
  'owner-mismatch': entry('rule', 'an owner bound without a transfer', 'Bank row and account disagree.'),
  'reserve-overdrawn': entry('money', 'a reserve paid more than it had', 'Its balance fell below zero.'),
  'reserve-dates-wrong': entry('rule', 'a reserve with other dates', 'Expiration or collection are miscalculated.'),
  'reserve-not-closed': entry('late', 'an expired reserve was kept', 'It holds money that should have gone back.'),
  'withdraw-price-wrong': entry('money', 'a coin at another price', 'Value or fee are not the denomination’s.'),
  'withdraw-cost-wrong': entry('money', 'a withdrawal at another price', 'Its cost is not the sum of its coins.'),
  'withdraw-commitment-wrong': entry(
    'rule',
    'a withdrawal under another name',
    'The commitment is not its envelopes’.',
  ),
  'envelope-hash-wrong': entry('rule', 'an envelope under another name', 'Its hash is not that of its bytes.'),
  'envelope-repeated': entry('money', 'an envelope was paid for twice', 'A repeat has to be answered, not charged.'),
  'planchet-wrong': entry('rule', 'an envelope that cannot be signed', 'It does not fit the denomination.'),
  'nonce-unclaimed': entry('rule', 'a nonce was not claimed', 'A Clause-Schnorr answer without its claim.'),
  'nonce-repeated': entry('rule', 'a nonce was used twice', 'Two answers under one nonce give the private key away.'),
  'nonce-mismatch': entry('rule', 'a nonce claimed for another coin', 'Claim and withdrawal disagree.'),
  'age-limit-ignored': entry(
    'rule',
    'coins without the ordered age limit',
    'An officer bound this owner’s coins to an age.',
  ),

  // --- closing and paying ---
  'close-arithmetic-wrong': entry('money', 'a closing does not add up', 'Debit, fee, dust and wired amount.'),
  'close-fee-wrong': entry('money', 'another closing fee', 'It is not that of the schedule.'),
  'close-target-wrong': entry(
    'money',
    'a closing to a foreign account',
    'Neither the origin nor the designated account.',
  ),
  'close-target-unlegitimized': entry('rule', 'a closing to an unknown person', 'No officer approved the account.'),
  'close-number-wrong': entry('rule', 'closings out of count', 'Numbers of closings rise one by one.'),
  'close-id-wrong': entry('rule', 'a transfer under another name', 'request_uid or wtid are not derived from it.'),
  'close-repeated': entry('money', 'one request closed twice', 'The same signature served again.'),
  'close-request-stale': entry('rule', 'an old request to close was served', 'The owner asked at another time.'),
  'close-early': entry('rule', 'closed before its time', 'The reserve had not expired.'),
  'close-refused-wrongly': entry('money', 'a close was answered with zero', 'The balance exceeds the fee.'),
  'wire-account-unknown': entry(
    'money',
    'money by an account that nobody enabled',
    'The master key vouched for no such account.',
  ),
  'transfer-missing': entry('money', 'a closing was never ordered', 'The reserve was debited, nobody is paid.'),
  'transfer-unjustified': entry('money', 'an order to pay without a ground', 'No closing stands behind it.'),
  'transfer-mismatch': entry('money', 'another payment than owed', 'Order and closing disagree.'),
  'transfer-state-wrong': entry(
    'rule',
    'an impossible turn of a transfer',
    'Confirmed twice, or given up while it ran.',
  ),
  'sealed-account-wrong': entry('money', 'another account under the seal', 'The sealed URI is not what its hash says.'),

  // --- coins ---
  'coin-overspent': entry('money', 'a coin paid more than it had', 'A double spend that was let through.'),
  'coin-identity-wrong': entry('rule', 'a coin changed its face', 'Another denomination, value or age than before.'),
  'coin-restored-above-value': entry(
    'money',
    'a coin got back more than it paid',
    'It is worth more than its denomination.',
  ),
  'coin-counted-twice': entry('money', 'one coin counted twice', 'In one payment, recoup or refund.'),
  'deposit-fee-wrong': entry('money', 'another deposit fee', 'It is not the denomination’s.'),
  'deposit-without-coin': entry('money', 'a purse was paid by nothing', 'No coin paid what the purse got.'),
  'deposit-withheld': entry('money', 'a coin paid and the purse got nothing', 'The payment is on the coin alone.'),
  'deposit-mismatch': entry('money', 'coin and purse disagree', 'About the sum, the fee or the denomination.'),

  // --- purses ---
  'purse-balance-wrong': entry('money', 'another sum was confirmed', 'The purse holds something else.'),
  'purse-expired-early': entry('rule', 'a purse ended before its time', 'Its coins were sent back too soon.'),
  'purse-after-expiry': entry('rule', 'a purse went on after its time', 'It was paid or merged when it had expired.'),
  'purse-decided-twice': entry('money', 'a purse ended twice', 'Merged, deleted or expired after its end.'),
  'purse-not-full': entry('money', 'a purse was merged before it was full', 'The reserve got what nobody paid.'),
  'purse-merge-wrong': entry('money', 'a merge does not add up', 'Target, excess and fees are not what was paid.'),
  'purse-below-fee': entry('rule', 'a purse made for too little', 'Its coins do not reach the purse fee.'),
  'purse-fee-wrong': entry('money', 'another purse fee', 'It is not that of the schedule.'),
  'purse-quota-exceeded': entry('rule', 'more purses than the quota', 'A reserve has too many open.'),
  'purse-refund-wrong': entry(
    'money',
    'a refund of another sum',
    'A coin got back more or less than it paid, or again.',
  ),
  'purse-refund-invented': entry('money', 'a refund from nowhere', 'The purse does not say it.'),
  'purse-refund-withheld': entry(
    'money',
    'a refund did not reach its coin',
    'The purse says it, the coin got nothing.',
  ),
  'purse-not-closed': entry('late', 'an expired purse was kept', 'Its coins wait for their money.'),
  'purse-contract-wrong': entry(
    'rule',
    'a contract under another name',
    'Its hash is not that of its bytes, or it is a second one.',
  ),
  'merge-invented': entry('money', 'a reserve got money from no purse', 'No purse says it was merged.'),
  'merge-withheld': entry(
    'money',
    'a merge did not reach its reserve',
    'The purse is merged, the reserve got nothing.',
  ),
  'merge-mismatch': entry('money', 'purse and reserve disagree', 'About the sum or the terms of a merge.'),
  'request-mismatch': entry('rule', 'a requested purse without its request', 'Purse and reserve disagree.'),
  'age-proof-missing': entry(
    'rule',
    'a payment without proof of age',
    'The purse asks for an age, the coin is bound to one.',
  ),

  // --- recoup ---
  'recoup-not-revoked': entry('rule', 'a recoup of a good denomination', 'The master key did not revoke it.'),
  'recoup-amount-wrong': entry('money', 'a recoup of another sum', 'It is not what the coin had left.'),
  'recoup-unknown-envelope': entry('money', 'a recoup of a coin never withdrawn', 'The reserve had no such envelope.'),
  'recoup-envelope-wrong': entry('money', 'a recoup by another coin', 'Coin and secret give another envelope.'),
  'recoup-invented': entry('money', 'a reserve got a recoup from no coin', 'No coin gave it back.'),
  'recoup-withheld': entry(
    'money',
    'a recoup did not reach its reserve',
    'The coin gave it back, the reserve got nothing.',
  ),
  'recoup-mismatch': entry('money', 'coin and reserve disagree', 'About the sum of a recoup.'),

  // --- accounts and officers ---
  'officer-unknown': entry('rule', 'a decision by no officer', 'Not enrolled, not active, or read-only.'),
  'requirement-wrong': entry('rule', 'legitimizations out of count', 'Or a decision about none.'),
  'count-mismatch': entry('rule', 'a limit counted wrongly', 'Account and reserve say different sums.'),

  // --- whole ledger ---
  'emergency-value': entry('money', 'more was spent than issued', 'A denomination’s private key is in other hands.'),
  'emergency-count': entry('money', 'more coins than were issued', 'A denomination’s private key is in other hands.'),
  'escrow-mismatch': entry('money', 'the books do not balance', 'What came in is not what is owed, earned and paid.'),

  // --- the bank ---
  'bank-credit-unknown': entry('bank', 'a booked credit that the bank does not know', 'Money was made up.'),
  'bank-credit-unbooked': entry('bank', 'a credit that was not booked', 'The bank has it, the ledger has not.'),
  'bank-credit-amount-wrong': entry('bank', 'a credit of another sum', 'Bank and ledger disagree.'),
  'bank-credit-misattributed': entry(
    'bank',
    'a credit for another reserve',
    'The subject at the bank names another key, or none.',
  ),
  'bank-credit-origin-wrong': entry('bank', 'a credit of another sender', 'A closing would pay the wrong person.'),
  'bank-credit-date-wrong': entry('bank', 'a credit of another time', 'Bank and ledger disagree; harmless by itself.'),
  'bank-debit-unjustified': entry('bank', 'a payment that nobody ordered', 'Money left the bank without the ledger.'),
  'bank-debit-repeated': entry('bank', 'a payment was made twice', 'Two rows of the bank have one subject.'),
  'bank-debit-amount-wrong': entry('bank', 'a payment of another sum', 'Bank and ledger disagree.'),
  'bank-debit-target-wrong': entry('bank', 'a payment to a foreign account', 'Bank and ledger disagree.'),
  'bank-debit-subject-wrong': entry(
    'bank',
    'a payment in another name',
    'Its subject names a base URL that is not the exchange’s.',
  ),
  'bank-debit-missing': entry('bank', 'a confirmed payment that never left', 'The bank does not know it.'),
  'bank-debit-late': entry('late', 'a payment that is overdue', 'Ordered long ago, not seen at the bank.'),
  'bank-balance-short': entry('bank', 'the bank holds less than is owed', 'Escrow is not covered.'),
} as const satisfies Readonly<Record<string, CatalogueEntry>>;

export type FindingCode = keyof typeof CATALOGUE;
