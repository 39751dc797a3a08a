// The same job for OpenSSH on Windows, in PowerShell. Keys of administrators stand in one file for all of them
// (`administrators_authorized_keys`), which sshd reads only when nobody but administrators and the system can write it.
import type { RemoteJob } from "./remote-job.ts";

/** Makes PowerShell run what comes on its standard input; works under cmd.exe and under PowerShell as login shell. */
export const WINDOWS_COMMAND =
  'powershell -NoProfile -NonInteractive -Command "Invoke-Expression ([Console]::In.ReadToEnd())"';

/** The script, for the standard input of that command. */
export function renderWindowsScript(job: RemoteJob): string {
  const accounts = job.accounts.map(quote).join(", ");
  return `$tag = ${quote(job.tag)}; $mode = ${quote(job.mode)}; $line = ${quote(job.line)}; $accounts = @(${accounts})\n${BODY}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

const BODY = String.raw`
$ErrorActionPreference = 'Stop'
$ssh = Join-Path $env:ProgramData 'ssh'
function Find-Keys($account) {
  $sid = (New-Object Security.Principal.NTAccount($account)).Translate([Security.Principal.SecurityIdentifier]).Value
  $admins = @(Get-LocalGroupMember -SID 'S-1-5-32-544' | ForEach-Object { $_.SID.Value })
  if ($admins -contains $sid) { return @((Join-Path $ssh 'administrators_authorized_keys'), '') }
  $list = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList\' + $sid
  $home_folder = (Get-ItemProperty $list).ProfileImagePath
  return @((Join-Path $home_folder '.ssh\authorized_keys'), $sid)
}
foreach ($account in $accounts) {
  try {
    $file, $sid = Find-Keys $account
    $lines = @(); if (Test-Path $file) { $lines = @([IO.File]::ReadAllLines($file)) }
    if ($mode -eq 'add') {
      if ($lines -cnotcontains $line) {
        New-Item -ItemType Directory -Force (Split-Path $file) | Out-Null
        [IO.File]::WriteAllLines($file, [string[]]($lines + $line))
        $grants = @('*S-1-5-18:F', '*S-1-5-32-544:F'); if ($sid) { $grants += ('*' + $sid + ':F') }
        & icacls $file /inheritance:r /grant:r $grants | Out-Null
      }
    } elseif ($lines -ccontains $line) {
      [IO.File]::WriteAllLines($file, [string[]]@($lines | Where-Object { $_ -cne $line }))
    }
    "$tag account $account ok"
  } catch [Security.Principal.IdentityNotMappedException] {
    "$tag account $account bad no-account there is no such account"
  } catch {
    "$tag account $account bad write " + ($_.Exception.Message -replace '\s+', ' ')
  }
}
if ($mode -eq 'add') {
  Get-ChildItem $ssh -Filter 'ssh_host_*_key.pub' -ErrorAction SilentlyContinue | ForEach-Object {
    Get-Content $_.FullName | ForEach-Object { "$tag key $_" }
  }
}
"$tag end"
`;
