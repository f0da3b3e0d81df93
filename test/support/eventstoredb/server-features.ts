import type { handleUnaryCall } from '@grpc/grpc-js';
import type { StandInNode } from './node.js';
import { features, type shared } from './protocol.js';

/** The version whose behaviour eventstoredb-facts.md records. */
export const serverVersion = '22.10.5';

const streamMethods = ['read', 'append', 'batchappend', 'delete', 'tombstone'];

/** The client appends through BatchAppend because it is announced here. */
export function supportedMethods(node: StandInNode): handleUnaryCall<shared.Empty, features.SupportedMethods> {
  return (_call, done) => {
    const methods = streamMethods.map((name) =>
      new features.SupportedMethod().setServiceName('event_store.client.streams.streams').setMethodName(name),
    );
    const gossip = new features.SupportedMethod()
      .setServiceName('event_store.client.gossip.gossip')
      .setMethodName('read');
    const answer = new features.SupportedMethods().setEventStoreServerVersion(serverVersion);
    void node.gate.passed().then(() => done(null, answer.setMethodsList([...methods, gossip])));
  };
}
