/** What the composition root hands in: final settings, the log and the store, as classes that Nest can inject. */
import type { EventStore as EventStorePort, Leases as LeasesPort } from '@florin/event-store';
import type { Logger } from 'pino';
import type { Settings } from '../config/config.js';

/** The configuration once the ports are chosen and the development bank has said what it needs. */
export interface Config extends Settings {
  readonly baseUrl: string;
  readonly keys: string;
}
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: what Nest injects by type needs a class of that name
export abstract class Config {}

export interface Log extends Pick<Logger, 'debug' | 'info' | 'warn' | 'error'> {}
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: what Nest injects by type needs a class of that name
export abstract class Log {}

export interface EventStore extends EventStorePort {}
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: what Nest injects by type needs a class of that name
export abstract class EventStore {}

export interface Leases extends LeasesPort {}
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: what Nest injects by type needs a class of that name
export abstract class Leases {}
