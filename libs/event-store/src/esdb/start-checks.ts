import { randomUUID } from 'node:crypto';
import { connect } from 'node:tls';
import { type JSONEventType, jsonEvent } from '@eventstore/db-client';
import { patiently } from '../patience.js';
import { StoreUnavailable } from '../port.js';
import { EsdbClient } from './client.js';
import { Connection } from './connection.js';
import { GRPC, grpcCodeOf, messageOf, StoreMisconfigured, typeOf } from './errors.js';
import { within } from './timing.js';

export interface ServerFacts {
  /** As the server says, for instance 22.10.5.0. */
  readonly version: string;
  /** Without TLS the server knows no users, and whoever reaches it can write. */
  readonly isSecure: boolean;
}

export interface CheckOptions {
  readonly connectionString: string;
  readonly instance: string;
  readonly callTimeoutMs: number;
}

const OLDEST = [22, 10] as const;

/**
 * Whether the server is fit to keep a ledger, asked before it is used and by `doctor`.
 * @throws StoreMisconfigured if somebody has to change something, StoreUnavailable if it is only away
 */
export async function checkServer(options: CheckOptions): Promise<ServerFacts> {
  try {
    return await check(options);
  } catch (error) {
    const reason = told(error);
    if (reason instanceof StoreMisconfigured) throw reason;
    throw (await reasonOfNodes(options)) ?? reason;
  }
}

async function check(options: CheckOptions): Promise<ServerFacts> {
  const { connectionString, callTimeoutMs } = options;
  const limits = { appendsInFlightMax: 1, readsInFlightMax: 1 };
  const client = new EsdbClient({ connectionString, callTimeoutMs, ...limits });
  try {
    const version = await client.serverVersion();
    checkVersion(version);
    await client.readAllBackward({ before: 'end', max: 1 });
    const isSecure = !TLS_OFF.test(connectionString);
    if (isSecure) await checkStrangers(options);
    return { version, isSecure };
  } finally {
    await client.close();
  }
}

function checkVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw new StoreMisconfigured(`the server is EventStoreDB ${version}; needed is ${OLDEST.join('.')} or newer`);
}

/** With the default access rules anybody may append: they have to be set so that strangers cannot. */
async function checkStrangers({ connectionString, instance, callTimeoutMs }: CheckOptions): Promise<void> {
  if (!CREDENTIALS.test(connectionString)) {
    throw new StoreMisconfigured('the connection string has no name and password, which a server with TLS asks for');
  }
  const stranger = new Connection(connectionString.replace(CREDENTIALS, '$1'));
  try {
    // At a revision that no stream has, so that nothing is written even if it is allowed.
    const probe = jsonEvent<JSONEventType<string, Record<string, string>>>({
      id: randomUUID(),
      type: 'Probe',
      data: {},
    });
    const appended = stranger.client.appendToStream(`${instance}.keys`, probe, {
      expectedRevision: 2n ** 40n,
      requiresLeader: false,
    });
    await within({ after: patiently }, callTimeoutMs, appended, () => {
      throw new StoreUnavailable('the server did not say whether strangers may write');
    });
  } catch (error) {
    if (typeOf(error) === 'access-denied' || grpcCodeOf(error) === GRPC.unauthenticated) return;
    if (typeOf(error) !== 'wrong-expected-version') throw error;
  } finally {
    await stranger.close(new StoreUnavailable('the check is over'));
  }
  throw new StoreMisconfigured(
    'whoever reaches the server can append to the ledger without a password: set the default access list, by an ' +
      'event of type update-default-acl in the stream $settings, so that $userStreamAcl allows only the user of the ' +
      'exchange $r, $w, $d, $mr and $mw',
  );
}

/** Looking for the leader of a cluster the library keeps to itself why it found none: each node is asked alone. */
async function reasonOfNodes(options: CheckOptions): Promise<StoreMisconfigured | undefined> {
  const [, credentials = '', hosts = '', rest = ''] = PARTS.exec(options.connectionString) ?? [];
  for (const host of hosts.split(',')) {
    const connection = new Connection(`esdb://${credentials}${host}${rest}`);
    try {
      await within({ after: patiently }, options.callTimeoutMs, connection.serverVersion(), () => '');
    } catch (error) {
      const reason = told(error);
      if (reason instanceof StoreMisconfigured) return reason;
      if (TLS_OFF.test(rest) && (await speaksTls(host, options.callTimeoutMs))) {
        return new StoreMisconfigured(`${host} speaks TLS, and the connection string says tls=false`);
      }
    } finally {
      await connection.close(new StoreUnavailable('the check is over'));
    }
  }
  return undefined;
}

function speaksTls(host: string, timeoutMs: number): Promise<boolean> {
  const [name = '', port = '2113'] = host.split(':');
  return new Promise((resolve) => {
    const socket = connect({ host: name, port: Number(port), rejectUnauthorized: false, timeout: timeoutMs });
    const answer = (speaks: boolean) => () => {
      socket.destroy();
      resolve(speaks);
    };
    socket.on('secureConnect', answer(true)).on('error', answer(false)).on('timeout', answer(false));
  });
}

/** What an operator has to be told: configuration errors apart from outages. */
function told(error: unknown): Error {
  if (error instanceof StoreMisconfigured) return error;
  const cause = error instanceof StoreUnavailable && error.cause !== undefined ? error.cause : error;
  const [message, code] = [messageOf(cause), grpcCodeOf(cause)];
  if (code === GRPC.unauthenticated) return new StoreMisconfigured(`the server does not know the user: ${message}`);
  if (code === GRPC.permissionDenied || typeOf(cause) === 'access-denied') {
    return new StoreMisconfigured(`the user may not read all streams of the server: ${message}`);
  }
  if (code === GRPC.unavailable && TLS_TROUBLE.test(message)) {
    return new StoreMisconfigured(`TLS does not work between exchange and server: ${message}`);
  }
  return error instanceof StoreUnavailable ? error : new StoreUnavailable(message, { cause: error });
}

const TLS_OFF = /[?&]tls=false\b/i;
/** The scheme, then what stands before the at sign. */
const CREDENTIALS = /^([^:]+:\/\/)[^/?@]*@/;
/** Credentials, hosts, and the rest. */
const PARTS = /^[^:]+:\/\/([^/?@]*@)?([^/?]+)(.*)$/;
/** In the words of Node and OpenSSL. */
const TLS_TROUBLE = /certificate|altnames|wrong version number|packet length too long|secure TLS|EPROTO|CERT_/i;
