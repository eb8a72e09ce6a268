#!/bin/sh
# The files of PostgreSQL 17 with TimescaleDB, taken from Debian trixie's own packages into a cache folder, whose path is
# printed. Only what the server opens is kept, and psql: 80 MB of 440. Nothing of the host is changed, no mirror is named.
set -eu

release=trixie
major=17
recipe=2 # raise it with every change of this file: each recipe has its own folder

fail() {
    echo "rootfs: $1" >&2
    exit 1
}

cache=${WARROOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/warroom}
rootfs=$cache/timescaledb-$release-$major-$(uname -m)-$recipe

if [ -d "$rootfs" ]; then
    echo "$rootfs"
    exit
fi

mkdir -p "$cache" || fail "cannot write to $cache; set WARROOM_CACHE to a folder that can be written"
exec 9>"$cache/lock"
flock 9 # one builds, the others wait for it
if [ -d "$rootfs" ]; then
    echo "$rootfs"
    exit
fi

echo "Unpacking TimescaleDB from Debian $release (once, under half a minute) ..." >&2
rm -rf "$cache"/building.* # of a build that was killed
work=$(mktemp -d "$cache/building.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

mkdir "$work/root"
# `tar` picks: the just-in-time compiler (LLVM, z3), Perl, iconv tables, translations and upgrade scripts stay out.
{
    mmdebstrap --variant=extract --include=dash,libc-bin,tzdata,postgresql-$major,postgresql-$major-timescaledb \
        $release - 2>"$work/log" || touch "$work/failed"
} | tar -x -C "$work/root" --no-same-owner --wildcards --no-wildcards-match-slash \
    --exclude='libLLVM*' --exclude='libz3.*' --exclude='libperl.*' --exclude='libdb-*' --exclude='libgcrypt.*' \
    --exclude='libmvec.*' --exclude='libsepol.*' --exclude='libpcre2-*' \
    --exclude='timescaledb--*--*' \
    './usr/bin/dash' './usr/bin/sh' \
    './usr/lib*/ld-linux*' \
    './usr/lib/*-linux-gnu/*.so*' \
    "./usr/lib/postgresql/$major/bin/postgres" \
    "./usr/lib/postgresql/$major/bin/initdb" \
    "./usr/lib/postgresql/$major/bin/psql" \
    "./usr/lib/postgresql/$major/lib/*.so" \
    "./usr/share/postgresql/$major/*.*" \
    "./usr/share/postgresql/$major/extension/*" \
    "./usr/share/postgresql/$major/timezonesets/*" \
    "./usr/share/postgresql/$major/tsearch_data/*" \
    './usr/share/zoneinfo' 2>"$work/tar.log" || touch "$work/failed"
if [ -e "$work/failed" ]; then
    cp "$work/log" "$cache/rootfs.log"
    fail "mmdebstrap could not fetch and unpack postgresql-$major-timescaledb of Debian $release: $(
        grep -m 1 '^E:' "$work/log" || tail -n 1 "$work/log" "$work/tar.log"
    ); see $cache/rootfs.log, check the network, and run the same command again"
fi

cd "$work/root"
for name in bin lib lib64; do # the merged /usr of every Debian
    if [ -d "usr/$name" ]; then ln -s "usr/$name" "$name"; fi
done
mkdir data dev etc # mount points of the sandbox
echo 'postgres:x:1000:1000::/data:/bin/sh' >etc/passwd
mv "$work/root" "$rootfs"
echo "$rootfs"
