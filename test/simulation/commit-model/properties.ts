import type { Committed, CommittedUnit } from '@florin/event-store';
import { NO_EVENTS, START } from '@florin/event-store';
import { type Standing, standingOf } from '@florin/event-store/commit-protocol';
import { type Fact, Oracle } from './oracle.js';
import type { Disk, EndSeen, PageSeen, Record } from './process.js';
import type { SimulatedServer } from './server.js';
import { type Answer, INSTANCE, initialBalance } from './workload.js';

/** What must hold, in the words of those who rely on it. */
export const PROPERTIES = {
  atomic: 'a unit is committed whole or not at all, and once',
  durable: 'what was acknowledged is committed',
  'no lost update': 'every event rests on the state that its writer saw',
  'no stuck stream': 'whatever crashes, every stream can be decided and written again',
  'no secret in a void event': 'a commit-only signature is never written tentatively',
  'no unsettled prefix': 'what a reader was told of a stream stays true',
  'complete read': 'who is told that he has all of a stream has what was committed before he asked',
  'certain conflict': 'what was answered as a conflict is never committed',
  'justified refusal': 'a refusal rests on a state that is not older than its request',
  agreement: 'all readers and subscribers tell the same story, for ever',
  'no false alarm': 'nothing is called damaged that is not',
} as const;

export type Property = keyof typeof PROPERTIES;

export class BrokenProperty extends Error {
  override readonly name = 'BrokenProperty';
  constructor(
    readonly property: Property,
    readonly detail: string,
  ) {
    super(`${property} (${PROPERTIES[property]}): ${detail}`);
  }
}

export interface Answered {
  readonly command: string;
  readonly to: string;
  /** Whether there was but one way to meet it. */
  readonly only: boolean;
  readonly answer: Answer;
  /** Length of the log when the request was made. */
  readonly since: number;
}

export interface History {
  readonly server: SimulatedServer;
  readonly record: Record;
  readonly disks: readonly Disk[];
  readonly answered: readonly Answered[];
}

/** @throws BrokenProperty, the first one */
export function checkAll(history: History): void {
  const oracle = new Oracle(history.server, `${INSTANCE}.`);
  checkSecrets(oracle);
  checkWhole(oracle);
  // What was read before what was decided on it: the first one named is the nearest to the mistake.
  for (const page of history.record.pages) checkPage(oracle, history, page);
  checkUpdates(oracle);
  checkOnce(oracle);
  checkConflicts(oracle, history);
  checkOrder(oracle);
  for (const end of history.record.ends) checkEnd(oracle, history, end);
  for (const committed of history.record.commits) checkCommitted(oracle, committed);
  for (const answered of history.answered) checkAnswer(oracle, history, answered);
  checkSubscribers(oracle, history);
}

function checkSecrets({ tentative }: Oracle): void {
  const leak = tentative.find(({ data }) => (JSON.parse(data) as { secret?: boolean }).secret);
  if (leak) throw new BrokenProperty('no secret in a void event', `event ${leak.revision} of ${leak.stream}`);
}

function checkWhole({ units, facts }: Oracle): void {
  for (const { facts: inUnit } of units) {
    const { command, streams } = inUnit[0]?.data ?? { command: 'nobody', streams: [] };
    const touched = [...new Set(inUnit.map(({ stream }) => stream))].sort();
    if (touched.join() !== [...streams].sort().join()) {
      throw new BrokenProperty('atomic', `${command} wanted ${streams.join(', ')} and got ${touched.join(', ')}`);
    }
    if (inUnit.some(({ data }) => data.command !== command)) {
      throw new BrokenProperty('atomic', `a unit of ${command} holds an event of another command`);
    }
  }
  const inUnits = units.reduce((sum, unit) => sum + unit.facts.length, 0);
  const inStreams = [...facts.values()].reduce((sum, list) => sum + list.length, 0);
  if (inUnits !== inStreams) throw new BrokenProperty('atomic', `${inStreams} events in streams, ${inUnits} in units`);
}

