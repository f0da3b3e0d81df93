/** A stand-in in a process of its own: what it uses of time and memory is not the test's. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./main.js', import.meta.url));

export interface ServerProcess {
  readonly name: string;
  readonly connectionString: string;
  stop(): Promise<void>;
}

/** The server that FLORIN_TEST_EVENTSTORE names, or a stand-in. */
export async function serverProcess(): Promise<ServerProcess> {
  const real = process.env.FLORIN_TEST_EVENTSTORE;
  if (real !== undefined) return { name: 'EventStoreDB', connectionString: real, stop: async () => undefined };
  const child = spawn(process.execPath, [PROGRAM, '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    name: 'the stand-in for EventStoreDB',
    connectionString: chunk.toString().split('\n', 1)[0] ?? '',
    stop: async () => {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}
