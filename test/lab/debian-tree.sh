#!/bin/sh
# Fills a folder with a minimal Debian, without what images and nodes of it do not need.
# Run within a mount and a process namespace of its own: what debootstrap mounts and starts ends with this script.
# Usage: debian-tree.sh RELEASE FOLDER MIRROR|'' [PACKAGE,…]
set -eu
release=$1 folder=$2 mirror=$3 packages=${4:-}

# A release that came after this debootstrap has no script of its own in it. All of Debian's have been the same for years.
scripts=/usr/share/debootstrap/scripts
script=$scripts/$release
[ -e "$script" ] || script=$scripts/sid

# dpkg writes everything through to the disk, which in memory costs nothing.
mount -t tmpfs -o size=2500m tmpfs /mnt
# It checks the signature of the release, and not its date: the mirror of a coming release may be behind.
debootstrap --variant=minbase ${packages:+"--include=$packages"} "$release" /mnt/tree "$mirror" "$script"
cd /mnt/tree
rm -rf var/cache/apt/* var/lib/apt/lists/* var/log/* tmp/* usr/share/doc/* usr/share/man/* usr/share/info/* usr/share/locale/*
rm -rf dev proc sys && mkdir dev proc sys
cp -a . "$folder"
