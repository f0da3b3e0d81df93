/** The report at the terminal. */
import type { FindingSummary, Report } from './summary.js';

/** So many findings are shown whole at the terminal; the other reports have all. */
const SHOWN_MAX = 50;

export function textReport(report: Report): string {
  const { exchange, log, checked, sums, findings } = report;
  const lines = [
    `Audit of ${report.source}`,
    '',
    ...table([
      ['exchange', `${exchange.baseUrl || '(no terms)'} in ${exchange.currency}`],
      ['master key', `${exchange.masterPub || '(none)'}${exchange.masterPubGiven ? '' : '  (as the ledger says)'}`],
      ['events', `${log.events} in ${log.streams} streams, the last of ${dateText(log.lastEventAt)}`],
      ['signed head', log.head ? `${log.head.size} events, root ${log.head.root}` : 'none that is good'],
      ['signatures', typeof checked.signatures === 'number' ? `${checked.signatures} checked` : checked.signatures],
      ['sealed accounts', `${checked.sealedAccounts.opened} opened, ${checked.sealedAccounts.unopened} without key`],
      ['bank', bankText(checked.bank)],
      ['mode', `${report.mode}, ${checked.seconds.toFixed(1)} s`],
    ]),
    '',
    ...table([
      ['booked for reserves', sums.credited],
      ['owed to reserves', sums.reserves],
      ['owed to coins', sums.coins],
      ['in open purses', sums.purses],
      ['transfers to pay', sums.transfers],
      ['owed in all', sums.liabilities],
      ['paid out', sums.paid],
      ['earned', sums.income],
    ]),
    '',
    ...report.redirections.map(({ event, amount, reason }) => {
      return `note: an admin redirected a transfer of ${amount} (event ${event.index}): ${visible(reason)}`;
    }),
    ...findingLines(findings.list),
  ];
  if (findings.total > findings.list.length || findings.list.length > SHOWN_MAX) {
    lines.push(`... ${findings.total} findings in all; --json and --html have more`, '');
  }
  lines.push(verdict(report));
  return `${lines.join('\n')}\n`;
}

function bankText(bank: Report['checked']['bank']): string {
  if (bank === 'not checked') return bank;
  const missing = bank.missing.map((account) => `; ${account} not checked`).join('');
  return `holds ${bank.balance}${missing}`;
}

const findingLines = (list: readonly FindingSummary[]): string[] =>
  list.slice(0, SHOWN_MAX).flatMap((finding) => [findingLine(finding), '']);

/** One finding: code, place, what it is and what shows it. */
export function findingLine({ code, title, detail, event, gain }: FindingSummary): string {
  const where = event
    ? `event ${event.index}${event.stream && ` (${event.stream} ${event.number}, ${event.type})`}`
    : '';
  const sum = gainText(gain);
  return `${code}: ${title}${where && ` at ${visible(where)}`}\n    ${visible(detail)}${sum && `\n    ${sum}`}`;
}

/** Who is better off and by how much, in words; empty where no sum follows. */
export function gainText(gain: string | undefined): string {
  if (gain === undefined || gain.endsWith(':0')) return '';
  return gain.startsWith('-') ? `the exchange lost ${gain.slice(1)}` : `the exchange gained ${gain}`;
}

/** Events hold what anybody wrote: nothing of it may steer a terminal, break a line, or turn its direction. */
export const visible = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u{${character.codePointAt(0)?.toString(16)}}`;
  });

function verdict({ findings, checked }: Report): string {
  const bank = checked.bank === 'not checked' ? ' The bank side was not checked.' : '';
  if (findings.total === 0) return `No finding: every coin and every cent of the ledger is accounted for.${bank}`;
  const codes = findings.byCode.map(({ code, count }) => (count === 1 ? code : `${code} (${count})`));
  return `${findings.total} finding${findings.total === 1 ? '' : 's'}: ${codes.join(', ')}.${bank}`;
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
}

/** The last second that a date can be written of. */
const DATE_MAX_S = 8_640_000_000_000;

export function dateText(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'never';
  return seconds > DATE_MAX_S ? `second ${seconds}` : `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
}
