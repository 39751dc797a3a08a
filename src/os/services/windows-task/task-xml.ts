// The XML of a Windows scheduled task. Pure. See the Task Scheduler schema, version 1.2.
import type { ServiceDefinition } from "../service-manager.ts";
import { escapeXml } from "../xml-text.ts";

/** Renders the task: at logon of the user, or at boot; started again after a failure, without any limit of time. */
export function renderTask(definition: ServiceDefinition, userName: string): string {
  const [program = "", ...words] = definition.command;
  const isUser = definition.scope === "user";
  const account = isUser ? userName : (definition.runAs ?? "S-1-5-18");
  const logonType = isUser ? "\n      <LogonType>InteractiveToken</LogonType>" : "";
  const trigger = isUser
    ? `<LogonTrigger>\n      <UserId>${escapeXml(userName)}</UserId>\n    </LogonTrigger>`
    : "<BootTrigger />";
  return `<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>${escapeXml(definition.description)}</Description>
  </RegistrationInfo>
  <Triggers>
    ${trigger}
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>${escapeXml(account)}</UserId>${logonType}
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <IdleSettings>
      <StopOnIdleEnd>false</StopOnIdleEnd>
    </IdleSettings>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>7</Priority>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>999</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>${escapeXml(program)}</Command>
      <Arguments>${escapeXml(words.map(quoteWindowsWord).join(" "))}</Arguments>
    </Exec>
  </Actions>
</Task>
`;
}

/** One argument as CommandLineToArgvW reads it: backslashes count only before a quote. */
export function quoteWindowsWord(word: string): string {
  if (/^[^\s"]+$/.test(word)) return word;
  return `"${word.replaceAll(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, "$1$1")}"`;
}
