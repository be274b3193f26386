#!/bin/sh
# First process of a node: of its own process, mount and host name namespaces, in the node's network namespace.
# Whatever the daemon and its containers start ends with this process, and every mount made here with it.
# Usage: node-init.sh HOSTNAME RESOLVER|- TREE|- STATE-FOLDER DAEMON [ARGUMENT …]
# With a TREE (the folder of a Debian) the node runs on that one's programs, and sees the machine's STATE-FOLDER in it.
set -eu
hostname=$1 resolver=$2 tree=$3 state=$4
shift 4

resolv=$(cat /etc/resolv.conf 2>/dev/null || true)
if [ "$resolver" != - ]; then
  # The daemon's own DNS is silent about names that are neither the swarm's nor anyone's: do not wait for long.
  resolv=$(printf 'nameserver %s\noptions timeout:1 attempts:2' "$resolver")
fi

echo "$hostname" >/proc/sys/kernel/hostname
# A /run and an /etc of its own: a bind of /var/run/docker.sock is this node's, and a key written to /etc/docker is too.
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock
if [ "$tree" = - ]; then
  mkdir -p /run/etc/upper /run/etc/work
  mount -t overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work overlay /etc
else
  mount -t tmpfs -o mode=755 tmpfs /mnt
  mkdir /mnt/upper /mnt/work /mnt/root
  mount -t overlay -o "lowerdir=$tree,upperdir=/mnt/upper,workdir=/mnt/work" overlay /mnt/root
  for folder in /proc /sys /dev /run /tmp "$state"; do
    mkdir -p "/mnt/root$folder"
    mount --rbind "$folder" "/mnt/root$folder"
  done
  # What is mounted on /mnt stays as long as the root that is made of it; the machine's own root goes from sight.
  cd /mnt/root
  pivot_root . mnt
  cd /
  umount --lazy /mnt
fi
rm -f /etc/resolv.conf /etc/docker/daemon.json
echo "$resolv" >/etc/resolv.conf
echo "127.0.0.1 localhost $hostname" >/etc/hosts

# Not exec: process 1 must reap the orphans of others, which a shell waiting for its child does and a daemon does not.
"$@" &
wait $!
