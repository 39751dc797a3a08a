// The one POSIX shell script that authorises a key on a run, or takes it back, and prints the host keys. Pure: it only
// makes text. Nothing in it may depend on a shell beyond dash, or on tools beyond busybox.
import type { RemoteJob } from "./remote-job.ts";

/** The script, for the standard input of `sh`. */
export function renderPosixScript(job: RemoteJob): string {
  const accounts = job.accounts.map(quote).join(" ");
  const values = [`tag=${quote(job.tag)}`, `mode=${quote(job.mode)}`, `line=${quote(job.line)}`];
  const keys = job.mode === "add" ? HOST_KEYS : "";
  return `${values.join("\n")}\nworker=${quote(WORKER)}\n${PROLOGUE}\nfor account in ${accounts}; do\n${ACCOUNT}\ndone\n${keys}printf '%s end\\n' "$tag"\n`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

const PROLOGUE = `
set -u -f
umask 077
LC_ALL=C; export LC_ALL
me=$(id -u)
entry_of() {
  getent passwd "$1" </dev/null 2>/dev/null && return
  while IFS= read -r entry; do
    case "$entry" in "$1":*) printf '%s\\n' "$entry"; return;; esac
  done </etc/passwd
}
say() { printf '%s account %s %s\\n' "$tag" "$account" "$*"; }`;

/** Root steps down to the account wherever it can: then no link that the account has laid leads root anywhere, and homes
 * on file servers that do not trust root work. Where there is no working `su`, root itself looks out for traps. */
const ACCOUNT = `
entry=$(entry_of "$account")
if [ -z "$entry" ]; then say bad no-account "there is no such account"; continue; fi
IFS=: ; set -- $entry ; unset IFS
uid=$3 gid=$4 home=$6
guard=no runner=sh
if [ "$me" = 0 ] && [ "$uid" != 0 ]; then
  if [ "$(su -s /bin/sh "$account" -c 'id -u' </dev/null 2>/dev/null | tail -n 1)" = "$uid" ]; then
    runner=su
  else
    guard=yes
  fi
fi
answer=$(
  printf '%s\\n' "$tag" "$mode" "$home" "$uid:$gid" "$guard" "$line" |
    if [ $runner = su ]; then su -s /bin/sh "$account" -c "$worker"; else sh -c "$worker"; fi 2>&1
)
told=no
while IFS= read -r word; do
  case "$word" in "$tag "*) told=yes; say "\${word#"$tag" }";; esac
done <<EOT
$answer
EOT
[ $told = yes ] || say bad failed "$(printf '%s' "$answer" | tail -n 1)"`;

const WORKER = `
set -u
umask 077
LC_ALL=C; export LC_ALL
IFS= read -r tag; IFS= read -r mode; IFS= read -r home; IFS= read -r ids; IFS= read -r guard; IFS= read -r line
bad() { printf '%s bad %s\\n' "$tag" "$(printf '%s' "$*" | tr '\\n' ' ')"; exit 1; }
done_with() { printf '%s ok\\n' "$tag"; exit 0; }
case "$home" in /*) ;; *) bad no-home "the account has no home folder";; esac
home=$(cd "$home" 2>/dev/null && pwd -P) || bad no-home "the home folder does not exist or cannot be entered"
[ "$home" != / ] || bad no-home "the home folder is /"
dir=$home/.ssh
file=$dir/authorized_keys
check() {
  [ "$guard" = yes ] || return 0
  [ ! -L "$1" ] || bad trap "$1 is a symbolic link"
  set -- "$1" $(ls -ldn "$1")
  [ "$4" = "\${ids%%:*}" ] || [ "$4" = 0 ] || bad trap "$1 belongs to another account"
}
lock() {
  # A link is made in one step and says whose it is, so that what a killed script left behind holds nobody up.
  lock=$dir/.runtunnel.lock count=0 absent=0
  # Processes are known by number only to those who share their number space.
  machine=$(uname -n):$(readlink /proc/self/ns/pid 2>/dev/null)
  until reason=$(ln -s "$machine:$$" "$lock" 2>&1); do
    count=$((count + 1))
    [ $count -lt 100 ] || break
    holder=$(readlink "$lock" 2>/dev/null)
    case "$holder" in
      # Not there although it could not be made: released just now, or the folder cannot be written.
      '') absent=$((absent + 1));;
      "$machine":*) absent=0; is_alive "\${holder##*:}" || { take_away "$holder"; continue; };;
      *) absent=0;;
    esac
    [ $absent -lt 5 ] || bad write "$reason"
    sleep 0.1 2>/dev/null || sleep 1
  done
  trap 'take_away "$machine:$$"' EXIT
  trap 'exit 1' HUP INT TERM
}
# Whoever ends in good order takes its lock away first: one that still names the dead was left behind.
take_away() { [ "$(readlink "$lock" 2>/dev/null)" != "$1" ] || rm -f "$lock"; }
is_alive() { kill -0 "$1" 2>/dev/null || [ -d "/proc/$1" ]; }
unended() { [ -s "$1" ] && [ "$(tail -c 1 "$1" | wc -l)" -eq 0 ]; }
holds() { grep -qxF -e "$line" "$file" 2>/dev/null; }
if [ "$mode" = add ]; then
  if [ -L "$dir" ] && [ "$guard" = yes ]; then check "$dir"; fi
  [ -d "$dir" ] || reason=$(mkdir "$dir" 2>&1) || bad write "$reason"
  check "$dir"
  if [ -L "$file" ]; then check "$file"; fi
  lock
  [ -e "$file" ] || reason=$( { : >>"$file"; } 2>&1 ) || bad write "$reason"
  check "$file"
  [ -f "$file" ] || bad write "$file is not a file"
  if [ "$guard" = yes ]; then chown -h "$ids" "$dir" "$file" || bad write "cannot give $file its owner"; fi
  chmod 700 "$dir" 2>/dev/null; chmod 600 "$file" 2>/dev/null
  if ! holds; then
    gap=; if unended "$file"; then gap='\\n'; fi
    # Through cat, which names the reason where a shell's own printf says "I/O error".
    reason=$( { printf "$gap%s\\n" "$line" | cat >>"$file"; } 2>&1 )
    holds || bad write "\${reason:-the key did not arrive in $file}"
  fi
  set -- $(ls -ldn "$home")
  case "$1" in ?????w*|????????w*) printf '%s note %s\\n' "$tag" "the home folder $home can be written by others; sshd may refuse keys because of that";; esac
  done_with
fi
[ -f "$file" ] || done_with
holds || done_with
check "$dir"; check "$file"
lock
target=$file
if [ -L "$file" ]; then target=$(readlink -f "$file") || bad write "cannot follow the link $file"; fi
copy=\${target%/*}/.authorized_keys.runtunnel.$$
give_up() { rm -f "$copy" "$copy.2"; bad write "$*"; }
reason=$(cp -p "$target" "$copy" 2>&1) || give_up "$reason"
reason=$( { grep -vxF -e "$line" "$target" >"$copy"; } 2>&1 )
[ $? -le 1 ] || give_up "$reason"
if unended "$target" && [ -s "$copy" ] && [ "$(tail -n 1 "$target")" != "$line" ]; then
  size=$(wc -c <"$copy")
  head -c $((size - 1)) "$copy" >"$copy.2" && cat "$copy.2" >"$copy" || give_up "cannot copy $target"
  rm -f "$copy.2"
fi
reason=$(mv "$copy" "$target" 2>&1) || give_up "$reason"
done_with
`;

/** Which keys the server really uses stands in the configuration or on the command line of the process that listens,
 * one of our ancestors; where nothing is said there, they lie in the usual places. */
const HOST_KEYS = `
show_key() {
  if [ -r "$1.pub" ]; then cat "$1.pub"
  else ssh-keygen -y -f "$1" </dev/null 2>/dev/null || dropbearkey -y -f "$1" </dev/null 2>/dev/null
  fi
}
usual_keys() {
  set +f
  cat /etc/ssh/ssh_host_*_key.pub
  for file in /etc/dropbear/dropbear_*_host_key; do [ -r "$file" ] && dropbearkey -y -f "$file" </dev/null; done
}
server_keys() {
  process=$PPID depth=0
  while [ "$process" -gt 1 ] && [ $depth -lt 8 ]; do
    before=
    # Between us and the server stand shells alone.
    read -r name <"/proc/$process/comm" || return
    case "$name" in *sh|busybox|sshd*|dropbear*) ;; *) return;; esac
    for word in $(tr '\\000' ' ' <"/proc/$process/cmdline" 2>/dev/null); do
      case "$before" in
        -f) if [ -r "$word" ]; then
          for file in $(sed -n 's/^[[:space:]]*[Hh][Oo][Ss][Tt][Kk][Ee][Yy][[:space:]=]\\{1,\\}"\\{0,1\\}\\([^"]*\\).*/\\1/p' "$word"); do show_key "$file"; done
        fi;;
        -h|-r) show_key "$word";;
      esac
      before=$word
    done
    process=$(sed 's/^.*) [A-Za-z] \\([0-9]*\\) .*/\\1/' "/proc/$process/stat" 2>/dev/null)
    process=\${process:-1} depth=$((depth + 1))
  done
}
keys=$(server_keys 2>/dev/null)
[ -n "$keys" ] || keys=$(usual_keys 2>/dev/null)
printf '%s\\n' "$keys" | while IFS= read -r word; do
  case "$word" in ssh-*|ecdsa-*) printf '%s key %s\\n' "$tag" "$word";; esac
done
`;
