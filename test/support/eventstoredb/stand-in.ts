import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ServerCredentials } from '@grpc/grpc-js';
import { AccessRules, closeToStrangers, defaultUsers, type User } from './access.js';
import { selfSignedCertificate } from './certificate.js';
import { Cluster, type ElectionOptions } from './cluster.js';
import { Faults, seededRandom } from './faults.js';
import { LateWrites } from './late-writes.js';
import { EventLog } from './log.js';
import { type SlowConsumerLimits, StandInNode } from './node.js';
import { type FollowerLag, Replica } from './replica.js';
import type { ServerVersion } from './services.js';
import { FolderStorage } from './storage.js';

export interface StandInOptions {
  /** Number of servers. Default 1; 3 makes a cluster. */
  readonly nodes?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Port of the first node, the others take the following ones. Default 0: any free ones. */
  readonly port?: number;
  /** Keeps the log in this folder, and finds it there again. Default: in memory only. */
  readonly folder?: string;
  /** With TLS the server knows users and has access rules; without it knows none and refuses nothing. Default false. */
  readonly tls?: boolean;
  /** Default: `admin` and `ops`, both `changeit`. */
  readonly users?: Readonly<Record<string, User>>;
  /** `default`: strangers may read and write streams; `closed`: as an operator has to set it. Needs TLS. */
  readonly access?: 'default' | 'closed';
  /** Default: one append in twenty reaches a follower 25 ms late. */
  readonly followerLag?: FollowerLag;
  /** Time without a leader after one is lost, in milliseconds. Default 1,000. */
  readonly electionMs?: number;
  /** Default: 32 events waiting and nothing taken for 1,000 ms. */
  readonly slowConsumer?: SlowConsumerLimits;
  /** Default 22.10; 23.10 says when a subscription has caught up. */
  readonly version?: ServerVersion;
  /** Seed of everything that happens by chance: lag and probable faults. Default 1. */
  readonly seed?: number;
}

export interface ConnectionStringOptions {
  readonly nodePreference?: 'leader' | 'follower' | 'random';
  /** `name:password`; default `admin:changeit` with TLS. */
  readonly user?: string | undefined;
  /** One node only, instead of all of them. */
  readonly node?: number;
  /** Further options of the client, by their names. */
  readonly parameters?: Readonly<Record<string, string | number>>;
}

/**
 * A stand-in for EventStoreDB 22.10, for tests: one server or a cluster, speaking its gRPC protocol on real sockets, so
 * that the real client library runs against it. It behaves as written down in design/eventstoredb-facts.md (the
 * comments in this folder name the rows) and shares no code with what it tests. It is no database.
 */
export class StandIn {
  readonly cluster: Cluster;
  readonly faults: Faults;
  readonly lateWrites = new LateWrites();
  readonly nodes: readonly StandInNode[];
  /** Path of the certificate to trust, with TLS. */
  readonly certificateFile: string | undefined;
  readonly #temporaryFolder: string | undefined;

  /** Starts all nodes; resolves when they accept connections and one of them leads. */
  static async start(options: StandInOptions = {}): Promise<StandIn> {
    const standIn = new StandIn(options);
    for (const node of standIn.nodes) await node.start();
    standIn.cluster.form(standIn.nodes);
    if (options.access === 'closed') closeToStrangers(standIn.log);
    return standIn;
  }

  private constructor(options: StandInOptions) {
    const { nodes = 1, host = '127.0.0.1', port = 0, folder, tls = false, electionMs = 1_000 } = options;
    const { version = '22.10' } = options;
    const { followerLag = { probability: 0.05, ms: 25 }, slowConsumer = { events: 32, ms: 1_000 } } = options;
    const random = seededRandom(options.seed ?? 1);
    const log = new EventLog(folder === undefined ? undefined : new FolderStorage(folder));
    const rules = new AccessRules({ enforced: tls, users: options.users ?? defaultUsers });
    this.cluster = new Cluster(log, electionMs);
    this.faults = new Faults(random);
    let credentials = ServerCredentials.createInsecure();
    if (tls) {
      const identity = selfSignedCertificate([...new Set([host, '127.0.0.1', 'localhost'])]);
      const { certificate, privateKey } = identity;
      const pair = { cert_chain: Buffer.from(certificate), private_key: Buffer.from(privateKey) };
      credentials = ServerCredentials.createSsl(null, [pair]);
      if (folder === undefined) this.#temporaryFolder = mkdtempSync(path.join(tmpdir(), 'stand-in-'));
      else mkdirSync(folder, { recursive: true });
      this.certificateFile = path.join(folder ?? this.#temporaryFolder ?? '', 'certificate.pem');
      writeFileSync(this.certificateFile, certificate);
    }
    this.nodes = Array.from({ length: nodes }, (_, index) => {
      const replica = new Replica(log, { lag: followerLag, random });
      const { cluster, faults, lateWrites } = this;
      const ownPort = port === 0 ? 0 : port + index;
      const shared = { host, credentials, cluster, rules, faults, lateWrites, slowConsumer, version };
      return new StandInNode({ index, port: ownPort, replica, ...shared });
    });
  }

  get log(): EventLog {
    return this.cluster.log;
  }

  /** The only node, or the first. */
  get node(): StandInNode {
    const [first] = this.nodes;
    if (first === undefined) throw new RangeError('a stand-in has at least one node');
    return first;
  }

  get leader(): StandInNode | undefined {
    return this.cluster.leader;
  }

  get followers(): readonly StandInNode[] {
    return this.nodes.filter((node) => node !== this.leader);
  }

  /** What `EventStoreDBClient.connectionString` takes. */
  get connectionString(): string {
    return this.connectionStringWith({});
  }

  connectionStringWith({ nodePreference, node, parameters = {}, ...options }: ConnectionStringOptions): string {
    const secure = this.certificateFile !== undefined;
    const user = 'user' in options ? options.user : secure ? 'admin:changeit' : undefined;
    const hosts = this.nodes.filter(({ index }) => node === undefined || index === node);
    const query = new URLSearchParams(secure ? { tls: 'true', tlsCAFile: this.certificateFile } : { tls: 'false' });
    if (nodePreference !== undefined) query.set('nodePreference', nodePreference);
    for (const [name, value] of Object.entries(parameters)) query.set(name, String(value));
    const authority = hosts.map((one) => `${one.host}:${one.port}`).join(',');
    return `esdb://${user === undefined ? '' : `${user}@`}${authority}?${query.toString().replaceAll('+', '%20')}`;
  }

  /** Takes the leadership away for a while; resolves when there is a leader again. */
  elect(options?: ElectionOptions): Promise<void> {
    return this.cluster.elect(options);
  }

  /** Ends everything; late writes that still wait are never written. */
  async close(): Promise<void> {
    this.lateWrites.clear();
    for (const node of this.nodes) node.replica.close();
    for (const node of this.nodes) await node.kill();
    this.cluster.close();
    this.log.close();
    if (this.#temporaryFolder !== undefined) rmSync(this.#temporaryFolder, { recursive: true, force: true });
  }
}
