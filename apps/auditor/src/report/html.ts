/** The report for people: one page that needs nothing else. */
import { CATALOGUE } from '../catalogue.js';
import { plot } from './plot.js';
import type { FindingSummary, Report } from './summary.js';
import { dateText, gainText, visible } from './text.js';

export function htmlReport(report: Report): string {
  const { exchange, log, checked, sums, findings } = report;
  const isClean = report.verdict === 'clean';
  const facts: [string, string][] = [
    ['Audited', `${report.source}, ${dateText(report.auditedAt)} (${report.mode}, ${checked.seconds.toFixed(1)} s)`],
    ['Exchange', `${exchange.baseUrl} in ${exchange.currency}`],
    ['Master key', `${exchange.masterPub}${exchange.masterPubGiven ? '' : ' (taken from the ledger itself)'}`],
    ['Events', `${log.events} in ${log.streams} streams, the last of ${dateText(log.lastEventAt)}`],
    ['Signed head', log.head ? `${log.head.origin}: ${log.head.size} events, root ${log.head.root}` : 'none is good'],
    ['Signatures', String(checked.signatures)],
    ['Sealed accounts', `${checked.sealedAccounts.opened} opened, ${checked.sealedAccounts.unopened} without key`],
    ['Bank', bankText(report)],
  ];
  const money: [string, string][] = [
    ['Booked for reserves', sums.credited],
    ['Other credits', sums.otherCredits],
    ['Owed to reserves', sums.reserves],
    ['Owed to coins', sums.coins],
    ['In open purses', sums.purses],
    ['Transfers to pay', sums.transfers],
    ['Owed in all', sums.liabilities],
    ['Paid out', sums.paid],
    ['Earned', sums.income],
    ['— withdraw fees', sums.withdrawFees],
    ['— deposit fees', sums.depositFees],
    ['— closing fees and dust', `${sums.closingFees} and ${sums.dust}`],
    ['— purse fees and excess', `${sums.purseFees} and ${sums.excess}`],
  ];
  const verdict = isClean
    ? 'No finding: every coin and every cent of the ledger is accounted for.'
    : `${findings.total} finding${findings.total === 1 ? '' : 's'}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Audit of ${text(exchange.baseUrl)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Audit</h1>
<p class="verdict ${isClean ? 'clean' : 'bad'}">${text(verdict)}${
    checked.bank === 'not checked' ? ' The bank side was not checked.' : ''
  }</p>
${section('Summary', table(facts))}
${section('Balances', table(money, 'numbers'))}
${section('Balances over time', plots(report))}
${section('Denominations', denominations(report))}
${report.redirections.length > 0 ? section('Transfers redirected by an admin', redirections(report)) : ''}
${section('Findings', findingsPart(report))}
</main>
</body>
</html>
`;
}

function plots({ samples, exchange }: Report): string {
  const at = samples.map((sample) => sample.at);
  const of = (name: 'reserves' | 'coins' | 'purses' | 'transfers' | 'credited' | 'paid') =>
    samples.map(({ sums }) => heightOf(sums[name]));
  const fees = ['withdrawFees', 'depositFees', 'closingFees', 'dust', 'purseFees', 'excess'] as const;
  const earned = samples.map(({ sums }) => fees.reduce((total, name) => total + heightOf(sums[name]), 0));
  const owed = [
    { name: 'reserves', values: of('reserves') },
    { name: 'coins', values: of('coins') },
    { name: 'purses', values: of('purses') },
    { name: 'transfers', values: of('transfers') },
  ];
  const moved = [
    { name: 'booked', values: of('credited') },
    { name: 'paid out', values: of('paid') },
    { name: 'earned', values: earned },
  ];
  return (
    plot({ title: `What is owed (${exchange.currency})`, at, lines: owed }) +
    plot({ title: `What came in, went out and was earned (${exchange.currency})`, at, lines: moved })
  );
}

/** For plots alone: sums are never computed from it. */
const heightOf = (amount: string): number => Number(amount.replace(/^(-?)[A-Z]+:/, '$1'));

