// The package ships no types. The key derivation of `openssh-key-v1` files.
declare module "bcrypt-pbkdf" {
  /** Fills `key`; returns 0 on success. */
  export function pbkdf(
    passphrase: Uint8Array,
    passphraseLength: number,
    salt: Uint8Array,
    saltLength: number,
    key: Uint8Array,
    keyLength: number,
    rounds: number,
  ): number;
}
