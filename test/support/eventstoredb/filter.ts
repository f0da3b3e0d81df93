import type { RecordedEvent } from './log.js';
import type { streams } from './protocol.js';

export type EventFilter = (event: RecordedEvent) => boolean;

export interface SubscriptionFilter {
  readonly matches: EventFilter;
  /** A checkpoint is due after this many events were looked at, matching or not. */
  readonly checkpointEvery: number;
}

/** The server's page of events, and so its search window where the client names none. */
const defaultWindow = 32;

/** Facts, Subscriptions: "filter by several stream prefixes works"; `checkpointReached` after `multiplier` windows. */
export function subscriptionFilter(options: streams.ReadReq.Options.FilterOptions): SubscriptionFilter {
  const window = options.hasMax() ? options.getMax() : defaultWindow;
  const checkpointEvery = window * Math.max(1, options.getCheckpointintervalmultiplier());
  const ofStream = options.getStreamIdentifier();
  if (ofStream !== undefined) {
    const matches = textFilter(ofStream);
    return { matches: (event) => matches(event.stream), checkpointEvery };
  }
  const ofType = options.getEventType();
  if (ofType === undefined) return { matches: () => true, checkpointEvery };
  const matches = textFilter(ofType);
  return { matches: (event) => matches(event.type), checkpointEvery };
}

function textFilter(expression: streams.ReadReq.Options.FilterOptions.Expression): (text: string) => boolean {
  const prefixes = expression.getPrefixList();
  if (prefixes.length > 0) return (text) => prefixes.some((prefix) => text.startsWith(prefix));
  const regex = new RegExp(expression.getRegex());
  return (text) => regex.test(text);
}