function denominations(report: Report): string {
  if (report.denominations.length === 0) return '<p>No coin was issued.</p>';
  const rows = report.denominations.map((one) => [
    `<code title="${text(one.denominationHash)}">${text(one.denominationHash.slice(0, 12))}…</code>`,
    text(one.value),
    `${one.issuedCount} / ${text(one.issued)}`,
    String(one.seenCount),
    text(one.redeemed),
    text(one.outstanding),
    one.revoked ? 'revoked' : '',
  ]);
  const heads = ['Denomination', 'Value', 'Issued', 'Coins seen', 'Redeemed', 'Outstanding', ''];
  const head = heads.map((name) => `<th>${name}</th>`).join('');
  const body = rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('');
  return `<table class="numbers"><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`;
}

const redirections = ({ redirections: list }: Report): string =>
  `<ul>${list
    .map(({ event, amount, reason }) => `<li>${text(amount)} at event ${event.index}: ${text(reason)}</li>`)
    .join('')}</ul>`;

function findingsPart({ findings }: Report): string {
  if (findings.total === 0) return '<p>None.</p>';
  const counts = findings.byCode.map(
    ({ code, title, count }) =>
      `<tr><td><a href="#${code}"><code>${code}</code></a></td><td>${text(title)}</td><td>${count}</td></tr>`,
  );
  const seen = new Set<string>();
  const shown = findings.list.map((finding) => {
    const anchor = seen.has(finding.code) ? '' : ` id="${finding.code}"`;
    seen.add(finding.code);
    return findingPart(finding, anchor);
  });
  const rest = findings.total - findings.list.length;
  return `<table><tbody>${counts.join('')}</tbody></table>${shown.join('')}${
    rest > 0 ? `<p>${rest} more are counted and not shown.</p>` : ''
  }`;
}

function findingPart({ code, kind, title, detail, event, gain, evidence }: FindingSummary, anchor: string): string {
  const where = event ? `Event ${event.index}${event.stream && `, ${event.stream} number ${event.number}`}` : '';
  const sum = gainText(gain) && `<dt>Sum</dt><dd>${text(gainText(gain))}</dd>`;
  return `<article${anchor} class="${kind}">
<h3><code>${code}</code> ${text(title)}</h3>
<p>${text(CATALOGUE[code].meaning)}</p>
<dl>
<dt>What was found</dt><dd>${text(detail)}</dd>
${where && `<dt>Shown by</dt><dd>${text(where)}, ${text(event?.type ?? '')}, ${dateText(event?.at ?? 0)}</dd>`}
${sum}
</dl>
${evidence === undefined ? '' : `<details><summary>The event</summary><pre>${lines(pretty(evidence))}</pre></details>`}
</article>`;
}

function pretty(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}

function bankText({ checked }: Report): string {
  const { bank } = checked;
  if (bank === 'not checked') return 'not checked';
  const accounts = bank.accounts.map(
    ({ account, credits, debits, balance }) => `${account}: ${credits} credits, ${debits} debits, ${balance}`,
  );
  const missing = bank.missing.map((account) => `${account}: not checked`);
  return `${[...accounts, ...missing].join('; ')}; in all ${bank.balance}`;
}

const section = (title: string, content: string): string => `<section><h2>${title}</h2>${content}</section>`;

const table = (rows: readonly (readonly [string, string])[], style = ''): string =>
  `<table class="${style}"><tbody>${rows
    .map(([name, value]) => `<tr><th scope="row">${text(name)}</th><td>${text(value)}</td></tr>`)
    .join('')}</tbody></table>`;

/** Whatever an event says is text here, never markup. */
const text = (value: string): string => visible(value).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);

const lines = (value: string): string => value.split('\n').map(text).join('\n');

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --bad: #b3261e; --clean: #1b7f3b; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; }
main { max-width: 70rem; margin: 0 auto; padding: 1rem; }
h1 { margin-bottom: 0; }
.verdict { font-size: 1.25rem; font-weight: 600; }
.verdict.clean { color: var(--clean); }
.verdict.bad { color: var(--bad); }
table { border-collapse: collapse; }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: anywhere; }
.numbers td { text-align: right; font-variant-numeric: tabular-nums; }
article { border-left: 4px solid var(--bad); padding-left: 1rem; margin: 1.5rem 0; }
article h3 { margin: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; margin: 0; }
dd { margin: 0; overflow-wrap: anywhere; }
pre { overflow: auto; max-height: 24rem; }
figure { margin: 1rem 0; }
svg { width: 100%; height: auto; max-width: 60rem; }
svg text { fill: currentColor; font: 12px system-ui, sans-serif; }
`;
