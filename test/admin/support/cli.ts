/** Runs the compiled admin tool as people do. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../../../apps/admin/dist/main.js', import.meta.url));

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What it printed, as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: each command has a shape of its own
  readonly json: any;
}

/** The tool on a data folder, to its end. */
export const runAdmin = (data: string, ...args: string[]): Promise<Run> => runAdminWith({}, data, ...args);

/**
 * @param environment what it finds there besides
 * @param data undefined: it is to find the folder by its environment
 */
export function runAdminWith(
  environment: Readonly<Record<string, string>>,
  data: string | undefined,
  ...args: string[]
): Promise<Run> {
  const env = { ...process.env, ...environment };
  const named = data === undefined ? [] : ['--data', data];
  const child = spawn(process.execPath, [PROGRAM, ...named, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({
        code,
        stdout,
        stderr,
        get json() {
          return JSON.parse(stdout);
        },
      });
    });
  });
}
