// The journal of what passwordless SSH changed: plain data, written down before each step, enough for any later process
// to take the step back. It never holds a secret.
import * as v from "valibot";
import type { JsonObject } from "../domain/json.ts";

/** One step. `kind` says who understands the rest. */
export type JournalEntry = JsonObject & { readonly kind: string };

/** Steps read from a record; what has no kind is not a step of ours and is left out. */
export function decodeJournal(values: readonly JsonObject[]): readonly JournalEntry[] {
  return values.filter((value): value is JournalEntry => typeof value["kind"] === "string");
}

/** Reads an entry's own fields. Throws v.ValiError when the entry is damaged. */
export function decodeEntry<Schema extends v.GenericSchema>(
  schema: Schema,
  entry: JournalEntry,
): v.InferOutput<Schema> {
  return v.parse(schema, entry);
}
