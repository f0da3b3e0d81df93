/** A property that must hold does not. */
export class Broken extends Error {
  override readonly name = 'Broken';
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
  }
}
