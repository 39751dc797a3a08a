// A request's body as members; what is no JSON object has none.

/** The members of a JSON object. */
export function readJson(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return toMembers(value);
  } catch {
    return {};
  }
}

/** The members of a value that may be an object. */
export function toMembers(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
