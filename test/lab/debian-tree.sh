#!/bin/sh
# Fills a folder with a minimal Debian, without what images of it do not need.
# Run within a mount and a process namespace of its own: what debootstrap mounts and starts ends with this script.
# Usage: debian-tree.sh RELEASE FOLDER
set -eu
release=$1 folder=$2

# dpkg writes everything through to the disk, which in memory costs nothing.
mount -t tmpfs -o size=1500m tmpfs /mnt
debootstrap --variant=minbase "$release" /mnt/tree
cd /mnt/tree
rm -rf var/cache/apt/* var/lib/apt/lists/* var/log/* tmp/* usr/share/doc/* usr/share/man/* usr/share/info/* usr/share/locale/*
rm -rf dev proc sys && mkdir dev proc sys
cp -a . "$folder"
