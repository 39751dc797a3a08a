// The page's side of the conversation with its server: the session, and calls within it.
import { KEY_HEADER, type SessionAnswer, type SessionRequest, type UiFailure } from "./api.ts";

/** A call that the server answered with a failure, or that did not reach it. */
export class CallError extends Error {
  /** `no-server` where nobody answers, `no-session` where this browser is not let in. */
  readonly code: string;
  readonly hint: string | undefined;

  constructor(failure: UiFailure["error"], options?: { readonly cause: unknown }) {
    super(failure.message, options);
    this.code = failure.code;
    this.hint = failure.hint;
  }
}

/** Where the page's half of the session is kept: by origin, port included, so that no other page can read it. */
const KEY_NAME = "runtunnel-key";

/** Exchanges the token in the address, if there is one, for a session. Throws CallError when it has been used. */
export async function enter(): Promise<void> {
  const token = location.hash.slice(1);
  if (token === "") return;
  // Neither history nor a bookmark shall keep it.
  history.replaceState(null, "", location.pathname);
  const request: SessionRequest = { token };
  const { key } = await post<SessionAnswer>("session", request);
  localStorage.setItem(KEY_NAME, key);
}

/** Asks for data. */
export async function get<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
  return readAnswer(await call(path, { ...(signal === undefined ? {} : { signal }) }));
}

/** Asks for something to be done. */
export async function post<Answer>(path: string, body: unknown, signal?: AbortSignal): Promise<Answer> {
  const response = await call(path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json" },
    ...(signal === undefined ? {} : { signal }),
  });
  return readAnswer(response);
}

/** Has the browser save a file that only a session may fetch. */
export async function download(path: string): Promise<void> {
  const response = await call(path, {});
  const name = /filename\*=UTF-8''(.+)$/.exec(response.headers.get("content-disposition") ?? "")?.[1] ?? "download";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = decodeURIComponent(name);
  link.click();
  URL.revokeObjectURL(link.href);
}

async function call(path: string, init: RequestInit): Promise<Response> {
  const headers = { ...init.headers, [KEY_HEADER]: localStorage.getItem(KEY_NAME) ?? "" };
  let response: Response;
  try {
    response = await fetch(`/api/${path}`, { ...init, headers });
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw new CallError({ code: "no-server", message: "runtunnel does not answer" }, { cause });
  }
  if (response.ok) return response;
  const { error } = await readAnswer<UiFailure>(response).catch((cause) => {
    throw new CallError({ code: "garbled", message: `The server answered with status ${response.status}` }, { cause });
  });
  throw new CallError(error);
}

/** The server is this program's own and of the same build: its answers are what api.ts says. */
async function readAnswer<Answer>(response: Response): Promise<Answer> {
  return (await response.json()) as Answer;
}
