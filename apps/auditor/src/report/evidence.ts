/** Puts the events themselves beside what was found of them. */
import { type Source, SourceError, type SourceEvent } from '../source/source.js';
import type { FindingSummary, Report } from './summary.js';

/** So many events are shown, each at most so long. */
const SHOWN_MAX = 200;
const TEXT_MAX = 4_000;

/** A source that breaks off now takes nothing back of what was found. */
export async function withEvidence(report: Report, source: Source): Promise<Report> {
  const { list } = report.findings;
  const indexes = [...new Set(list.flatMap(({ event }) => (event ? [event.index] : [])))].slice(0, SHOWN_MAX);
  if (indexes.length === 0) return report;
  const events = await source.events(indexes).catch((error: unknown) => {
    if (!(error instanceof SourceError)) throw error;
    return new Map<number, SourceEvent>();
  });
  const shown = list.map((finding): FindingSummary => {
    const event = finding.event && events.get(finding.event.index);
    return event ? { ...finding, evidence: event.text.slice(0, TEXT_MAX) } : finding;
  });
  return { ...report, findings: { ...report.findings, list: shown } };
}