function checkOnce({ units }: Oracle): void {
  const committed = new Set<string>();
  for (const { facts } of units) {
    const { command } = facts[0]?.data ?? { command: 'nobody' };
    if (committed.has(command)) throw new BrokenProperty('atomic', `${command} was committed twice`);
    committed.add(command);
  }
}

function checkConflicts({ units }: Oracle, { record }: History): void {
  const conflicts = new Set(record.conflicts);
  for (const { facts } of units) {
    const { command, attempt } = facts[0]?.data ?? { command: '', attempt: '' };
    if (conflicts.has(attempt)) throw new BrokenProperty('certain conflict', `an attempt of ${command} is committed`);
  }
}

function checkUpdates({ facts }: Oracle): void {
  for (const [stream, list] of facts) {
    let balance = initialBalance(stream);
    list.forEach(({ number, data }, i) => {
      balance += data.amount;
      if (number === i && data.saw === i && balance >= 0) return;
      const what = `event ${i} of ${stream} has the number ${number}, saw ${data.saw} events, leaves ${balance}`;
      throw new BrokenProperty('no lost update', what);
    });
  }
}

/** Every event of it is where it was said to be, and the streams stand there. */
function checkCommitted({ facts }: Oracle, { events, revisions }: Committed): void {
  const broken = (what: string): BrokenProperty => new BrokenProperty('durable', `${what} was acknowledged`);
  for (const { stream, number, position, data } of events) {
    const fact = facts.get(stream)?.[number];
    const isThere = fact?.position === position && JSON.stringify(fact.data) === JSON.stringify(data);
    if (!isThere) throw broken(`event ${number} of ${stream} at ${position}, which is not there,`);
  }
  for (const [stream, revision] of revisions) {
    const { count, physical, position } = standing(revision, broken);
    const last = facts.get(stream)?.[count - 1];
    const isThere = last?.position === position && last.revision === physical;
    if (!isThere) throw broken(`${stream} with ${count} events, the last one ${physical} at ${position},`);
  }
}

/** A page holds what is committed from its first number on; a complete one all of it, up to where the stream stood. */
function checkPage({ facts }: Oracle, { server }: History, { stream, fromNumber, page, since }: PageSeen): void {
  const list = facts.get(stream) ?? [];
  const told = page.events.map(({ number, position, data }) => `${number} ${position} ${JSON.stringify(data)}`);
  const truth = list
    .slice(fromNumber, fromNumber + told.length)
    .map(({ number, position, data }) => `${number} ${position} ${JSON.stringify(data)}`);
  const broken = (what: string): BrokenProperty =>
    new BrokenProperty('no unsettled prefix', `${stream} from ${fromNumber}: ${what}`);
  if (told.join('\n') !== truth.join('\n')) throw broken(`told\n${told.join('\n')}\nand there is\n${truth.join('\n')}`);
  const { count, physical, position } = standing(page.revision, broken);
  const due = Math.max(count - fromNumber, 0);
  if (page.complete ? told.length !== due : told.length === 0) throw broken(`told ${told.length} of ${due} events`);
  const before = endAt(server, since);
  const known = list.filter((fact) => fact.position <= before).length;
  if (page.complete && count < known) {
    throw new BrokenProperty('complete read', `${stream} is said to have ${count} events, and had ${known}`);
  }
  if (page.revision === NO_EVENTS) return;
  const committed = list.filter(({ revision }) => revision <= physical);
  if (committed.length !== count) throw broken(`${count} events up to ${physical}, and there are ${committed.length}`);
  if (committed.at(-1)?.position !== position) throw broken(`its last unit does not stand at ${position}`);
}

/** Where the log ended when it had so many events. */
const endAt = (server: SimulatedServer, since: number): bigint => server.log[since - 1]?.position ?? START;

/** @throws what `broken` makes of it, if the revision is none */
function standing(revision: PageSeen['page']['revision'], broken: (what: string) => BrokenProperty): Standing {
  try {
    return standingOf(revision);
  } catch (error) {
    throw broken(String(error));
  }
}

