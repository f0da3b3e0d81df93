import type { Metadata } from '@grpc/grpc-js';
import { systemEvent } from './append.js';
import { accessDenied, unauthenticated } from './errors.js';
import type { EventLog } from './log.js';
import type { View } from './stream-state.js';
import { isMetastream, isSystemStream, parseObject, streamAt } from './stream-state.js';

/** Letters of the access lists: read, write and delete a stream, read and write its `$$` stream. */
export type Permission = '$r' | '$w' | '$d' | '$mr' | '$mw';

export interface User {
  readonly password: string;
  readonly groups: readonly string[];
}

/** Who calls: everybody is in `$all`. */
export interface Caller {
  readonly name: string | undefined;
  readonly groups: readonly string[];
}

export const defaultUsers: Readonly<Record<string, User>> = {
  admin: { password: 'changeit', groups: ['$admins'] },
  ops: { password: 'changeit', groups: ['$ops'] },
};

const settingsStream = '$settings';
const adminsOnly = { $r: '$admins', $w: '$admins', $d: '$admins', $mr: '$admins', $mw: '$admins' };

/**
 * Facts, When things break: "no credentials, server with default access rules: appends and stream reads succeed, only
 * `$all` is refused". The rules are the server's: by permission, the stream's own `$acl`, else the default list
 * of its kind in `$settings`, else everybody for user streams and `$admins` for system streams, `$all` among them.
 * Without TLS the server knows no users and refuses nothing.
 */
export class AccessRules {
  readonly #users: Readonly<Record<string, User>>;
  readonly #enforced: boolean;

  constructor(options: { readonly enforced: boolean; readonly users: Readonly<Record<string, User>> }) {
    this.#users = options.users;
    this.#enforced = options.enforced;
  }

  /** @throws RpcError 16 for a wrong name or password */
  caller(headers: Metadata): Caller {
    const [header] = headers.get('authorization');
    if (!this.#enforced || header === undefined) return { name: undefined, groups: ['$all'] };
    const encoded = /^Basic (.+)$/i.exec(header.toString())?.[1] ?? '';
    const [, name = '', password] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString('utf8')) ?? [];
    const user = Object.hasOwn(this.#users, name) ? this.#users[name] : undefined;
    if (user === undefined || user.password !== password) throw unauthenticated();
    return { name, groups: ['$all', ...user.groups] };
  }

  /** `$all` is a stream name here, too. */
  allows(caller: Caller, permission: Permission, stream: string, view: View): boolean {
    if (!this.#enforced || caller.groups.includes('$admins')) return true;
    const owner = isMetastream(stream) ? stream.slice(2) : stream;
    const needed = owner === stream ? permission : permission === '$r' ? '$mr' : '$mw';
    const own = streamAt(view, owner).metadata.acl?.[needed];
    const roles = own ?? defaultList(view, isSystemStream(owner))[needed];
    return [roles].flat().some((role) => role === caller.name || caller.groups.includes(String(role)));
  }

  /** @throws RpcError 7 */
  require(caller: Caller, permission: Permission, stream: string, view: View): void {
    if (!this.allows(caller, permission, stream, view)) throw accessDenied();
  }
}

function defaultList(view: View, system: boolean): Readonly<Record<string, unknown>> {
  const everybody = { $r: '$all', $w: '$all', $d: '$all', $mr: '$all', $mw: '$all' };
  const builtIn = system ? adminsOnly : everybody;
  const settings = streamAt(view, settingsStream).events.at(-1);
  if (settings === undefined) return builtIn;
  const lists = parseObject(Buffer.from(settings.data).toString('utf8'));
  const list = lists[system ? '$systemStreamAcl' : '$userStreamAcl'];
  return typeof list === 'object' && list !== null ? { ...builtIn, ...list } : builtIn;
}

/** Sets the default access list so that strangers can neither read nor write: what an operator has to do. */
export function closeToStrangers(log: EventLog): void {
  const settings = JSON.stringify({ $userStreamAcl: adminsOnly, $systemStreamAcl: adminsOnly });
  const next = BigInt(log.stream(settingsStream).length);
  log.append(settingsStream, next, [systemEvent('update-default-acl', settings)]);
}
