#!/bin/bash
# Makes a stand-in for docker.io/library/python:3.11-slim-bookworm out of Debian packages, for machines that reach
# no image registry. It proves the Dockerfile's steps, user, paths and files, not the official image's contents.
# Usage: STORE=folder DRIVER=overlay|vfs base_image.sh REFERENCE SUITE
set -euo pipefail
export BUILDAH_ISOLATION=chroot
buildah() { command buildah --root "$STORE/root" --runroot "$STORE/run" --storage-driver "$DRIVER" "$@"; }

# Slim as the official slim images are: /usr merged from the start (which spares usrmerge and with it 47 MB of
# perl), no documentation, manuals, translations.
mmdebstrap --quiet --variant=minbase --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
  --include=usr-is-merged,python3,python3-venv,ca-certificates,netbase,tzdata \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' "$2" "$STORE/base.tar"
container=$(buildah from scratch)
buildah add --quiet "$container" "$STORE/base.tar" / >/dev/null
rm "$STORE/base.tar"
buildah run "$container" -- sh -c \
  'cd /usr/local/bin && ln -s /usr/bin/python3 python && ln -s /usr/bin/python3 python3'
buildah config --cmd python3 --env LANG=C.UTF-8 \
  --env PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
buildah commit --quiet --rm "$container" "$1" >/dev/null
