// A process of its own that adds one host to OpenSSH and, where told so, removes it again.
import { openssh } from "../../../src/ssh/clients/openssh/openssh.ts";
import { clientContext, someHost } from "../client-context.ts";

const [home = "", alias = "", mode = ""] = process.argv.slice(2);
const context = clientContext(home);
const entries = await openssh.plan(someHost(home, { alias, owner: `owner-${alias}`, hostKeyAlias: alias }), context);
if (mode !== "undo") for (const entry of entries) await openssh.apply(entry, context);
if (mode !== "apply") for (const entry of entries.toReversed()) await openssh.undo(entry, context);
