import type { ExportLine } from '@florin/event-store';

type Line = Extract<ExportLine, { kind: 'event' | 'damaged' }>;

/**
 * Lines of an export as they come, except that one whose index alone is wrong is handed out as damaged: its neighbours
 * say where it stands. Else everything behind an index that was changed upward would seem to be a repetition.
 */
export async function* inPlace(lines: AsyncIterable<ExportLine>): AsyncGenerator<ExportLine> {
  let next: number | undefined;
  let doubtful: Line | undefined;
  for await (const line of lines) {
    const index = indexOf(line);
    if (doubtful && next !== undefined) {
      const isMisnamed = index === next + 1;
      yield isMisnamed ? misnamed(doubtful, next) : doubtful;
      next = (isMisnamed ? next : (indexOf(doubtful) ?? next)) + 1;
      doubtful = undefined;
    }
    if (line.kind === 'header') next = line.header.first;
    if (line.kind === 'header' || line.kind === 'tail') {
      yield line;
    } else if (next !== undefined && index !== undefined && index !== next) {
      doubtful = line;
    } else {
      yield line;
      next = (index ?? next ?? 0) + 1;
    }
  }
  if (doubtful) yield doubtful;
}

const indexOf = (line: ExportLine): number | undefined =>
  line.kind === 'event' ? line.event.index : line.kind === 'damaged' ? line.index : undefined;

function misnamed(line: Line, index: number): ExportLine {
  const reason = `it says to be event ${indexOf(line)}, and stands in the place of event ${index}`;
  return { kind: 'damaged', line: line.line, reason, index };
}
