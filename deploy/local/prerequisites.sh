#!/bin/sh
# What a bare Debian 12 or 13 lacks: installed where this user may, else named with the command that installs it.
set -eu

fail() {
    echo "prerequisites: $1" >&2
    exit 1
}

missing=
need() { # COMMAND PACKAGE
    command -v "$1" >/dev/null || missing="$missing $2"
}

python=${PYTHON:-python3}
if [ "$python" = python3 ]; then
    need python3 python3
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
fi
if [ "${WARROOM_BROWSER:-}" = 1 ]; then # the tests of what a browser shows
    need chromium chromium
    [ -n "$(fc-list 2>/dev/null)" ] || missing="$missing fonts-dejavu-core"
fi
if [ -z "${WARROOM_DATABASE_URL:-}" ]; then # the embedded TimescaleDB
    need mmdebstrap mmdebstrap
    need bwrap bubblewrap
    [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing="$missing debian-archive-keyring"
    [ "$(id -u)" = 0 ] || need newuidmap uidmap
fi

if [ -n "$missing" ]; then
    command -v apt-get >/dev/null || fail "missing:$missing; the embedded stack needs Debian 12 or later"
    if [ "$(id -u)" = 0 ]; then
        sudo=
    elif sudo -n true 2>/dev/null; then
        sudo='sudo -n'
    else
        fail "missing:$missing; run: sudo apt-get update && sudo apt-get install -y$missing"
    fi
    echo "Installing$missing ..." >&2
    apt="$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120"
    $apt update >/dev/null 2>&1 || true # one broken source of many need not matter; the next line tells
    # shellcheck disable=SC2086 # a list of names
    said=$($apt install -y --no-install-recommends $missing </dev/null 2>&1) ||
        fail "$(echo "$said" | grep -m 1 '^E:'); run: apt-get update && apt-get install -y$missing"
fi

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" -V) is too old, 3.11 or later is needed: use Debian 12 or later, or set PYTHON to a newer one"

if [ -z "${WARROOM_DATABASE_URL:-}" ]; then
    bwrap --unshare-user --unshare-pid --ro-bind / / true 2>/dev/null ||
        fail "bubblewrap may not create user namespaces here; run: sudo sysctl -w kernel.unprivileged_userns_clone=1 \
(in Docker: --security-opt seccomp=unconfined), or set WARROOM_DATABASE_URL to a TimescaleDB of yours"
fi
