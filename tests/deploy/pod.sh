#!/bin/bash
# Runs a command in an image's root as the pod would: read-only root, user 10001, no capabilities, process and
# mount namespaces of its own. The network is the machine's, so that a test can reach its port.
# The command is process 1 of its namespace, as in a container: a signal it has no handler for is ignored.
# Usage: pod.sh ROOT CONFIG_FOLDER NAME=VALUE... -- COMMAND...
set -euo pipefail
exec unshare --mount --pid --fork --kill-child=KILL --propagation private bash -euo pipefail -c '
  root=$1 config=$2
  shift 2
  mount --bind "$root" "$root"
  # What a container runtime and the manifests provide: mount points, /proc, /dev, names, writable folders.
  mkdir -p "$root/etc/hightide"
  mount --bind "$config" "$root/etc/hightide"
  mount -o remount,bind,ro "$root/etc/hightide"
  for file in etc/hosts etc/resolv.conf; do
    rm -f "$root/$file"
    cp -L "/$file" "$root/$file"
  done
  mount -t proc proc "$root/proc"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  for device in null zero random urandom; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
  done
  for folder in tmp var/lib/hightide; do
    mount -t tmpfs -o size=64m,mode=1777,nosuid,nodev tmpfs "$root/$folder"
  done
  mount -o remount,bind,ro "$root"
  environment=()
  while [ "$1" != "--" ]; do environment+=("$1"); shift; done
  shift
  exec env -i "${environment[@]}" chroot "$root" /usr/bin/setpriv --reuid=10001 --regid=10001 \
    --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs -- "$@"
' pod "$@"
