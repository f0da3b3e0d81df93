import type { Server } from '@grpc/grpc-js';
import { batchAppend } from './batch-append.js';
import { gossipService } from './gossip.js';
import type { Connection, StandInNode } from './node.js';
import { GossipService, ServerFeaturesService, StreamsService } from './protocol.js';
import { read } from './read-service.js';
import { supportedMethods } from './server-features.js';
import { appendUnary, deleteStream, tombstoneStream } from './write-service.js';

/** All that a stand-in serves, on one connection. */
export function addServices(server: Server, node: StandInNode, connection: Connection): void {
  server.addService(StreamsService, {
    read: read(node, connection),
    append: appendUnary(node, connection),
    batchAppend: batchAppend(node, connection),
    delete: deleteStream(node),
    tombstone: tombstoneStream(node),
  });
  server.addService(GossipService, { read: gossipService(node) });
  server.addService(ServerFeaturesService, { getSupportedMethods: supportedMethods(node) });
}
