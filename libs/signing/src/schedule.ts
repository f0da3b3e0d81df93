import { type Amount, formatAmount, MAX_TIMESTAMP } from '@florin/encoding';

/*
 * Which keys to create now. Pure: configuration, what is offered already and the time come in, a list of keys goes out.
 *
 *   key 1  |== withdraw ==|---- deposit ----|---- legal ----|
 *   key 2            |== withdraw ==|---- deposit ----|---- legal ----|
 *                    ^ begins `overlap` before key 1 ends, is created `lookahead` before it begins
 *
 * At each moment a configured denomination has a key that signs. A key starts when its predecessor leaves off, never in
 * the past: after a downtime there is one that starts now, and none for the time that nobody can use any more. There is
 * never a gap as long as somebody looks at the plan more often than once in `overlap + lookahead`.
 * Source: issue 3 point 4; order of stamps: protocol/endpoints.md B1
 */

/** The four fees of a denomination, in the order in which they are signed. */
export interface DenominationFees {
  readonly withdraw: Amount;
  readonly deposit: Amount;
  readonly refresh: Amount;
  readonly refund: Amount;
}

/** Durations of a chain of keys, in whole seconds. */
export interface Rotation {
  /** How long before its predecessor ends a key begins. Shorter than the period of one key. */
  readonly overlapSeconds: number;
  /** How long before it begins a key is created and published. */
  readonly lookaheadSeconds: number;
}

export type CipherConfig = { readonly cipher: 'RSA'; readonly bits: number } | { readonly cipher: 'CS' };

/** One denomination of the configuration. Value, cipher and age mask tell denominations apart. */
export type DenominationConfig = Rotation &
  CipherConfig & {
    readonly value: Amount;
    readonly fees: DenominationFees;
    /** Bit a is set where an age group begins; 0 without age restriction. */
    readonly ageMask: number;
    /** How long one key signs. */
    readonly withdrawSeconds: number;
    /** How long after that its coins can be spent. */
    readonly depositSeconds: number;
    /** How long after that its records count in a dispute. */
    readonly legalSeconds: number;
  };

export interface SigningKeyConfig extends Rotation {
  /** How long one key signs. */
  readonly signSeconds: number;
  /** How long after that its signatures count in a dispute. */
  readonly legalSeconds: number;
}

/** Stamps in whole seconds since 1970: start < expireWithdraw < expireDeposit < expireLegal. */
export interface DenominationStamps {
  readonly start: number;
  readonly expireWithdraw: number;
  readonly expireDeposit: number;
  readonly expireLegal: number;
}

/** Stamps in whole seconds since 1970: start < expire < end. */
export interface SigningKeyStamps {
  readonly start: number;
  /** When it stops to sign. */
  readonly expire: number;
  /** When its signatures stop to count. */
  readonly end: number;
}

/** What the plan has to know of a denomination key that is offered. */
export interface DenominationOnOffer extends Pick<DenominationStamps, 'start' | 'expireWithdraw'> {
  readonly value: Amount;
  readonly pub: { readonly cipher: 'RSA' | 'CS'; readonly ageMask: number };
  /** A revoked key signs nothing more: another takes its place at once. */
  readonly revoked?: boolean;
}

/** What the plan has to know of an online signing key that is offered. */
export interface SigningKeyOnOffer extends Pick<SigningKeyStamps, 'start' | 'expire'> {
  readonly revoked?: boolean;
}

/** A denomination key to create: with the fees that are configured now, which later changes leave as they are. */
export type PlannedDenomination = DenominationStamps &
  CipherConfig & { readonly value: Amount; readonly fees: DenominationFees; readonly ageMask: number };

/** More keys at a time than this for one denomination are a slip in the configuration. */
const CHAIN_MAX = 1000;

/**
 * The denomination keys to create now, those that begin first before the others. Keys on offer count whatever their
 * fees and durations: a change of these begins with the next key that is created.
 * @param now whole seconds since 1970
 * @throws RangeError on durations that give no chain, and on two configurations of one denomination
 */
export function planDenominations(
  config: readonly DenominationConfig[],
  offered: readonly DenominationOnOffer[],
  now: number,
): PlannedDenomination[] {
  const planned = new Map<string, PlannedDenomination[]>();
  for (const denomination of config) {
    const name = denominationName(denomination.value, denomination);
    if (planned.has(name)) throw new RangeError(`the denomination ${name} is configured twice`);
    const { withdrawSeconds, depositSeconds, legalSeconds } = denomination;
    const life = { withdrawSeconds, depositSeconds, legalSeconds };
    const chain = { ...denomination, name, useSeconds: withdrawSeconds, life };
    const live = offered.filter((key) => !key.revoked && denominationName(key.value, key.pub) === name);
    const periods = live.map(({ start, expireWithdraw }) => ({ start, end: expireWithdraw }));
    planned.set(
      name,
      planStarts(chain, periods, now).map((start) => denominationFrom(denomination, start)),
    );
  }
  return [...planned.values()].flat().sort((a, b) => a.start - b.start);
}

