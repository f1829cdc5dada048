#!/bin/sh
# The first process of a lab node: pid 1 of its own pid namespace. When it dies, the kernel ends everything in the node.
#
#   init.sh NAMESPACE DIRECTORY BINARY NAME
#
# Runs in fresh mount, pid, uts and ipc namespaces and in the network namespace NAMESPACE, whose last part is the
# node's name. DIRECTORY holds the node's own files, BINARY is the database's program, NAME what the node calls it.
# It lays the node's own directories over the machine's, then keeps sshd running and reaps orphans. No mount is seen
# outside. `mount -n` keeps no list in /run.
set -eu

node=${1##*.}
directory=$2
binary=$3
name=$4

# BINARY and DIRECTORY may lie below what is covered next, so they are brought to a place that is covered last.
here=/var/lib/schism
mount -n --bind "$binary" "$directory/etc/bin/$name"
mount -n --rbind "$directory" "$here"

mount -n -t tmpfs -o mode=755,nosuid,nodev,size=64m tmpfs /run
mkdir -p /run/sshd /run/lock /run/schism-lab
chmod 1777 /run/lock
mount -n --rbind "$here/etc" /run/schism-lab

mount -n --bind "$here/log" /var/log
mount -n --bind "$here/tmp" /tmp
mount -n --bind "$here/var-tmp" /var/tmp
mount -n --bind "$here/home" /root
for file in hosts hostname passwd shadow; do
  [ ! -e "/etc/$file" ] || mount -n --bind "$here/etc/$file" "/etc/$file"
done
[ ! -d /dev/shm ] || mount -n -t tmpfs -o mode=1777,nosuid,nodev tmpfs /dev/shm
[ ! -d /dev/pts ] || mount -n -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts /dev/pts
mount -n --rbind "$here/lib" "$here"

printf '%s' "$node" > /proc/sys/kernel/hostname
ulimit -n 65536 2> /dev/null || ulimit -n "$(ulimit -H -n)"
sshd=$(command -v sshd)

# `wait` also reaps the orphans of the node, whose parent this process becomes.
while :; do
  "$sshd" -D -f /run/schism-lab/sshd_config -E /var/log/sshd.log < /dev/null &
  wait "$!" || :
  echo "sshd ended; it is started again"
  sleep 1
done
