/** The part of sodium-native that is used. Outputs are written into the first argument; failures throw. */
declare module 'sodium-native' {
  interface Sodium {
    crypto_hash_sha256(out: Uint8Array, data: Uint8Array): void;
    crypto_hash_sha512(out: Uint8Array, data: Uint8Array): void;
    crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void;
    crypto_sign_detached(signature: Uint8Array, message: Uint8Array, secretKey: Uint8Array): void;
    crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
    crypto_sign_ed25519_pk_to_curve25519(out: Uint8Array, publicKey: Uint8Array): void;
    crypto_core_ed25519_is_valid_point(point: Uint8Array): boolean;
    crypto_core_ed25519_add(out: Uint8Array, p: Uint8Array, q: Uint8Array): void;
    crypto_scalarmult_ed25519_base_noclamp(out: Uint8Array, scalar: Uint8Array): void;
    crypto_scalarmult_ed25519_noclamp(out: Uint8Array, scalar: Uint8Array, point: Uint8Array): void;
    crypto_scalarmult_base(out: Uint8Array, scalar: Uint8Array): void;
    crypto_scalarmult(out: Uint8Array, scalar: Uint8Array, point: Uint8Array): void;
    crypto_secretbox_easy(out: Uint8Array, plaintext: Uint8Array, nonce: Uint8Array, key: Uint8Array): void;
    crypto_secretbox_open_easy(out: Uint8Array, box: Uint8Array, nonce: Uint8Array, key: Uint8Array): boolean;
  }
  const sodium: Sodium;
  export default sodium;
}
