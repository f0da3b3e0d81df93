import type { handleUnaryCall, Server } from '@grpc/grpc-js';
import { batchAppend } from './batch-append.js';
import { clusterInfo } from './gossip.js';
import type { Connection, StandInNode } from './node.js';
import { features, GossipService, ServerFeaturesService, StreamsService, type shared } from './protocol.js';
import { read } from './read-service.js';
import { appendUnary, deleteStream, tombstoneStream } from './write-service.js';

/** 22.10 is the version whose behaviour was recorded; 23.10 adds what its source says. */
export type ServerVersion = '22.10' | '23.10';
const fullVersions: Readonly<Record<ServerVersion, string>> = { '22.10': '22.10.5', '23.10': '23.10.1' };

/** The client appends through BatchAppend because it is announced here. */
const announced = {
  'event_store.client.streams.streams': ['read', 'append', 'batchappend', 'delete', 'tombstone'],
  'event_store.client.gossip.gossip': ['read'],
};

/** All that a stand-in serves, on one connection. */
export function addServices(server: Server, node: StandInNode, connection: Connection): void {
  server.addService(StreamsService, {
    read: read(node, connection),
    append: appendUnary(node, connection),
    batchAppend: batchAppend(node, connection),
    delete: deleteStream(node),
    tombstone: tombstoneStream(node),
  });
  server.addService(GossipService, { read: clusterInfo(node) });
  server.addService(ServerFeaturesService, { getSupportedMethods: supportedMethods(node) });
}

function supportedMethods(node: StandInNode): handleUnaryCall<shared.Empty, features.SupportedMethods> {
  return (_call, done) => {
    const methods = Object.entries(announced).flatMap(([service, names]) =>
      names.map((name) => new features.SupportedMethod().setServiceName(service).setMethodName(name)),
    );
    const version = fullVersions[node.version];
    const answer = new features.SupportedMethods().setEventStoreServerVersion(version).setMethodsList(methods);
    void node.gate.passed().then(() => done(null, answer));
  };
}