/** Units on one stream come in the order of its events. */
function checkOrder({ units }: Oracle): void {
  const counts = new Map<string, number>();
  for (const { stream, number, position } of units.flatMap(({ facts }) => facts)) {
    const count = counts.get(stream) ?? 0;
    if (number !== count) throw new BrokenProperty('agreement', `${number}@${stream} comes ${count}. at ${position}`);
    counts.set(stream, count + 1);
  }
}

function checkEnd({ units }: Oracle, { server }: History, { last, since, counted }: EndSeen): void {
  const upTo = (position: bigint): Oracle['units'] => units.filter((unit) => unit.position <= position);
  const before = endAt(server, since);
  const due = upTo(before).at(-1)?.position ?? START;
  const isEnd = last === START || units.some(({ position }) => position === last);
  if (!isEnd || last < due) throw new BrokenProperty('agreement', `the end is said to be ${last}, and was at ${due}`);
  const events = upTo(counted.position).reduce((sum, { facts }) => sum + facts.length, 0);
  if (events === counted.events) return;
  const what = `${counted.events} events are said to be up to ${counted.position}, and there are ${events}`;
  throw new BrokenProperty('agreement', what);
}

function checkAnswer(oracle: Oracle, { server }: History, { command, to, only, answer, since }: Answered): void {
  const own = (oracle.facts.get(to) ?? []).filter(({ data }) => data.command === command);
  switch (answer.kind) {
    case 'accepted':
      if (own[0]?.position === answer.position) return;
      throw new BrokenProperty('durable', `${command} was accepted at ${answer.position}; there is ${show(own)}`);
    case 'repeated':
      if (own.some(({ number }) => number === answer.number)) return;
      throw new BrokenProperty('durable', `${command} was repeated as ${answer.number}; there is ${show(own)}`);
    case 'refused': {
      const what = `${command} was refused on ${answer.count} events of ${answer.stream}`;
      const before = endAt(server, since);
      const next = oracle.facts.get(answer.stream)?.[answer.count];
      if (next && next.position <= before) {
        throw new BrokenProperty('justified refusal', `${what}, when the next one had been committed`);
      }
      // Where there is no other way to meet it, what was refused once can never be: its streams have moved on.
      if (own[0] && (only || own[0].position <= before)) {
        throw new BrokenProperty('justified refusal', `${what}, and is committed at ${own[0].position}`);
      }
      return;
    }
    case 'overtaken':
  }
}

const show = (facts: readonly Fact[]): string => facts.map(({ number, position }) => `${number}@${position}`).join();

function checkSubscribers({ units }: Oracle, { record, disks }: History): void {
  const starts = new Map<number, number>();
  let index = 0;
  units.forEach(({ facts }, i) => {
    starts.set(index, i);
    index += facts.length;
  });
  disks.forEach(({ applied }, i) => {
    compare(applied, units.map(line), `subscriber ${i}`);
  });
  for (const { unit, by } of record.units) {
    const place = starts.get(unit.events[0]?.index ?? -1);
    const truth = place === undefined ? undefined : units[place];
    compare([unit], truth ? [line(truth)] : [], by);
  }
}

const line = ({ position, facts }: Oracle['units'][number]): string =>
  `${position}: ${facts.map(({ stream, number }) => `${number}@${stream}`).join(' ')}`;

function compare(told: readonly CommittedUnit[], truth: readonly string[], by: string): void {
  let index = told[0]?.events[0]?.index ?? 0;
  told.forEach(({ position, events }, i) => {
    const said = `${position}: ${events.map(({ stream, number }) => `${number}@${stream}`).join(' ')}`;
    const counted = events.every((event) => event.index === index++ && event.position === position);
    if (said === truth[i] && counted) return;
    throw new BrokenProperty('agreement', `${by} was told ${said} where there is ${truth[i] ?? 'nothing'}`);
  });
  if (told.length < truth.length) {
    throw new BrokenProperty('agreement', `${by} was told ${told.length} of ${truth.length} units`);
  }
}
