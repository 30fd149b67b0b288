#!/bin/sh
# Installs tl and tl-probe. In an unpacked archive it installs the files beside it; elsewhere it
# fetches the archive first and verifies its SHA-256.
set -eu
version=@VERSION@
downloads=@DOWNLOADS@
prefix= from=
usage="usage: install.sh [--prefix DIR] [--from URL|DIR]
  --prefix DIR     install below DIR [default: /usr/local for root, otherwise ~/.local]
  --from URL|DIR   fetch the archive and SHA256SUMS from here [default: TL_RELEASE_URL,
                   or $downloads]"

fail() { printf 'install.sh: %s\n' "$1" >&2; exit "${2:-1}"; }

while [ $# -gt 0 ]; do
    case $1 in
        --prefix) [ $# -gt 1 ] || fail "$1 needs a value
$usage" 2; prefix=$2; shift 2 ;;
        --from) [ $# -gt 1 ] || fail "$1 needs a value
$usage" 2; from=$2; shift 2 ;;
        -h | --help) printf '%s\n' "$usage"; exit 0 ;;
        *) fail "unexpected argument \`$1\`
$usage" 2 ;;
    esac
done
[ "$(uname -s)" = Linux ] || fail "there is a build for Linux only; see README.md to build from source"
if [ -z "$prefix" ]; then
    if [ "$(id -u)" = 0 ]; then prefix=/usr/local; else prefix=$HOME/.local; fi
fi

here=$(cd "$(dirname "$0")" && pwd)
if [ -z "$from" ] && [ -x "$here/bin/tl-probe" ]; then
    source=$here
else
    from=${from:-${TL_RELEASE_URL:-$downloads}}
    name=tl-$version-$(uname -m)-linux
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT INT TERM
    fetch() {
        case $from in
            http://* | https://* | file://*)
                if command -v curl >/dev/null; then
                    curl --fail --silent --show-error --location --output "$work/$1" "$from/$1"
                elif command -v wget >/dev/null; then
                    wget --quiet --output-document="$work/$1" "$from/$1"
                else
                    fail "neither curl nor wget is installed"
                fi ;;
            *) cp "$from/$1" "$work/$1" ;;
        esac || fail "$1 cannot be fetched from $from"
    }
    fetch "$name.tar.gz"
    fetch SHA256SUMS
    (cd "$work" && grep "  $name.tar.gz\$" SHA256SUMS | sha256sum --check --status -) ||
        fail "the SHA-256 of $name.tar.gz is not the one in SHA256SUMS; nothing was installed"
    tar -xzf "$work/$name.tar.gz" -C "$work"
    source=$work/$name
fi

mkdir -p "$prefix/bin" || fail "$prefix/bin cannot be created; pass --prefix"
# A running program must not be overwritten: install a new file and rename it.
for program in tl-probe tl; do
    cp "$source/bin/$program" "$prefix/bin/.$program.new"
    chmod 755 "$prefix/bin/.$program.new"
    mv -f "$prefix/bin/.$program.new" "$prefix/bin/$program"
done
mkdir -p "$prefix/share"
cp -R "$source/share/." "$prefix/share/"
"$prefix/bin/tl" --version
printf 'installed in %s/bin\n' "$prefix"
case :$PATH: in
    *":$prefix/bin:"*) ;;
    *) printf 'hint: add it to your PATH: export PATH="%s/bin:$PATH"\n' "$prefix" ;;
esac
