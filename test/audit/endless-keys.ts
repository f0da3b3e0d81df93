/**
 * Who signs in an endless history: people and an exchange with keys of their own, so that every signature is good and
 * an audit costs what it costs; or nobody, and what stands there is noise, which is made much faster.
 */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { encodeRsaPub } from '@florin/crypto';
import { exportRsaPrivateKey, importRsaPrivateKey, rsaSigner } from '@florin/crypto/server';
import { decodeBase32, encodeBase32, type MessageFields, type MessageName, message } from '@florin/encoding';
import { oracle, wallet } from '../e2e/support/oracle.js';
import { CURRENCY, type Data } from './insider.js';

/** A key pair; of noise only the public half is used. */
export interface EndlessKey {
  readonly pub: string;
  readonly seed: Uint8Array;
}

/** A coin as it is withdrawn, and what its owner has of it afterwards. */
export interface EndlessCoin {
  readonly key: EndlessKey;
  readonly planchet: Data;
  readonly envelopeHash: string;
  readonly blindSignature: Data;
  /** Of the first sight. */
  readonly signature: Data;
}

const RSA_BITS = 2_048;

export class EndlessKeys {
  private drawn = 0;
  private readonly rsa = generateKeyPairSync('rsa', { modulusLength: RSA_BITS });
  private readonly signer = rsaSigner(importRsaPrivateKey(exportRsaPrivateKey(this.rsa.privateKey)));
  private readonly denomination;
  private readonly blob = this.noise(RSA_BITS / 8);
  readonly rsaPub: Uint8Array;
  readonly denominationHash: string;

  /** @param signed false: noise */
  constructor(readonly signed: boolean) {
    const { n, e } = this.rsa.publicKey.export({ format: 'jwk' });
    const [modulus, exponent] = [n, e].map((text) => new Uint8Array(Buffer.from(text as string, 'base64url')));
    this.rsaPub = encodeRsaPub(modulus as Uint8Array, exponent as Uint8Array);
    const pub = { cipher: 'RSA', ageMask: 0, rsaPub: this.rsaPub } as const;
    this.denominationHash = encodeBase32(oracle.hash.denomination(pub));
    this.denomination = wallet.denomination(pub);
  }

  /** Bytes that nobody can tell from keys, hashes and signatures, base32. */
  noise(sizeBytes: number): string {
    return encodeBase32(this.bytes(sizeBytes));
  }

  /** @param real whether something is signed with it in any case */
  key(real = this.signed): EndlessKey {
    const seed = this.bytes(32);
    return { seed, pub: encodeBase32(real ? wallet.eddsa.publicKey(seed) : seed) };
  }

  /** @param fields as the protocol's structure has them; made only if there is somebody to sign them */
  sign<Name extends MessageName>(key: EndlessKey, name: Name, fields: () => MessageFields<Name>): string {
    if (!this.signed) return this.noise(64);
    return encodeBase32(wallet.eddsa.sign(message(name, fields()), key.seed));
  }

  coin(): EndlessCoin {
    const key = this.key();
    if (!this.signed) {
      const answer = { cipher: 'RSA', signature: this.blob };
      const planchet = { cipher: 'RSA', blinded: this.blob };
      return { key, planchet, envelopeHash: this.noise(64), blindSignature: answer, signature: answer };
    }
    const blinding = { coinPubHash: wallet.hash.coinPub(bytes(key.pub)), blindingSecret: this.bytes(32) };
    const blinded = this.denomination.blind(blinding);
    if (blinded.cipher !== 'RSA') throw new Error('coins are of RSA');
    const blindSignature = this.signer.sign(blinded.blindedPlanchet);
    const signature = this.denomination.unblind(blinding, { cipher: 'RSA', blindSignature });
    if (signature.cipher !== 'RSA') throw new Error('coins are of RSA');
    return {
      key,
      planchet: { cipher: 'RSA', blinded: encodeBase32(blinded.blindedPlanchet) },
      envelopeHash: encodeBase32(this.denomination.envelopeHash(blinded)),
      blindSignature: { cipher: 'RSA', signature: encodeBase32(blindSignature) },
      signature: { cipher: 'RSA', signature: encodeBase32(signature.signature) },
    };
  }

  /** The name of a withdrawal, base32. */
  commitment(coins: readonly EndlessCoin[]): string {
    if (!this.signed) return this.noise(64);
    return encodeBase32(wallet.hash.withdrawCommitment(coins.map(({ envelopeHash }) => bytes(envelopeHash))));
  }

  private bytes(sizeBytes: number): Uint8Array {
    this.drawn += 1;
    return createHash('shake128', { outputLength: sizeBytes }).update(`${this.drawn}`).digest();
  }
}

export const bytes = (text: string): Uint8Array => decodeBase32(text);
export const money = (units: bigint): { currency: string; units: bigint } => ({ currency: CURRENCY, units });
