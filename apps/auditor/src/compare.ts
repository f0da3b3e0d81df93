/** `audit compare`: two auditors' heads side by side. */
import { readFileSync } from 'node:fs';
import { CATALOGUE } from './catalogue.js';
import { type ConsistencyProof, compareHeads, readHeadFile } from './heads.js';
import { SourceError } from './source/source.js';

/** @returns the exit code: 0 one history, 1 two, 2 a proof is needed */
export function compare(one: string, other: string, proofFile: string | undefined): number {
  const proofs = proofFile === undefined ? [] : [readProof(proofFile)];
  const { kind, detail } = compareHeads(readHeadFile(one), readHeadFile(other), proofs);
  if (kind === 'split') {
    console.log(`split-view: ${CATALOGUE['split-view'].title}\n    ${detail}`);
    return 1;
  }
  console.log(kind === 'same' ? `No finding: ${detail}.` : `Undecided: ${detail}`);
  return kind === 'same' ? 0 : 2;
}

function readProof(path: string): ConsistencyProof {
  try {
    const proof = JSON.parse(readFileSync(path, 'utf8')) as ConsistencyProof;
    const texts = [...proof.proof, ...(proof.fromRoot === undefined ? [] : [proof.fromRoot])];
    if (!texts.every((text) => typeof text === 'string')) throw new SyntaxError('it has no hashes');
    return proof;
  } catch (error) {
    throw new SourceError(`${path} is no proof: ${(error as Error).message}`);
  }
}
