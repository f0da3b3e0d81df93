/** From a command's outcome to its answer. */
import type { Refusal, Refusals } from './refusals.js';

export type Outcome<Value> =
  | { readonly kind: 'accept'; readonly value: Value }
  | { readonly kind: 'repeat'; readonly earlier: Value }
  | { readonly kind: 'refuse'; readonly refusal: Refusal };

/** What was accepted, now or earlier; or the refusal, thrown with its proof. */
export async function answered<Value>(refusals: Refusals, outcome: Outcome<Value>): Promise<Value> {
  switch (outcome.kind) {
    case 'accept':
      return outcome.value;
    case 'repeat':
      return outcome.earlier;
    case 'refuse':
      throw await refusals.toError(outcome.refusal);
  }
}