/**
 * The online signing keys to create now, in the order in which they begin.
 * @param now whole seconds since 1970
 * @throws RangeError on durations that give no chain
 */
export function planSigningKeys(
  config: SigningKeyConfig,
  offered: readonly SigningKeyOnOffer[],
  now: number,
): SigningKeyStamps[] {
  const { signSeconds, legalSeconds } = config;
  const periods = offered.filter((key) => !key.revoked).map(({ start, expire }) => ({ start, end: expire }));
  const chain = {
    ...config,
    name: 'online signing keys',
    useSeconds: signSeconds,
    life: { signSeconds, legalSeconds },
  };
  return planStarts(chain, periods, now).map((start) => {
    const expire = start + signSeconds;
    return { start, expire, end: expire + legalSeconds };
  });
}

function denominationFrom(config: DenominationConfig, start: number): PlannedDenomination {
  const { value, fees, ageMask } = config;
  const expireWithdraw = start + config.withdrawSeconds;
  const expireDeposit = expireWithdraw + config.depositSeconds;
  const expireLegal = expireDeposit + config.legalSeconds;
  const key = config.cipher === 'RSA' ? { cipher: config.cipher, bits: config.bits } : { cipher: config.cipher };
  return { ...key, value, fees, ageMask, start, expireWithdraw, expireDeposit, expireLegal };
}

/** `EUR:1 RSA`, with the age mask where there is one: what a chain of keys has in common. */
function denominationName(value: Amount, { cipher, ageMask }: DenominationOnOffer['pub']): string {
  return `${formatAmount(value)} ${cipher}${ageMask === 0 ? '' : ` with age mask ${ageMask}`}`;
}

/** The time in which a key signs: from `start` on, before `end`. */
interface Period {
  readonly start: number;
  readonly end: number;
}

interface Chain extends Rotation {
  readonly name: string;
  /** How long one key signs. */
  readonly useSeconds: number;
  /** Every stretch of a key's life, by the name it has in the configuration. */
  readonly life: Readonly<Record<string, number>>;
}

/** Where new keys of a chain begin, so that all that begin up to `now + lookahead` exist. */
function planStarts(chain: Chain, offered: readonly Period[], now: number): number[] {
  checkChain(chain, now);
  const { useSeconds, overlapSeconds, lookaheadSeconds } = chain;
  const periods = offered.filter(({ end }) => end > now).sort((a, b) => a.start - b.start);
  const starts: number[] = [];
  let coveredUntil = now;
  for (let next = 0; ; ) {
    for (let period = periods[next]; period && period.start <= coveredUntil; period = periods[++next]) {
      coveredUntil = Math.max(coveredUntil, period.end);
    }
    const start = Math.max(now, coveredUntil - overlapSeconds);
    if (start > now + lookaheadSeconds) return starts;
    starts.push(start);
    coveredUntil = start + useSeconds;
  }
}

function checkChain({ name, useSeconds, life, overlapSeconds, lookaheadSeconds }: Chain, now: number): void {
  const wrong = (what: string) => new RangeError(`${name}: ${what}`);
  const checkSeconds = (durations: Readonly<Record<string, number>>, least: number) => {
    for (const [duration, seconds] of Object.entries(durations)) {
      if (Number.isSafeInteger(seconds) && seconds >= least) continue;
      throw wrong(`${duration} must be whole seconds, at least ${least}, and is ${seconds}`);
    }
  };
  checkSeconds(life, 1);
  checkSeconds({ overlapSeconds, lookaheadSeconds, now }, 0);
  if (overlapSeconds >= useSeconds) {
    throw wrong(`an overlap of ${overlapSeconds} s leaves nothing of a key's ${useSeconds} s`);
  }
  const keys = Math.ceil(lookaheadSeconds / (useSeconds - overlapSeconds));
  if (keys > CHAIN_MAX) throw wrong(`a lookahead of ${lookaheadSeconds} s asks for ${keys} keys at a time`);
  const lifeSeconds = Object.values(life).reduce((sum, seconds) => sum + seconds, 0);
  if (now + lookaheadSeconds + lifeSeconds > MAX_TIMESTAMP) throw wrong('its stamps lie beyond the last one there is');
}
