// How to connect by SSH and SFTP: address, key, command lines, programs. What the SSH/SFTP dialog of Backend.AI shows, and
// more.
import { useEffect, useState } from "preact/hooks";
import type { Connection } from "../domain/connection.ts";
import type { UiKeyFormat, UiTunnel } from "./api.ts";
import { download, get } from "./client.ts";
import { commandLines, programSteps, SAVED_KEY } from "./connect-steps.ts";
import { CopyLine } from "./copy-button.tsx";
import { Failure } from "./failure.tsx";
import { Icon } from "./icon.tsx";

/** The panel; asks the server when it is opened. */
export function ConnectPanel({ tunnel }: { readonly tunnel: UiTunnel }) {
  const [info, setInfo] = useState<Connection>();
  const [error, setError] = useState<unknown>();
  const path = `tunnels/${encodeURIComponent(tunnel.id)}`;
  useEffect(() => {
    get<Connection>(`${path}/connection`).then(setInfo, setError);
  }, [path]);
  if (error !== undefined) return <Failure error={error} />;
  if (info === undefined) return <p role="status">One moment</p>;
  const hasKey = tunnel.keyFrom !== undefined;
  return (
    <div class="panel">
      {info.alias !== undefined && (
        <p class="callout good">
          <Icon name="check" />
          <span>
            {info.clients.length === 0 ? "SSH programs" : info.clients.join(" and ")} on this machine know this run as{" "}
            <code>{info.alias}</code>: no password, no key to choose, the host key is checked.
          </span>
        </p>
      )}
      <section>
        <h3>Address</h3>
        <dl>
          <CopyLine title="SFTP URL" text={info.urls.sftp} href={info.urls.sftp} />
          <CopyLine title="Host" text={info.host} />
          <CopyLine title="Port" text={String(info.port)} />
          <CopyLine title="User" text={info.user} />
        </dl>
      </section>
      <KeySection tunnel={tunnel} info={info} />
      <section>
        <h3>Command lines</h3>
        <dl>
          {commandLines(info, hasKey).map(([title, text]) => (
            <CopyLine key={title} title={title} text={text} />
          ))}
        </dl>
      </section>
      <Programs info={info} hasKey={hasKey} path={path} />
    </div>
  );
}

const KEYS: readonly (readonly [UiKeyFormat, string, string])[] = [
  ["openssh", "OpenSSH", "ssh, scp, VS Code"],
  ["ppk", "PPK", "PuTTY, WinSCP, FileZilla"],
  ["ppk2", "PPK version 2", "PuTTY before 0.75"],
  ["pem", "PEM", "older programs"],
];

function KeySection({ info, tunnel }: { readonly tunnel: UiTunnel; readonly info: Connection }) {
  const [error, setError] = useState<unknown>();
  const [saved, setSaved] = useState<UiKeyFormat>();
  const save = (format: UiKeyFormat): void => {
    setError(undefined);
    download(`tunnels/${encodeURIComponent(tunnel.id)}/key?format=${format}`).then(() => setSaved(format), setError);
  };
  if (tunnel.keyFrom === undefined) {
    return (
      <section>
        <h3>Key</h3>
        <p class="muted">
          This tunnel has no key of its own: the run asks for what you usually log in with. A tunnel for SSH and files,
          started on this page, brings one.
        </p>
      </section>
    );
  }
  return (
    <section>
      <h3>SSH key</h3>
      <p class="muted">
        {info.alias === undefined
          ? `The run's private key, id_container. The command lines below expect it as ${SAVED_KEY}.`
          : "Only programs that do not use this machine's SSH settings need it."}
      </p>
      <div class="buttons">
        {KEYS.map(([format, title, use]) => (
          <button type="button" class="button two-lines" key={format} onClick={() => save(format)}>
            <Icon name="download" />
            <span>
              {title}
              <small class="muted">{use}</small>
            </span>
          </button>
        ))}
      </div>
      <div role="status">
        {saved === "openssh" && (
          <p class="muted">
            Saved. Nobody else may read it:{" "}
            <code>
              mv ~/Downloads/id_container {SAVED_KEY} && chmod 600 {SAVED_KEY}
            </code>
          </p>
        )}
        {saved !== undefined && saved !== "openssh" && (
          <p class="muted">Saved. Keep it where nobody else can read it.</p>
        )}
      </div>
      {error !== undefined && <Failure error={error} />}
    </section>
  );
}

type ProgramsProps = { readonly info: Connection; readonly hasKey: boolean; readonly path: string };

function Programs({ hasKey, info, path }: ProgramsProps) {
  const [error, setError] = useState<unknown>();
  const saveSite = (): void => {
    setError(undefined);
    download(`${path}/filezilla`).catch(setError);
  };
  return (
    <section>
      <h3>Programs</h3>
      {error !== undefined && <Failure error={error} />}
      {programSteps(info, hasKey).map(({ program, steps }) => (
        <details key={program} class="program">
          <summary>{program}</summary>
          {program === "VS Code" && info.alias !== undefined && (
            <a class="button" href={info.urls.vscode}>
              <Icon name="open" /> Open in VS Code
            </a>
          )}
          {program === "FileZilla" && (
            <button type="button" class="button" onClick={saveSite}>
              <Icon name="download" /> Site file for FileZilla
            </button>
          )}
          <ol>
            {steps.map((step) => (
              <li key={step}>{step}</li>
            ))}
          </ol>
        </details>
      ))}
    </section>
  );
}
