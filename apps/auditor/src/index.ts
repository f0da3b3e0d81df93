export { type BankHistory, compareBank, readBank } from './bank.js';
export { CATALOGUE, type FindingCode } from './catalogue.js';
export type { EventRef, Finding } from './findings.js';
export { Replay, type ReplayOptions } from './replay.js';
export type { Source, SourceEvent, SourceItem, Stretch } from './source/source.js';
