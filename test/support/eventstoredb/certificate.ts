import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';

/** PEM texts. The certificate is its own authority: clients trust it by naming it as `tlsCAFile`. */
export interface TlsIdentity {
  readonly certificate: string;
  readonly privateKey: string;
}

/** DER: tag, length, content. Only what a certificate needs. */
const der = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  const bytes = content.length.toString(16).padStart(2, '0');
  const long = Buffer.from(bytes.padStart(bytes.length + (bytes.length % 2), '0'), 'hex');
  const length =
    content.length < 0x80 ? Buffer.from([content.length]) : Buffer.concat([Buffer.from([0x80 | long.length]), long]);
  return Buffer.concat([Buffer.from([tag]), length, content]);
};
const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
const objectId = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const yes = der(0x01, Buffer.from([0xff]));
const octets = (content: Uint8Array): Buffer => der(0x04, content);
const bits = (content: Uint8Array): Buffer => der(0x03, Buffer.from([0]), content);
const utcTime = (at: Date): Buffer =>
  der(0x17, Buffer.from(`${at.toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`, 'latin1'));

const ecdsaWithSha256 = sequence(objectId('2a8648ce3d040302'));
const oneDayMs = 86_400_000;

/**
 * A self-signed certificate on P-256, valid for a year from yesterday. Facts, When things break: "host name and IP must
 * be in the certificate". Written out here because Node can read certificates but not make them.
 */
export function selfSignedCertificate(hosts: readonly string[]): TlsIdentity {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const now = Date.now();
  const name = sequence(der(0x31, sequence(objectId('550403'), der(0x0c, Buffer.from('EventStoreDB stand-in')))));
  const subjectKey = publicKey.export({ type: 'spki', format: 'der' });
  const alternativeNames = hosts.map((host) =>
    isIP(host) === 4 ? der(0x87, Buffer.from(host.split('.').map(Number))) : der(0x82, Buffer.from(host, 'latin1')),
  );
  const extensions = [
    sequence(objectId('551d11'), octets(sequence(...alternativeNames))), // subjectAltName
    sequence(objectId('551d13'), yes, octets(sequence(yes))), // basicConstraints, critical: an authority
    sequence(objectId('551d0e'), octets(octets(createHash('sha1').update(subjectKey).digest()))), // key identifier
  ];
  const toBeSigned = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))), // version 3
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(15)])), // serial number, positive
    ecdsaWithSha256,
    name,
    sequence(utcTime(new Date(now - oneDayMs)), utcTime(new Date(now + 365 * oneDayMs))),
    name,
    subjectKey,
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign('sha256', toBeSigned, privateKey);
  const certificate = sequence(toBeSigned, ecdsaWithSha256, bits(signature));
  const lines = certificate.toString('base64').replace(/(.{64})/g, '$1\n');
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${lines.trimEnd()}\n-----END CERTIFICATE-----\n`,
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
