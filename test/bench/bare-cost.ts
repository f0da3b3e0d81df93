/** What requests cannot do without on this machine: signatures made and verified. */
import { generateKeyPairSync } from 'node:crypto';
import { taler } from '@florin/crypto';
import { rsaSigner, serverPrimitives } from '@florin/crypto/server';

export interface BareCost {
  /** CPU milliseconds of one RSA private operation, and of verifying a coin: full-domain hash and public operation. */
  readonly rsaSignMs: number;
  readonly rsaVerifyMs: number;
  readonly ed25519SignMs: number;
  readonly ed25519VerifyMs: number;
}

const ROUNDS = 600;
const crypto = taler(serverPrimitives);

export function bareCost(bits: number): BareCost {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  const signer = rsaSigner(privateKey);
  const blinded = new Uint8Array(bits / 8).fill(0x5a);
  blinded[0] = 0x01;
  const key = crypto.denomination({ cipher: 'RSA', ageMask: 0, rsaPub: signer.rsaPub });
  const blinding = { coinPubHash: new Uint8Array(64).fill(9), blindingSecret: new Uint8Array(32).fill(4) };
  const planchet = key.blind(blinding);
  if (planchet.cipher !== 'RSA') throw new Error('another cipher');
  const blindSignature = signer.sign(planchet.blindedPlanchet);
  const coinSignature = key.unblind(blinding, { cipher: 'RSA', blindSignature });
  const pair = serverPrimitives.ed25519.keyPair(new Uint8Array(32).fill(7));
  const text = new Uint8Array(160).fill(3);
  const signature = pair.sign(text);
  return {
    rsaSignMs: cpuMs(() => signer.sign(blinded)),
    rsaVerifyMs: cpuMs(() => key.verify(blinding.coinPubHash, coinSignature)),
    ed25519SignMs: cpuMs(() => pair.sign(text)),
    ed25519VerifyMs: cpuMs(() => serverPrimitives.ed25519.verify(text, signature, pair.publicKey)),
  };
}

/** CPU time of one call: the median of several series, so that a busy neighbour counts little. */
function cpuMs(call: () => unknown): number {
  for (let i = 0; i < 50; i += 1) call();
  const series = Array.from({ length: 5 }, () => {
    const before = process.cpuUsage();
    for (let i = 0; i < ROUNDS; i += 1) call();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000 / ROUNDS;
  });
  return series.sort((a, b) => a - b)[2] as number;
}
