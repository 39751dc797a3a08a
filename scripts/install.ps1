# Installs runtunnel on Windows from a release: checks the archive against SHA256SUMS, puts the executable and its
# completions in place. Works without administrator rights, in Windows PowerShell 5.1 and later; running it again
# upgrades, and tunnels that run keep the executable they started with.
#
#   .\install.ps1 [-From FOLDER|URL] [-Prefix FOLDER] [-AddToPath] [-Uninstall]
[CmdletBinding()]
param(
    # Where the release lies (SHA256SUMS and the archives); default: the folder of this script.
    [string] $From = $PSScriptRoot,
    [string] $Prefix = (Join-Path $env:LOCALAPPDATA 'Programs\runtunnel'),
    # Appends the folder to the user's PATH.
    [switch] $AddToPath,
    # Removes what an installation put in place.
    [switch] $Uninstall
)

$ErrorActionPreference = 'Stop'
# Windows PowerShell offers old versions of TLS first, and its progress bar slows downloads down many times.
[Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12
$ProgressPreference = 'SilentlyContinue'

$program = Join-Path $Prefix 'runtunnel.exe'
$completion = Join-Path $Prefix 'runtunnel.ps1'

function Get-UserPath {
    $value = [Environment]::GetEnvironmentVariable('Path', 'User')
    if ($null -eq $value) { return @() }
    return @($value.Split(';') | Where-Object { $_ -ne '' })
}

# A program that runs cannot be deleted or overwritten, but it can be renamed.
function Move-Aside {
    Get-ChildItem -LiteralPath $Prefix -Filter 'runtunnel-*.old' | Remove-Item -Force -ErrorAction SilentlyContinue
    if (-not (Test-Path -LiteralPath $program)) { return }
    $aside = Join-Path $Prefix ('runtunnel-{0}.old' -f [Guid]::NewGuid())
    Move-Item -LiteralPath $program -Destination $aside
    Remove-Item -LiteralPath $aside -Force -ErrorAction SilentlyContinue
}

if ($Uninstall) {
    if (Test-Path -LiteralPath $program) {
        $listing = & $program list 2>$null
        if (@($listing).Count -gt 0 -and @($listing)[0] -like 'RUN*') {
            throw "Tunnels are still there. Run '$program stop' first: it undoes what they have configured."
        }
        Move-Aside
    }
    if (Test-Path -LiteralPath $completion) { Remove-Item -LiteralPath $completion -Force }
    $rest = @(Get-UserPath | Where-Object { $_ -ne $Prefix })
    if ($rest.Count -ne @(Get-UserPath).Count) {
        [Environment]::SetEnvironmentVariable('Path', ($rest -join ';'), 'User')
    }
    Write-Output "Removed $program. Settings and logs stay in your profile."
    return
}

$machine = $env:PROCESSOR_ARCHITECTURE
# A 32-bit shell is told about its own kind first.
if ($env:PROCESSOR_ARCHITEW6432) { $machine = $env:PROCESSOR_ARCHITEW6432 }
switch ($machine) {
    'AMD64' { $target = 'windows-x64' }
    'ARM64' { $target = 'windows-arm64' }
    default { throw "There is no runtunnel for a processor of type $machine." }
}

$isUrl = $From -match '^https?://'
function Get-ReleaseFile([string] $Name, [string] $Destination) {
    if ($isUrl) {
        Invoke-WebRequest -UseBasicParsing -Uri ($From.TrimEnd('/') + '/' + $Name) -OutFile $Destination
    } else {
        Copy-Item -LiteralPath (Join-Path $From $Name) -Destination $Destination
    }
}

$null = New-Item -ItemType Directory -Force -Path $Prefix
$work = Join-Path $Prefix ('.install-{0}' -f [Guid]::NewGuid())
$null = New-Item -ItemType Directory -Path $work
try {
    $sums = Join-Path $work 'SHA256SUMS'
    Get-ReleaseFile 'SHA256SUMS' $sums
    $line = Get-Content -LiteralPath $sums |
        Where-Object { $_ -match "^[0-9a-f]{64}  runtunnel-[0-9][^/ ]*-$target\.zip$" } |
        Select-Object -First 1
    if (-not $line) { throw "This release has no archive for $target." }
    $wanted, $archive = $line -split '  ', 2

    $file = Join-Path $work 'archive.zip'
    Get-ReleaseFile $archive $file
    $found = (Get-FileHash -LiteralPath $file -Algorithm SHA256).Hash
    if ($found -ne $wanted) {
        throw "$archive is not what SHA256SUMS says: found $found. Get the release again; do not use this file."
    }

    Expand-Archive -LiteralPath $file -DestinationPath $work
    $folder = Join-Path $work ([IO.Path]::GetFileNameWithoutExtension($archive))
    $version = & (Join-Path $folder 'runtunnel.exe') --version
    if ($LASTEXITCODE -ne 0) { throw "The executable does not run here: check that $target is right for this machine." }

    Move-Aside
    Move-Item -LiteralPath (Join-Path $folder 'runtunnel.exe') -Destination $program
    $script = Join-Path $folder 'completions\runtunnel.ps1'
    if (Test-Path -LiteralPath $script) { Copy-Item -LiteralPath $script -Destination $completion -Force }
} finally {
    Remove-Item -LiteralPath $work -Recurse -Force -ErrorAction SilentlyContinue
}

Write-Output "Installed $version as $program"
if (Test-Path -LiteralPath $completion) {
    Write-Output "For completions, add this line to the file that `$PROFILE names: . '$completion'"
}
if ((Get-UserPath) -notcontains $Prefix) {
    if ($AddToPath) {
        [Environment]::SetEnvironmentVariable('Path', ((@(Get-UserPath) + $Prefix) -join ';'), 'User')
        Write-Output "Added $Prefix to your PATH: open a new window to use it"
    } else {
        Write-Output "$Prefix is not on your PATH. Run this script again with -AddToPath, or add the folder yourself."
    }
}
