import { EncodingError, message, parseAmount, parseJson } from '@florin/encoding';
import { expect } from 'vitest';
import { ageGroup, ageGroups, formatAgeGroups, parseAgeGroups, type Taler } from './index.js';
import { bytes, expectBytes, type Row, runVectors } from './vectors.support.js';

runVectors(
  'refresh.json',
  {
    refresh_derivation: ({ rms, old_coin_priv, old_coin_pub, cnc }, { refresh, ecdh, eddsa }) => {
      expectBytes(eddsa.publicKey(bytes(old_coin_priv)), old_coin_pub);
      for (const candidate of cnc) {
        const transferPriv = refresh.transferPriv(bytes(old_coin_priv), bytes(rms), candidate.cnc);
        expectBytes(transferPriv, candidate.transfer_priv);
        expectBytes(ecdh.publicKey(transferPriv), candidate.transfer_pub);
        const secret = refresh.transferSecret(transferPriv, bytes(old_coin_pub));
        expectBytes(secret, candidate.transfer_secret);
        expect(refresh.transferSecretOfCoin(bytes(old_coin_priv), bytes(candidate.transfer_pub))).toEqual(secret);
        candidate.planchet_secrets_for_coin_0_1_2.forEach((planchetSecret: Row, i: number) => {
          expectBytes(refresh.planchetSecret(secret, i), planchetSecret);
        });
      }
    },
    refresh_commitment: (row, { refresh }) => {
      const amount = parseAmount(row.amount_with_fee.string);
      expect(amount.currency).toBe(row.amount_with_fee.currency);
      const { value, fraction } = row.amount_with_fee;
      expect(amount.units).toBe(BigInt(value) * 100_000_000n + BigInt(fraction));
      const commitment = refresh.commitment({
        ...(row.rms && { refreshSecret: bytes(row.rms) }),
        transferPubs: row.kappa.map((candidate: Row) => bytes(candidate.transfer_pub)),
        denominationHashes: row.new_denom_hashes.map(bytes),
        oldCoinPub: bytes(row.old_coin_pub),
        amountWithFee: amount,
        planchets: row.kappa.map((candidate: Row) =>
          candidate.blinded_planchets.map((planchet: Row) => planchetOf(row.cipher, bytes(planchet))),
        ),
      });
      expect(row.rms === null || row.rms.hex.length === 64).toBe(true);
      expectBytes(commitment, row.session_hash);
    },
  },
  { ignored: { nbo: 'bytes of the amount; their place is in the hash' } },
);

runVectors('age.json', {
  parse_age_groups: ({ groups, ok, mask, to_string, group_of_age_0_to_40 }) => {
    if (!ok) return expect(() => parseAgeGroups(groups)).toThrow(EncodingError);
    expect(parseAgeGroups(groups)).toBe(mask);
    expect(formatAgeGroups(mask)).toBe(to_string);
    expect(ageGroups(mask)).toBe(groups.split(':').length + 1);
    group_of_age_0_to_40.forEach((group: number, age: number) => {
      expect(ageGroup(mask, age)).toBe(group);
    });
  },
  age_commitment: (row, { age, eddsa }) => {
    expect(parseAgeGroups(row.groups)).toBe(row.mask);
    const commitment = age.commit(row.mask, row.age, bytes(row.seed));
    expectCommitment(age, commitment, row);
    for (const { min_age, attest_rc, attestation } of row['attestations (rc 1 ok, 0 not allowed)']) {
      const signature = age.attest(commitment, min_age);
      if (attest_rc !== 1) {
        expect(signature).toBeUndefined();
        expect(attestation).toBeUndefined();
        expect(age.verify(commitment, min_age, new Uint8Array(64))).toBe(false);
        continue;
      }
      expectBytes(signature, attestation);
      expect(age.verify(commitment, min_age, signature)).toBe(true);
      const group = ageGroup(row.mask, min_age);
      const pub = commitment.publicKeys[group - 1];
      const text = message('AgeAttestation', { mask: row.mask, age: min_age });
      if (pub !== undefined) expect(eddsa.verify(text, bytes(attestation), pub)).toBe(true);
    }
    expectCommitment(age, age.derive(commitment, bytes(row.derive.salt)), row.derive);
  },
});

runVectors('econtract.json', {
  contract_encrypt_for_merge: (row, crypto) => {
    const keys = contractKeysOf(row, crypto);
    const merge = { mergePriv: bytes(row.merge_priv), contract: row.plaintext_json };
    expectBytes(crypto.eddsa.publicKey(merge.mergePriv), row.merge_pub);
    expectBytes(crypto.contract.encryptForMerge(keys, merge, bytes(row.nonce)), row.econtract);
    expect(crypto.contract.decryptForMerge(keys, bytes(row.econtract))).toEqual(merge);
  },
  contract_encrypt_for_deposit: (row, crypto) => {
    const keys = contractKeysOf(row, crypto);
    expectBytes(crypto.contract.encryptForDeposit(keys, row.plaintext_json, bytes(row.nonce)), row.econtract);
    expect(crypto.contract.decryptForDeposit(keys, bytes(row.econtract))).toBe(row.plaintext_json);
    expect(crypto.contract.decryptForDeposit(keys, bytes(row.econtract).slice(32))).toBe(row.plaintext_json);
  },
});

function contractKeysOf(row: Row, { ecdh, eddsa, hash }: Taler) {
  const [contractPriv, pursePriv] = [bytes(row.contract_priv), bytes(row.purse_priv)];
  expectBytes(ecdh.publicKey(contractPriv), row.contract_pub);
  expectBytes(eddsa.publicKey(pursePriv), row.purse_pub);
  expectBytes(ecdh.sharedWithEddsa(contractPriv, bytes(row.purse_pub)), row.shared_key);
  expectBytes(ecdh.sharedOfEddsa(pursePriv, bytes(row.contract_pub)), row.shared_key);
  const hEcontract = hash.sha512(bytes(row.econtract));
  expectBytes(hEcontract, row.h_econtract);
  const signed = message('PurseContract', { hEcontract, contractPub: bytes(row.contract_pub) });
  expectBytes(eddsa.sign(signed, pursePriv), row.econtract_sig);
  expectBytes(hash.contract(parseJson(row.contract)), row.h_contract_terms);
  expect(parseJson(row.plaintext_json)).toEqual(parseJson(row.contract));
  return { contractPriv, pursePub: bytes(row.purse_pub) };
}

function expectCommitment(age: Taler['age'], commitment: ReturnType<Taler['age']['commit']>, row: Row): void {
  expect(commitment.publicKeys).toEqual(row.public_keys.map(bytes));
  expect(commitment.privateKeys).toEqual(row.private_keys.map(bytes));
  expectBytes(age.commitmentHash(commitment.publicKeys), row.h_age_commitment);
}

function planchetOf(cipher: 'RSA' | 'CS', planchet: Uint8Array) {
  if (cipher === 'RSA') return { cipher, blindedPlanchet: planchet };
  const [c0, c1, nonce] = [planchet.slice(0, 32), planchet.slice(32, 64), planchet.slice(64)];
  return { cipher, c0, c1, nonce };
}
