// The dialog that starts a tunnel: the few questions everybody has to answer, and the rest behind a fold.
import { useEffect, useRef, useState } from "preact/hooks";
import type { ExistingPolicy, StartAnswer, StartForm, UiState } from "./api.ts";
import { post } from "./client.ts";
import { startCommandLine } from "./command-line.ts";
import { CopyButton } from "./copy-button.tsx";
import { Dialog } from "./dialog.tsx";
import { Failure } from "./failure.tsx";
import { ChoiceField, SwitchField, TextField } from "./field.tsx";
import { Icon } from "./icon.tsx";
import { RunPicker } from "./run-picker.tsx";

type StartProps = { readonly state: UiState; readonly onClose: () => void; readonly onDone: (news: string) => void };

type EditForm = (changes: Partial<StartForm>) => void;

const NOTHING_YET: StartForm = {
  run: "",
  platform: "",
  localPort: "",
  remotePort: "22",
  ssh: true,
  sshUser: "",
  alias: "",
  identity: "",
  app: "",
  direct: false,
  existing: "refuse",
};

const POLICIES: readonly (readonly [ExistingPolicy, string])[] = [
  ["refuse", "Say so and leave it alone"],
  ["keep-same", "Use it if it is the same"],
  ["replace", "Replace it if it is different"],
];

/** The dialog. Closing it while the tunnel is on its way takes the tunnel back. */
export function StartDialog({ onClose, onDone, state }: StartProps) {
  const [form, setForm] = useState(NOTHING_YET);
  const [error, setError] = useState<unknown>();
  const [since, setSince] = useState<number>();
  const abort = useRef<AbortController>(undefined);
  useEffect(() => () => abort.current?.abort(), []);
  const edit: EditForm = (changes) => setForm({ ...form, ...changes });
  const start = async (): Promise<void> => {
    const controller = new AbortController();
    abort.current = controller;
    setError(undefined);
    setSince(state.now);
    try {
      const { kept, notes } = await post<StartAnswer>("tunnels", form, controller.signal);
      const news = kept ? "The tunnel was up already" : `The tunnel to ${form.run} is up`;
      onDone([news, ...notes].join(". "));
    } catch (reason) {
      if (!controller.signal.aborted) setError(reason);
      setSince(undefined);
    }
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    if (since === undefined) void start();
  };
  const isBusy = since !== undefined;
  return (
    <Dialog title="Start a tunnel" onClose={onClose}>
      <form onSubmit={submit}>
        <fieldset disabled={isBusy}>
          <Fields form={form} edit={edit} state={state} />
        </fieldset>
        {error !== undefined && <Failure error={error} />}
        {isBusy && <Progress state={state} since={since} />}
        <div class="command-preview">
          <p class="muted">The same in a terminal</p>
          <div>
            <code>{startCommandLine(form)}</code>
            <CopyButton text={startCommandLine(form)} what="the command" />
          </div>
        </div>
        <div class="dialog-foot">
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={isBusy}>
            {isBusy ? <Icon name="spinner" /> : <Icon name="plus" />}
            {isBusy ? "Starting" : "Start"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Fields({ edit, form, state }: { readonly form: StartForm; readonly edit: EditForm; readonly state: UiState }) {
  return (
    <>
      <TextField
        label="Run"
        value={form.run}
        onChange={(run) => edit({ run })}
        placeholder="56819"
        hint="A run of Cloud Pipeline (56819), a session of Backend.AI (my-session), or a host (10.244.1.2)"
        isRequired
        isFirst
      />
      <RunPicker typed={form.run} onChoose={(run) => edit({ run })} />
      <div class="choice" role="radiogroup" aria-label="What to reach">
        <Goal
          title="SSH and files"
          text="A shell, SFTP, VS Code; no password asked"
          isChosen={form.ssh}
          onChoose={() => edit({ ssh: true, remotePort: "22", app: "" })}
        />
        <Goal
          title="Another port"
          text="A notebook, a database, a remote desktop"
          isChosen={!form.ssh}
          onChoose={() => edit({ ssh: false, remotePort: "" })}
        />
      </div>
      {!form.ssh && (
        <TextField
          label="Remote port"
          value={form.remotePort}
          onChange={(remotePort) => edit({ remotePort })}
          placeholder="8888"
          hint="One port, or a range such as 8888-8890. A Backend.AI service may be named below instead"
        />
      )}
      <TextField
        label="Local port"
        value={form.localPort}
        onChange={(localPort) => edit({ localPort })}
        placeholder="any free one"
        hint="Where programs on this machine connect to; a number or a range of your choice keeps it the same every time"
        isNumeric
      />
      <details class="more">
        <summary>More options</summary>
        <MoreFields form={form} edit={edit} state={state} />
      </details>
    </>
  );
}

function MoreFields({
  edit,
  form,
  state,
}: {
  readonly form: StartForm;
  readonly edit: EditForm;
  readonly state: UiState;
}) {
  const platforms = state.platforms.map(
    ({ isConfigured, name, title }) => [name, isConfigured ? title : `${title} (not configured)`] as const,
  );
  return (
    <div class="more-fields">
      <ChoiceField
        label="Platform"
        value={form.platform}
        choices={[["", "By the name of the run"], ...platforms]}
        onChange={(platform) => edit({ platform })}
      />
      <ChoiceField
        label="If a tunnel is already on these ports"
        value={form.existing}
        choices={POLICIES}
        onChange={(existing) => edit({ existing })}
      />
      {form.ssh ? (
        <>
          <TextField
            label="Account"
            value={form.sshUser}
            onChange={(sshUser) => edit({ sshUser })}
            placeholder="the platform's choice"
          />
          <TextField
            label="Name for ssh"
            value={form.alias}
            onChange={(alias) => edit({ alias })}
            placeholder="pipeline-56819"
          />
          <TextField
            label="Private key of your own"
            value={form.identity}
            onChange={(identity) => edit({ identity })}
            placeholder="~/.ssh/id_ed25519"
            hint="Hosts that belong to no platform need one"
          />
        </>
      ) : (
        <TextField
          label="Service of a Backend.AI session"
          value={form.app}
          onChange={(app) => edit({ app })}
          placeholder="jupyter"
        />
      )}
      <SwitchField
        label="Without the platform's proxy"
        hint="For machines in the same network as the run"
        isOn={form.direct}
        onChange={(direct) => edit({ direct })}
      />
    </div>
  );
}

type GoalProps = {
  readonly title: string;
  readonly text: string;
  readonly isChosen: boolean;
  readonly onChoose: () => void;
};

function Goal({ isChosen, onChoose, text, title }: GoalProps) {
  return (
    <label class={isChosen ? "goal chosen" : "goal"}>
      <input type="radio" name="goal" checked={isChosen} onChange={onChoose} />
      <span>
        <strong>{title}</strong>
        <small class="muted">{text}</small>
      </span>
    </label>
  );
}

/** What the tunnel on its way says of itself. */
function Progress({ since, state }: { readonly state: UiState; readonly since: number }) {
  const mine = state.tunnels.findLast((tunnel) => tunnel.state === "starting" && tunnel.createdAt >= since - 1000);
  return (
    <p class="callout busy" role="status">
      <Icon name="spinner" />
      {mine?.phase ?? "Asking the platform for the run"}
    </p>
  );
}
