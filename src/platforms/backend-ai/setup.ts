// What `init` asks for to reach Backend.AI, and what its own client has already.
import { AppError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import { quoteForeign } from "../foreign-text.ts";
import type { PlatformContext, PlatformSetup } from "../platform.ts";
import { hasCredentials } from "./client-config.ts";
import { loadValues } from "./configuration.ts";

const TYPE = "backend-ai.endpoint-type";
const NAMES = ["endpoint", "endpoint-type", "access-key", "secret-key"];

const onlyWithKeys = { key: TYPE, value: "api" };

/** The platform's set-up; `verify` asks the server. */
export function backendAiSetup(verify: PlatformSetup["verify"]): PlatformSetup {
  return {
    questions: [
      { key: "backend-ai.endpoint", flag: "url", title: "Address of the manager or of the web UI", isSecret: false },
      {
        key: TYPE,
        flag: "endpoint-type",
        title: "What answers at this address",
        isSecret: false,
        choices: [
          { value: "api", title: "the manager: a key pair proves who you are" },
          { value: "session", title: "the web UI: you log in with user and password" },
        ],
      },
      {
        key: "backend-ai.access-key",
        flag: "access-key",
        title: "Access key (in the web UI: Credentials)",
        isSecret: false,
        onlyIf: onlyWithKeys,
      },
      { key: "backend-ai.secret-key", title: "Secret key", isSecret: true, onlyIf: onlyWithKeys },
    ],
    findExisting,
    verify,
    needsLogin: (answers) => answers.get(TYPE) === "session",
  };
}

async function findExisting(context: PlatformContext): ReturnType<PlatformSetup["findExisting"]> {
  try {
    const find = await loadValues({ ...context, settings: { find: () => undefined } });
    const endpoint = find("endpoint");
    const accessKey = find("access-key");
    if (endpoint === undefined || accessKey === undefined || !hasCredentials(find)) return undefined;
    const answers = new Map<string, Secret>();
    for (const name of NAMES) {
      const value = find(name)?.value;
      if (value !== undefined) answers.set(`backend-ai.${name}`, new Secret(value));
    }
    return {
      source: accessKey.source,
      summary: `${quoteForeign(endpoint.value)}, key pair ${quoteForeign(accessKey.value)}`,
      answers,
    };
  } catch (error) {
    // A broken file of the client is one more reason to set up our own.
    if (!(error instanceof AppError)) throw error;
    context.log.warning(error.message);
    return undefined;
  }
}
