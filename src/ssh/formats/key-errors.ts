// The two errors that every format of protected keys shares.
import { AuthError, UsageError } from "../../domain/errors.ts";

/** The error for a protected key without a passphrase. */
export function passphraseNeeded(): UsageError {
  return new UsageError("Cannot read the private key: it is protected by a passphrase", {
    code: "passphrase-needed",
    hop: "ssh-key",
    hint: "Give its passphrase, or use a key without one",
  });
}

/** The error for a passphrase that does not open the key. */
export function wrongPassphrase(cause?: unknown): AuthError {
  return new AuthError("Cannot read the private key: the passphrase is wrong", {
    code: "wrong-passphrase",
    hop: "ssh-key",
    cause,
  });
}
