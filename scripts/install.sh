#!/bin/sh
# Installs runtunnel from a release: checks the archive against SHA256SUMS, puts the executable, its completions and its
# manual page in place. Works without root; running it again upgrades, and tunnels that run keep the executable they started with.
set -eu

usage() {
  cat <<'END'
usage: install.sh [--from FOLDER|URL] [--prefix FOLDER] [--uninstall]

  --from FOLDER|URL   where the release lies (SHA256SUMS and the archives); default: the folder of this script
  --prefix FOLDER     default: /usr/local as root, else ~/.local
  --uninstall         remove what an installation put in place
END
}

fail() {
  printf 'error: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
  exit 1
}

from=
uninstall=no
if [ "$(id -u)" = 0 ]; then prefix=/usr/local; else prefix=${HOME:?HOME is not set}/.local; fi

while [ $# -gt 0 ]; do
  case $1 in
    --from | --prefix)
      [ $# -gt 1 ] || fail "$1 needs a value"
      if [ "$1" = --from ]; then from=$2; else prefix=$2; fi
      shift 2
      ;;
    --uninstall) uninstall=yes && shift ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
  esac
done

program=$prefix/bin/runtunnel
bash_completion=$prefix/share/bash-completion/completions/runtunnel
zsh_completion=$prefix/share/zsh/site-functions/_runtunnel
fish_completion=$prefix/share/fish/vendor_completions.d/runtunnel.fish
manual_page=$prefix/share/man/man1/runtunnel.1

if [ "$uninstall" = yes ]; then
  if [ -x "$program" ]; then
    case $("$program" list 2>/dev/null || true) in
      RUN*) fail "Tunnels are still there" "Run \"$program stop\" first: it undoes what they have configured" ;;
    esac
  fi
  rm -f "$program" "$bash_completion" "$zsh_completion" "$fish_completion" "$manual_page"
  echo "Removed $program. Settings and logs stay in your home folder."
  exit 0
fi

# What kind of machine this is, in the words of the archives' names.
case $(uname -s) in
  Linux) system=linux ;;
  Darwin) system=macos ;;
  *) fail "There is no runtunnel for $(uname -s)" "On Windows, use install.ps1" ;;
esac
case $(uname -m) in
  x86_64 | amd64) machine=x64 ;;
  aarch64 | arm64) machine=arm64 ;;
  *) fail "There is no runtunnel for a processor of type $(uname -m)" ;;
esac
target=$system-$machine
if [ "$system" = linux ] && ! [ -e /lib64/ld-linux-x86-64.so.2 ] && ! [ -e /lib/ld-linux-aarch64.so.1 ]; then
  for loader in /lib/ld-musl-*; do [ ! -e "$loader" ] || target=$target-musl; done
fi

if [ -z "$from" ]; then
  from=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
  [ -f "$from/SHA256SUMS" ] || fail "There is no release beside this script" "Say where it lies with --from FOLDER|URL"
fi

# Gets one file of the release.
get() {
  case $from in
    http://* | https://*)
      if command -v curl >/dev/null 2>&1; then
        curl -fsSL -o "$2" "${from%/}/$1" || fail "Cannot get ${from%/}/$1"
      elif command -v wget >/dev/null 2>&1; then
        wget -q -O "$2" "${from%/}/$1" || fail "Cannot get ${from%/}/$1"
      else
        fail "There is neither curl nor wget" "Install one of them, or get the release yourself and use --from FOLDER"
      fi
      ;;
    *) cp "$from/$1" "$2" || fail "Cannot read $from/$1" ;;
  esac
}

sum_of() {
  if command -v sha256sum >/dev/null 2>&1; then
    sha256sum "$1" | cut -d ' ' -f 1
  else
    shasum -a 256 "$1" | cut -d ' ' -f 1
  fi
}

# Beside its place to be, so that the last step is one rename.
mkdir -p "$prefix/bin" || fail "Cannot write to $prefix" "Choose another folder with --prefix"
work=$(mktemp -d "$prefix/bin/.runtunnel-XXXXXX") || fail "Cannot write to $prefix/bin" "Choose another folder with --prefix"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

get SHA256SUMS "$work/sums"
line=$(grep -E "^[0-9a-f]{64}  runtunnel-[0-9][^/ ]*-$target\\.tar\\.gz\$" "$work/sums" | head -n 1) || true
[ -n "$line" ] || fail "This release has no archive for $target"
wanted=${line%% *}
archive=${line##* }

get "$archive" "$work/archive.tar.gz"
found=$(sum_of "$work/archive.tar.gz")
[ "$found" = "$wanted" ] || fail "$archive is not what SHA256SUMS says: found $found" "Get the release again; do not use this file"

tar -xzf "$work/archive.tar.gz" -C "$work"
folder=$work/${archive%.tar.gz}
if ! version=$("$folder/runtunnel" --version); then
  hint="Check that $target is right for this machine"
  case $target in *-musl) hint="Install the C++ library: apk add libstdc++" ;; esac
  fail "The executable does not run here" "$hint"
fi

place() {
  [ -f "$1" ] || return 0
  mkdir -p "$(dirname "$2")"
  cp "$1" "$2"
  chmod 644 "$2"
}
chmod 755 "$folder/runtunnel"
mv -f "$folder/runtunnel" "$program"
place "$folder/completions/runtunnel.bash" "$bash_completion"
place "$folder/completions/_runtunnel" "$zsh_completion"
place "$folder/completions/runtunnel.fish" "$fish_completion"
place "$folder/man/runtunnel.1" "$manual_page"

echo "Installed $version as $program"
case :$PATH: in
  *:"$prefix/bin":*) ;;
  *) echo "$prefix/bin is not on your PATH. Add to your shell's start-up file: export PATH=\"$prefix/bin:\$PATH\"" ;;
esac
