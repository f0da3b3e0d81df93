import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { rsaSigner } from './server.js';
import { SERVER } from './vectors.support.js';

/* What the operations of a server cost on this machine: printed, never judged. That they work is judged. */

const RUNS = 2000;
const bytes = (length: number, fill: number) => new Uint8Array(length).fill(fill);

/** Microseconds of one run, the first fifth not counted: the code has to be compiled first. */
function measure(operation: () => unknown): number {
  for (let i = 0; i < RUNS / 5; i++) operation();
  const start = process.hrtime.bigint();
  for (let i = 0; i < RUNS; i++) operation();
  return Number(process.hrtime.bigint() - start) / 1000 / RUNS;
}

test('costs of the server side', async () => {
  const { cs, denomination, eddsa } = SERVER.crypto;
  const coin = { coinPubHash: bytes(64, 1), blindingSecret: bytes(32, 2) };

  const keyPair = eddsa.keyPair(bytes(32, 3));
  const message = bytes(160, 4);
  const eddsaSignature = keyPair.sign(message);

  const signer = rsaSigner(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
  const rsa = denomination({ cipher: 'RSA', ageMask: 0, rsaPub: signer.rsaPub });
  const rsaPlanchet = rsa.blind(coin);
  const blinded = rsaPlanchet.cipher === 'RSA' ? rsaPlanchet.blindedPlanchet : message;
  const rsaSignature = rsa.unblind(coin, { cipher: 'RSA', blindSignature: signer.sign(blinded) });

  const priv = cs.privateKey(bytes(64, 5));
  const clauseSchnorr = denomination({ cipher: 'CS', ageMask: 0, csPub: cs.publicKey(priv) });
  const nonce = bytes(32, 6);
  const session = { nonce, ...cs.deriveR(priv, nonce, 'withdraw') };
  const challenges = {
    ...cs.blind({ pub: cs.publicKey(priv), message: coin.coinPubHash, secret: coin.blindingSecret, session }),
  };
  const answer = cs.sign(priv, challenges, 'withdraw');
  const csSignature = clauseSchnorr.unblind({ ...coin, session }, { cipher: 'CS', ...answer });

  const operations: Readonly<Record<string, () => unknown>> = {
    'Ed25519 verify': () => eddsa.verify(message, eddsaSignature, keyPair.publicKey),
    'Ed25519 sign, prepared key': () => keyPair.sign(message),
    'RSA-2048 sign and check': () => signer.sign(blinded),
    'RSA-2048 verify with full-domain hash': () => rsa.verify(coin.coinPubHash, rsaSignature),
    'envelope hash': () => rsa.envelopeHash(rsaPlanchet),
    'denomination, prepared once': () => denomination(rsa.pub),
    'RSA-2048 blind (recoup)': () => rsa.blind(coin),
    'Clause-Schnorr derive R': () => cs.deriveR(priv, nonce, 'withdraw'),
    'Clause-Schnorr sign': () => cs.sign(priv, challenges, 'withdraw'),
    'Clause-Schnorr verify': () => clauseSchnorr.verify(coin.coinPubHash, csSignature),
  };
  for (const [name, operation] of Object.entries(operations)) {
    expect(operation()).not.toBe(false);
    console.log(`${name.padEnd(40)} ${measure(operation).toFixed(1).padStart(8)} us`);
  }
});
