/** One audit from its source to its reports. */
import { Replay } from './replay.js';
import { reportOf } from './report/summary.js';
import { textReport } from './report/text.js';
import { FolderSource } from './source/folder.js';

export interface AuditOptions {
  readonly data: string;
  readonly master?: string;
  readonly signatures: boolean;
  readonly threads?: number;
}

/** @returns the exit code: 0 clean, 1 findings @throws SourceError if there is nothing to audit */
export async function audit(options: AuditOptions): Promise<number> {
  const { master, signatures, threads } = options;
  const source = new FolderSource(options.data);
  const started = performance.now();
  const replay = new Replay({ signatures, ...(master && { masterPub: master }), ...(threads && { threads }) });
  try {
    for await (const stretch of source.read(0)) await replay.take(stretch);
    const now = Math.floor(Date.now() / 1000);
    await replay.settle(now);
    replay.conclude();
    const report = reportOf(replay, {
      auditedAt: now,
      source: source.name,
      mode: 'full replay',
      seconds: (performance.now() - started) / 1000,
      masterPubGiven: master !== undefined,
      bank: undefined,
    });
    process.stdout.write(textReport(report));
    return report.verdict === 'clean' ? 0 : 1;
  } finally {
    await replay.close();
    await source.close();
  }
}
