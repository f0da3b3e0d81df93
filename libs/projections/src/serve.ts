import { existsSync } from 'node:fs';
import { type MessagePort, parentPort } from 'node:worker_threads';
import { checkpointsOf, copyDatabase, removeDatabase, replaceDatabase } from './database.js';
import { type ViewCheckpoint, ViewsFile } from './file.js';
import type { OpenRequest, Reply, Request } from './protocol.js';
import type { AnyView } from './view.js';

/** The whole life of a thread that owns a file of `views`: it answers the main thread's requests until `close`. */
export function serveViews(views: readonly AnyView[]): void {
  if (!parentPort) throw new Error('views are served by a worker thread');
  const port: MessagePort = parentPort;
  const owner = new Owner(views);
  port.on('message', (request: Request) => {
    port.postMessage(replyTo(owner, request));
    if (request.name === 'close') port.close();
  });
}

function replyTo(owner: Owner, request: Request): Reply {
  const { id } = request;
  try {
    return { id, answer: owner.answer(request) };
  } catch (error) {
    const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
    return { id, error: { name, message, stack } };
  }
}

/** Who owns one file of views at a time. */
export class Owner {
  private opened: ViewsFile | undefined;

  constructor(private readonly views: readonly AnyView[]) {}

  answer(request: Request): unknown {
    switch (request.name) {
      case 'open':
        return this.open(request.args);
      case 'apply':
        return this.file.apply(request.args);
      case 'ask':
        return this.file.ask(request.args.view, request.args.query, request.args.args);
      case 'rows':
        return this.file.rows(request.args.view, request.args.selection);
      case 'empty':
        return this.reopened((path) => removeDatabase(path));
      case 'replace':
        return this.reopened((path) => {
          if (existsSync(request.args.by)) replaceDatabase(path, request.args.by);
        });
      case 'copy':
        copyDatabase(request.args.from, request.args.to);
        return checkpointsOf(request.args.to);
      case 'compare':
        return this.file.compareWith(request.args.path);
      case 'close':
        return this.opened?.close();
    }
  }

  private get file(): ViewsFile {
    if (!this.opened) throw new Error('no file of views is open');
    return this.opened;
  }

  private open({ views: names, restart, ...options }: OpenRequest): ViewCheckpoint[] {
    const views = names ? this.views.filter(({ name }) => names.includes(name)) : this.views;
    const view = views.find(({ name }) => name === restart?.view);
    const from = restart && view && { from: restart.from, view };
    this.opened = from ? ViewsFile.restarted({ ...options, views }, from) : new ViewsFile({ ...options, views });
    return this.opened.checkpoints();
  }

  /** Closes the file, changes what lies on the disk, and opens whatever lies there then. */
  private reopened(change: (path: string) => void): ViewCheckpoint[] {
    const { options } = this.file;
    this.file.close();
    try {
      change(options.path);
    } finally {
      this.opened = new ViewsFile(options);
    }
    return this.opened.checkpoints();
  }
}
