# SPDX-License-Identifier: GPL-3.0-or-later
# SPDX-FileCopyrightText: The Headgate authors
# Shared by installer/run, installer/test and .ci/run: missing packages, and the release build.
# Sourced, not run. Idempotent: with everything in place nothing is installed and no network is used.

headgate_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PATH=$PATH:/usr/sbin:/sbin

say() { printf '%s\n' "$*" >&2; }

# The preset of this run: CI builds the same folder with warnings as errors.
headgate_preset() {
    if [ "${CI:-}" = true ] || [ "${CI:-}" = 1 ]; then echo ci; else echo release; fi
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        say "headgate: these packages are missing and neither root nor sudo is at hand: $missing"
        say "Install them, then run this again."
        exit 1
    fi
}

# What a package is needed for when another package may bring the same command.
package_is_there() {
    case $1 in
        nodejs) command -v node >/dev/null && return 0 ;;
        npm | nginx-light) command -v "${1%-light}" >/dev/null && return 0 ;;
        imagemagick) command -v convert >/dev/null && return 0 ;;
    esac
    dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

# install_packages build test check: the packages of installer/packages.txt with these words.
install_packages() {
    if ! command -v dpkg-query >/dev/null; then
        say "headgate: not a Debian system; the libraries in installer/packages.txt must be there."
        return 0
    fi
    local name purpose
    missing=
    while read -r name purpose _; do
        case $name in '' | '#'*) continue ;; esac
        case " $* " in *" $purpose "*) ;; *) continue ;; esac
        package_is_there "$name" || missing="$missing $name"
    done <"$headgate_root/installer/packages.txt"
    [ -n "$missing" ] || return 0
    say "Installing:$missing"
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -o DPkg::Lock::Timeout=300 update -qq </dev/null >&2
    # RUNLEVEL=1 keeps a package's service (nginx) from being started by its installation.
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends $missing \
        </dev/null >&2
}

# npm_install FOLDER: what package-lock.json says, only when it changed since the last time.
npm_install() {
    [ -f "$1/package-lock.json" ] || return 0
    if [ "$1/node_modules/.package-lock.json" -nt "$1/package-lock.json" ]; then return 0; fi
    (cd "$1" && npm ci --no-audit --no-fund --loglevel=error </dev/null >&2)
}

# build PRESET [TARGET…]
build() {
    local preset=$1
    shift
    cmake --preset "$preset" >/dev/null
    cmake --build --preset "$preset" --parallel "$(nproc)" ${1:+--target "$@"} >&2
}
