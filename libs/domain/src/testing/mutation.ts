/** Set-up of a mutation run: a property that fails has noticed its mutant; a smaller counterexample is of no use. */
import fc from 'fast-check';

fc.configureGlobal({ endOnFailure: true });
