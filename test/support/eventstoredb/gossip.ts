import type { handleUnaryCall } from '@grpc/grpc-js';
import type { StandInNode } from './node.js';
import { gossip, shared } from './protocol.js';

/** What this node tells of its cluster: how a client with several hosts finds the leader, or a follower. */
export function clusterInfo(node: StandInNode): handleUnaryCall<shared.Empty, gossip.ClusterInfo> {
  return (_call, done) => {
    void node.gate.passed().then(() => {
      const members = node.cluster.nodes.map((member) => memberInfo(member));
      done(null, new gossip.ClusterInfo().setMembersList(members));
    });
  };
}

function memberInfo(member: StandInNode): gossip.MemberInfo {
  const endPoint = new gossip.EndPoint().setAddress(member.host).setPort(member.port);
  return new gossip.MemberInfo()
    .setInstanceId(new shared.UUID().setString(member.instanceId))
    .setTimeStamp((BigInt(Date.now()) * 10_000n).toString())
    .setState(stateOf(member))
    .setIsAlive(member.available)
    .setHttpEndPoint(endPoint);
}

/** During an election no node is in a state that a client would choose. */
function stateOf(member: StandInNode): gossip.MemberInfo.VNodeState {
  const { VNodeState } = gossip.MemberInfo;
  if (member.cluster.leader === undefined) return VNodeState.UNKNOWN;
  return member.cluster.leader === member ? VNodeState.LEADER : VNodeState.FOLLOWER;
}
