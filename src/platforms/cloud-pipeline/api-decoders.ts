// Decoders for what the REST API answers. The API leaves out null and empty members at every level. Pure.
import * as v from "valibot";
import { type AppError, AuthError, NotFoundError, UnreachableError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import { quoteForeign } from "../foreign-text.ts";
import type { Run, RunTask } from "./run-model.ts";

const envelopeSchema = v.object({
  status: v.string(),
  message: v.optional(v.nullable(v.string())),
  payload: v.optional(v.unknown()),
});

const text = v.optional(v.nullable(v.string()));

const id = v.union([v.pipe(v.number(), v.integer()), v.string()]);

const parameterSchema = v.object({ name: v.string(), value: text });

const runSchema = v.object({
  id,
  status: v.string(),
  podIP: text,
  sshPassword: text,
  owner: text,
  sensitive: v.optional(v.nullable(v.boolean())),
  platform: text,
  startDate: text,
  instance: v.optional(v.nullable(v.object({ nodeIP: text, nodeId: text }))),
  pipelineRunParameters: v.optional(v.nullable(v.array(v.unknown()))),
});

const taskSchema = v.object({ name: v.string(), status: v.optional(v.nullable(v.string()), "") });

/** The error that an answer tells of: the API reports its own errors with status 200. Undefined: all is well, or the
 * answer has no envelope. `action` begins the message: `Cannot load run 56819`. */
export function findEnvelopeError(body: unknown, action: string, secrets: readonly Secret[]): AppError | undefined {
  const envelope = v.safeParse(envelopeSchema, body);
  if (!envelope.success || envelope.output.status === "OK") return undefined;
  const said = quoteForeign(envelope.output.message ?? "", secrets);
  const message = `${action}: Cloud Pipeline says "${said === "" ? "nothing more than an error" : said}"`;
  // The API tells its errors apart by words alone; these two are what its own client looks for.
  if (/access is denied/i.test(said)) {
    return new AuthError(message, {
      code: "access-denied",
      hop: "api-login",
      hint: "Check the name, or ask the owner",
    });
  }
  if (/\bnot found\b/i.test(said)) {
    return new NotFoundError(message, { code: "not-found", hop: "api", hint: "Check the name or number" });
  }
  return new UnreachableError(message, { code: "api-error", hop: "api" });
}

/** The payload of a good answer; undefined where it was empty. */
export function decodePayload(body: unknown, action: string): unknown {
  const envelope = v.safeParse(envelopeSchema, body);
  if (!envelope.success) throw notUnderstood(action, "no status");
  return envelope.output.payload ?? undefined;
}

/** A run. Throws UnreachableError when members have unexpected types. */
export function decodeRun(payload: unknown, action: string): Run {
  const result = v.safeParse(runSchema, payload);
  if (!result.success) throw notUnderstood(action, v.getDotPath(result.issues[0]) ?? "no run");
  const run = result.output;
  const password = filled("value", run.sshPassword).value;
  return {
    id: String(run.id),
    status: run.status,
    ...filled("podIp", run.podIP),
    ...(password === undefined ? {} : { sshPassword: new Secret(password) }),
    ...filled("owner", run.owner),
    sensitive: run.sensitive ?? false,
    ...filled("platform", run.platform),
    parameters: (run.pipelineRunParameters ?? []).flatMap((parameter) => {
      const decoded = v.safeParse(parameterSchema, parameter);
      return decoded.success ? [{ name: decoded.output.name, ...filled("value", decoded.output.value) }] : [];
    }),
    ...filled("nodeIp", run.instance?.nodeIP),
    ...filled("nodeId", run.instance?.nodeId),
    ...filled("startDate", run.startDate),
  };
}

/** The tasks of a run; none where the payload is missing. */
export function decodeTasks(payload: unknown, action: string): readonly RunTask[] {
  const result = v.safeParse(v.optional(v.array(taskSchema), []), payload);
  if (!result.success) throw notUnderstood(action, v.getDotPath(result.issues[0]) ?? "no list");
  return result.output.map((task) => ({ name: task.name, status: task.status ?? "" }));
}

/** A text payload; undefined where it is missing. */
export function decodeText(payload: unknown, action: string): string | undefined {
  if (payload === undefined || typeof payload === "string") return payload;
  throw notUnderstood(action, "no text");
}

/** A text member of an object payload; undefined where either is missing. */
export function decodeMember(payload: unknown, member: string, action: string): string | undefined {
  const result = v.safeParse(v.optional(v.record(v.string(), v.unknown()), {}), payload);
  if (!result.success) throw notUnderstood(action, "no object");
  return decodeText(result.output[member] ?? undefined, action);
}

/** A member set only where there is something in it. */
function filled<K extends string>(key: K, value: string | null | undefined): { readonly [P in K]?: string } {
  const members: { [P in K]?: string } = {};
  if (typeof value === "string" && value !== "") members[key] = value;
  return members;
}

/** The error for an answer of an unknown form; `where` names the member. */
export function notUnderstood(action: string, where: string): AppError {
  return new UnreachableError(`${action}: the answer of Cloud Pipeline is not understood (${where})`, {
    code: "answer-not-understood",
    hop: "api",
    hint: "Check the address of the API: it usually ends in /pipeline/restapi",
    transient: false,
  });
}
