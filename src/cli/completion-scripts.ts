// The scripts that make shells ask this program what may come next. They are as short as they can be: what there is to
// know about commands is known here, not in four languages.

/** Shells with a script. */
export const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;

/** One of them. */
export type Shell = (typeof SHELLS)[number];

/** The script for a shell. */
export function completionScript(shell: Shell): string {
  switch (shell) {
    case "bash":
      return BASH;
    case "zsh":
      return ZSH;
    case "fish":
      return FISH;
    case "powershell":
      return POWERSHELL;
  }
}

/** How a shell is told of its script, for people. */
export const SET_UP: Readonly<Record<Shell, string>> = {
  bash: 'add to ~/.bashrc: eval "$(runtunnel completion bash)"',
  zsh: 'add to ~/.zshrc, behind compinit: eval "$(runtunnel completion zsh)"',
  fish: "runtunnel completion fish > ~/.config/fish/completions/runtunnel.fish",
  powershell: "add to the file that $PROFILE names: runtunnel completion powershell | Out-String | Invoke-Expression",
};

// Bash breaks words at = and : and puts only what is behind the last of them in place.
const BASH = `# bash completion for runtunnel
_runtunnel() {
  local line=\${COMP_LINE:0:COMP_POINT} words program current candidate broken
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  program=\${words[0]}
  [[ $program == "~/"* ]] && program=$HOME/\${program:2}
  current=\${words[\${#words[@]} - 1]}
  COMPREPLY=()
  while IFS=$'\\t' read -r candidate _; do
    case $candidate in
      :files)
        # macOS still has bash 3, which has no compopt.
        if type compopt >/dev/null 2>&1; then compopt -o default; else COMPREPLY=($(compgen -f -- "$current")); fi
        ;;
      :end) ;;
      *) COMPREPLY+=("$candidate") ;;
    esac
  done < <("$program" complete -- "\${words[@]:1}" 2>/dev/null)
  broken=\${current%"\${current##*[=:]}"}
  if [[ -n $broken && \${#COMPREPLY[@]} -gt 0 ]]; then COMPREPLY=("\${COMPREPLY[@]#"$broken"}"); fi
}
complete -F _runtunnel runtunnel
`;

const ZSH = `#compdef runtunnel
# zsh completion for runtunnel
_runtunnel() {
  local -a lines candidates
  local line files=no program=\${(Q)words[1]}
  lines=("\${(@f)$("\${program/#\\~\\//$HOME/}" complete -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}")
  for line in $lines; do
    case $line in
      :files) files=yes ;;
      :end) ;;
      *$'\\t'*) candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
      *) candidates+=("\${line//:/\\\\:}") ;;
    esac
  done
  (( $#candidates )) && _describe -V runtunnel candidates
  [[ $files == yes ]] && _files
}
if [[ $funcstack[1] == _runtunnel ]]; then
  _runtunnel "$@"
else
  compdef _runtunnel runtunnel
fi
`;

const FISH = `# fish completion for runtunnel
function __runtunnel_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
  for line in ($program complete -- $words[2..-1] "$current" 2>/dev/null)
    switch $line
      case ':files'
        __fish_complete_path "$current"
      case ':end'
      case '*'
        echo $line
    end
  end
end
complete -c runtunnel -f -k -a '(__runtunnel_complete)'
`;

const POWERSHELL = `# PowerShell completion for runtunnel
Register-ArgumentCompleter -Native -CommandName 'runtunnel', 'runtunnel.exe' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $program = $commandAst.CommandElements[0].ToString()
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.StartOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
    # An empty word is lost on its way to a program.
    $empty = @()
    if ($wordToComplete -eq '') { $empty = @('--empty') }
    $lines = @(& $program complete @empty -- @words 2>$null)
    foreach ($line in $lines) {
        if ($line -eq ':files') {
            [System.Management.Automation.CompletionCompleters]::CompleteFilename($wordToComplete)
        } elseif ($line -ne ':end') {
            $value, $description = $line -split "\`t", 2
            if (-not $description) { $description = $value }
            [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $description)
        }
    }
}
`;
