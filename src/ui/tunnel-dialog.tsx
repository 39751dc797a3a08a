// Everything about one tunnel: how to connect, its ports, how it fares, what it logged.
import { useState } from "preact/hooks";
import type { UiTunnel } from "./api.ts";
import { CheckPanel } from "./check-panel.tsx";
import { ConnectPanel } from "./connect-panel.tsx";
import { Dialog } from "./dialog.tsx";
import { HealthPanel } from "./health-panel.tsx";
import { LogPanel } from "./log-panel.tsx";
import { PortsPanel } from "./ports-panel.tsx";
import { StateMark } from "./state-mark.tsx";
import { type Tab, Tabs } from "./tabs.tsx";

type DialogProps = {
  readonly tunnel: UiTunnel;
  readonly now: number;
  readonly tab: string;
  readonly onClose: () => void;
};

/** The dialog; `tab` is the one to begin with. */
export function TunnelDialog({ now, onClose, tab, tunnel }: DialogProps) {
  const [chosen, setChosen] = useState(tab);
  const isUp = tunnel.figures !== undefined;
  const tabs: readonly Tab[] = [
    ...(isUp && tunnel.hasSsh
      ? [{ name: "connect", title: "SSH and SFTP", content: () => <ConnectPanel tunnel={tunnel} /> }]
      : []),
    { name: "ports", title: "Ports", content: () => <PortsPanel tunnel={tunnel} /> },
    { name: "health", title: "Health", content: () => <HealthPanel tunnel={tunnel} now={now} /> },
    { name: "check", title: "Check", content: () => <CheckPanel tunnel={tunnel} /> },
    { name: "log", title: "Log", content: () => <LogPanel tunnel={tunnel} /> },
  ];
  return (
    <Dialog
      title={tunnel.name}
      subtitle={
        <>
          <StateMark state={tunnel.state} /> {tunnel.platformTitle}
        </>
      }
      onClose={onClose}
    >
      <Tabs label={`About ${tunnel.name}`} tabs={tabs} chosen={chosen} onChoose={setChosen} />
    </Dialog>
  );
}
