import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ElectionOptions } from './cluster.js';
import type { Fault } from './faults.js';
import type { StandInNode } from './node.js';
import type { StandIn } from './stand-in.js';

/** What the control port understands; `--help` prints it. */
export const controlHelp = `GET    /                            state: nodes, leader, events, faults, late writes
POST   /nodes/N/suspend | resume    as SIGSTOP and SIGCONT
POST   /nodes/N/kill | start        connections reset and refused | the same port again
POST   /nodes/N/reset               all connections reset
POST   /nodes/N/abort-subscriptions "Consumer too slow"
POST   /nodes/N/hold | release      a follower that falls behind | catches up
POST   /nodes/N/refuse-leadership   {times?}: NotLeader to the next calls that require a leader
POST   /election                    {ms?, to?, keepAppends?}: no leader for a while; answers when there is one
POST   /faults                      {kind, ms?, after?, times?, stream?, probability?}; kinds: see faults.ts
DELETE /faults                      all planned faults off
POST   /late-writes/release         writes what late-write holds back
`;

type Body = Record<string, unknown>;

/** Switches faults on and off from another process, over HTTP with JSON bodies. Answers with the state afterwards. */
export async function startControl(standIn: StandIn, port: number, host: string): Promise<Server> {
  const server = createServer((request, response) => {
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
    };
    perform(standIn, request).then(
      (known) => (known ? answer(200, stateOf(standIn)) : answer(404, { error: `${request.method} ${request.url}` })),
      (error: unknown) => answer(400, { error: error instanceof Error ? error.message : String(error) }),
    );
  });
  server.listen(port, host);
  await once(server, 'listening');
  return server;
}

export const controlPort = (server: Server): number => (server.address() as AddressInfo).port;

function stateOf(standIn: StandIn): unknown {
  const nodes = standIn.nodes.map((node) => ({
    port: node.port,
    running: node.running,
    suspended: node.gate.closed,
    leading: node === standIn.leader,
    events: node.replica.length,
  }));
  const { planned } = standIn.faults;
  return {
    leader: standIn.leader?.index ?? null,
    nodes,
    events: standIn.log.length,
    faults: planned.map((fault) => ({
      ...fault,
      times: fault.times === Number.POSITIVE_INFINITY ? null : fault.times,
    })),
    lateWrites: standIn.lateWrites.count,
  };
}

/** @returns whether there is such a thing to do */
async function perform(standIn: StandIn, request: IncomingMessage): Promise<boolean> {
  const [first, second, third] = (request.url ?? '/').split('/').filter((part) => part !== '');
  const body = await bodyOf(request);
  switch (`${request.method} /${first ?? ''}`) {
    case 'GET /':
      return first === undefined;
    case 'POST /nodes': {
      const node = standIn.nodes[Number(second)];
      return node !== undefined && (await performOn(node, third, body));
    }
    case 'POST /election':
      await standIn.elect(body as ElectionOptions);
      return true;
    case 'POST /faults':
      // JSON has no infinity: null is "until cleared".
      standIn.faults.add({ ...body, ...(body.times === null ? { times: Number.POSITIVE_INFINITY } : {}) } as Fault);
      return true;
    case 'DELETE /faults':
      standIn.faults.clear();
      return true;
    case 'POST /late-writes':
      await standIn.lateWrites.release();
      return second === 'release';
    default:
      return false;
  }
}

async function performOn(node: StandInNode, action: string | undefined, body: Body): Promise<boolean> {
  switch (action) {
    case 'suspend':
      node.suspend();
      return true;
    case 'resume':
      node.resume();
      return true;
    case 'kill':
      await node.kill();
      return true;
    case 'start':
      await node.start();
      return true;
    case 'reset':
      node.reset();
      return true;
    case 'abort-subscriptions':
      node.abortSubscriptions();
      return true;
    case 'hold':
      node.replica.hold();
      return true;
    case 'release':
      node.replica.release();
      return true;
    case 'refuse-leadership':
      node.refuseLeadership(body as { times?: number });
      return true;
    default:
      return false;
  }
}

async function bodyOf(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  return text === '' ? {} : (JSON.parse(text) as Body);
}
