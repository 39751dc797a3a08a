// A login at a platform's web page: user, password and second factor from the environment or from a person.
import { dirname } from "node:path";
import { AuthError, UsageError } from "../domain/errors.ts";
import { Secret } from "../domain/secret.ts";
import type { CommandRun } from "./command.ts";
import { storedPath } from "./configuration.ts";
import type { World } from "./world.ts";

type Surroundings = Pick<CommandRun, "world" | "context">;

/** Logs in and keeps the login; who logged in, and the file. `as`: the user, where the words say. */
export async function logInAs(
  platform: string,
  as: string | undefined,
  { world, context }: Surroundings,
): Promise<{ readonly user: string; readonly kept: string }> {
  const { logIn } = await import("../tunnel/account.ts");
  const path = await loginPath(platform, { world, context });
  const { environment } = world;
  const user = as ?? environment["BACKEND_USER"] ?? (await ask("User: ", "BACKEND_USER", world, false));
  const given = environment["BACKEND_PASSWORD"];
  const password = new Secret(given ?? (await ask("Password: ", "BACKEND_PASSWORD", world, true)));
  const file = { folder: dirname(path), path };
  try {
    const otp = environment["RUNTUNNEL_OTP"];
    await logIn(platform, { user, password, ...(otp === undefined ? {} : { otp }) }, file, context);
  } catch (error) {
    if (!(error instanceof AuthError) || error.code !== "otp-required") throw error;
    const otp = await ask("One-time code: ", "RUNTUNNEL_OTP", world, false);
    await logIn(platform, { user, password, otp }, file, context);
  }
  return { user, kept: path };
}

/** Where a platform's login is kept. */
export async function loginPath(platform: string, { world, context }: Surroundings): Promise<string> {
  const { loginSettingKey } = await import("../tunnel/account.ts");
  const key = loginSettingKey(platform, context);
  const storedIn = world.declarations.find((declaration) => declaration.key === key)?.storedIn;
  return storedPath(world.configFile, storedIn ?? `${platform}-login.json`);
}

async function ask(prompt: string, variable: string, world: World, isSecret: boolean): Promise<string> {
  if (!world.stderr.isTty || world.askSecret === undefined || world.ask === undefined) {
    throw new UsageError(`Cannot ask for "${prompt.replace(/: $/, "")}" without a terminal`, {
      hint: `Set ${variable}`,
    });
  }
  return isSecret ? world.askSecret(prompt) : world.ask(prompt);
}
