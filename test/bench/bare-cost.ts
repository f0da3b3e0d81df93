/** What a withdrawal cannot do without: one RSA signature and one Ed25519 verification per coin, on this machine. */
import { generateKeyPairSync } from 'node:crypto';
import { rsaSigner, serverPrimitives } from '@florin/crypto/server';

export interface BareCost {
  /** CPU milliseconds of one RSA private operation, and of one Ed25519 verification. */
  readonly rsaSignMs: number;
  readonly ed25519VerifyMs: number;
}

const ROUNDS = 600;

export function bareCost(bits: number): BareCost {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  const signer = rsaSigner(privateKey);
  const blinded = new Uint8Array(bits / 8).fill(0x5a);
  blinded[0] = 0x01;
  const pair = serverPrimitives.ed25519.keyPair(new Uint8Array(32).fill(7));
  const text = new Uint8Array(160).fill(3);
  const signature = pair.sign(text);
  return {
    rsaSignMs: cpuMs(() => signer.sign(blinded)),
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
