import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DenominationHash } from '@florin/domain';
import { encodeBase32 } from '@florin/encoding';
import { KeyFolder, Signers } from '@florin/signing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { KeyRing } from './key-ring.js';
import { ExchangeSigners } from './signers.js';

const folder = mkdtempSync(join(tmpdir(), 'florin-keys-'));
let signers: Signers;
beforeAll(async () => {
  signers = await Signers.start({ folder: await KeyFolder.open(folder, { development: true }), processes: 1 });
});
afterAll(async () => {
  await signers.close();
  rmSync(folder, { recursive: true, force: true });
});

test('a key that another node has offered, and that is not in the folder yet, is asked for again later', async () => {
  const exchange = new ExchangeSigners(signers, {} as KeyRing); // the ring is for signing only
  const denominationHash = encodeBase32(new Uint8Array(64)) as DenominationHash;
  const nonce = encodeBase32(new Uint8Array(32));
  const asked = exchange.publicNonces([{ denominationHash, nonce }]);
  await expect(asked).rejects.toMatchObject({ status: 503, code: 1007 });
});
