/**
 * The wire protocol of EventStoreDB, taken from the client package itself: its generated protobuf classes and gRPC
 * service definitions. Nothing else in this folder imports generated code, so this is the one place that knows how
 * the CommonJS of the generator is reached from ESM.
 */

import gossipGrpc from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import gossip from '@eventstore/db-client/generated/gossip_pb.js';
import featuresGrpc from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import features from '@eventstore/db-client/generated/serverfeatures_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import status from '@eventstore/db-client/generated/status_pb.js';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import anyPb from 'google-protobuf/google/protobuf/any_pb.js';
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js';

export { features, gossip, shared, status, streams };

export const { StreamsService } = streamsGrpc;
export const { GossipService } = gossipGrpc;
export const { ServerFeaturesService } = featuresGrpc;

/** google.protobuf.Any and Empty: the batch append uses the well-known types, the rest the package's own Empty. */
export const { Any } = anyPb;
export const { Empty: WellKnownEmpty } = emptyPb;
