import { type Amount, formatAmount } from '@florin/encoding';

/*
 * How the demo tells its story: steps with what happened, what was checked, which events the exchange wrote for it and
 * how long it took; for people as text, for machines as one object.
 */

/** Something did not turn out as it has to: the demo has failed. */
export class CheckFailed extends Error {
  override readonly name = 'CheckFailed';
}

export interface Step {
  readonly title: string;
  readonly facts: [name: string, value: string][];
  /** What was verified. */
  readonly checks: string[];
  /** Events that the exchange writes for this, by their names in the log. */
  readonly events: string[];
  /** Why it writes none. */
  silence?: string;
  /** Verified meanwhile. */
  signatures: number;
  ms: number;
}

/** A part of the story that could not be told. */
export interface Skipped {
  readonly title: string;
  readonly reason: string;
}

/** Somebody who counts the signatures that they found good. */
interface Verifier {
  readonly signaturesVerified: number;
}

export class Narrator {
  readonly steps: Step[] = [];
  readonly skipped: Skipped[] = [];
  readonly #verifiers: Verifier[] = [];

  /** @param print gets each line of the text; nothing is printed without */
  constructor(private readonly print: (line: string) => void) {}

  /** Signatures that these verify are told of each step. */
  watch(...verifiers: Verifier[]): void {
    this.#verifiers.push(...verifiers);
  }

  get signaturesVerified(): number {
    return this.#verifiers.reduce((sum, { signaturesVerified }) => sum + signaturesVerified, 0);
  }

  /** Prints a line outside of the steps. */
  say(line: string): void {
    this.print(line);
  }

  chapter(title: string): void {
    this.print(`\n${title}\n${'='.repeat(title.length)}`);
  }

  /** Says that a part of the story is left out, and why. */
  skip(title: string, reason: string): void {
    this.skipped.push({ title, reason });
    this.print(`\n-- SKIPPED: ${title}`);
    this.#printWrapped('   ', reason);
  }

  /** Runs one step of the story and tells it, also when it fails half-way. */
  async step<Value>(title: string, work: (step: StepTeller) => Promise<Value>): Promise<Value> {
    const step: Step = { title, facts: [], checks: [], events: [], signatures: 0, ms: 0 };
    this.steps.push(step);
    const [start, verified] = [performance.now(), this.signaturesVerified];
    try {
      return await work(new StepTeller(step));
    } finally {
      step.signatures = this.signaturesVerified - verified;
      step.ms = Math.round(performance.now() - start);
      this.#tell(step);
    }
  }

  #tell({ title, facts, checks, events, silence, signatures, ms }: Step): void {
    const heading = `${this.steps.length}. ${title}`;
    this.print(`\n${heading.padEnd(COLUMNS - 10)}${`${ms} ms`.padStart(10)}`);
    const width = Math.max(...facts.map(([name]) => name.length), 0);
    for (const [name, value] of facts) {
      const [first = '', ...more] = wrapped(value, COLUMNS - width - 5);
      this.print(`   ${name.padEnd(width)}  ${first}`);
      for (const line of more) this.print(`   ${' '.repeat(width)}  ${line}`);
    }
    for (const check of checks) this.#printWrapped('   ✓ ', check);
    if (signatures > 0) this.print(`   ✓ ${signatures} ${signatures === 1 ? 'signature' : 'signatures'} verified`);
    if (events.length > 0) this.#printWrapped('   → ', `in the log of the exchange: ${events.join(', ')}`);
    if (silence) this.#printWrapped('   → ', `nothing in the log of the exchange: ${silence}`);
  }

  #printWrapped(mark: string, text: string): void {
    wrapped(text, COLUMNS - mark.length).forEach((line, index) => {
      this.print(`${index === 0 ? mark : ' '.repeat(mark.length)}${line}`);
    });
  }
}

/** What a step says while it goes on. */
export class StepTeller {
  constructor(private readonly step: Step) {}

  fact(name: string, value: string | Amount): void {
    this.step.facts.push([name, typeof value === 'string' ? value : formatAmount(value)]);
  }

  /** @throws CheckFailed unless `holds` */
  check(holds: boolean, what: string): asserts holds {
    if (!holds) throw new CheckFailed(`this does not hold: ${what}`);
    this.step.checks.push(what);
  }

  wrote(...events: string[]): void {
    this.step.events.push(...events);
  }

  wroteNothing(reason: string): void {
    this.step.silence = reason;
  }
}

const COLUMNS = 100;

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
