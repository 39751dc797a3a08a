// What `init` asks for to reach Cloud Pipeline, and what its own client has already.
import { AppError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import { quoteForeign } from "../foreign-text.ts";
import type { PlatformContext, PlatformSetup } from "../platform.ts";
import { loadConfiguration } from "./configuration.ts";
import { maskToken } from "./token.ts";

const API = "cloud-pipeline.api";
const TOKEN = "cloud-pipeline.token";

/** The platform's set-up; `verify` asks the server. */
export function cloudPipelineSetup(verify: PlatformSetup["verify"]): PlatformSetup {
  return {
    questions: [
      { key: API, flag: "url", title: "Address of the REST API (https://host/pipeline/restapi)", isSecret: false },
      { key: TOKEN, title: "Access token (on the web page: Settings > CLI)", isSecret: true },
    ],
    findExisting,
    verify,
  };
}

async function findExisting(context: PlatformContext): ReturnType<PlatformSetup["findExisting"]> {
  try {
    const { api, token } = await loadConfiguration({ ...context, settings: { find: () => undefined } });
    if (api === undefined || token === undefined) return undefined;
    return {
      source: token.source,
      summary: `${quoteForeign(api.value)}, ${maskToken(token.value)}`,
      answers: new Map([
        [API, new Secret(api.value)],
        [TOKEN, token.value],
      ]),
    };
  } catch (error) {
    // A broken file of the client is one more reason to set up our own.
    if (!(error instanceof AppError)) throw error;
    context.log.warning(error.message);
    return undefined;
  }
}
