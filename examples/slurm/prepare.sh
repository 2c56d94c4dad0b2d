#!/bin/bash
# On a machine with a network: everything that an air-gapped cluster needs, in one folder, with its sha256 sums.
#
#   examples/slurm/prepare.sh FOLDER [arm64]    arm64 for GB200/GB300 nodes, whose hosts are Grace
#
#   auditcube.tar      a docker archive: `podman load`, `docker load`, `singularity build X.sif docker-archive:...`
#   auditcube.sif      where Singularity or Apptainer is here; else make it from the archive on the cluster
#   auditcube.sqsh     for Pyxis, where enroot is here
#   SHA256SUMS         check on the cluster with: sha256sum -c SHA256SUMS
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(realpath -m "${1:?a folder for the images}")
docker=${CUBE_DOCKER:-docker}
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' project/auditcube/__init__.py)
image=${AUDITCUBE_IMAGE:-localhost/auditcube:$version}
what=docker
if [ "${2:-}" = arm64 ]; then what=arm64 image=$image-arm64; fi

scripts/image "$what"
mkdir -p "$folder"
rm -f "$folder"/auditcube.{tar,sif,sqsh}
"$docker" save --output "$folder/auditcube.tar" "$image"
if scripts/singularity --version >/dev/null 2>&1; then
  scripts/singularity --quiet build "$folder/auditcube.sif" "docker-archive:$folder/auditcube.tar"
fi
if command -v enroot >/dev/null; then
  from=dockerd
  case $("$docker" --version) in *podman*) from=podman ;; esac
  enroot import --output "$folder/auditcube.sqsh" "$from://$image"
fi
(cd "$folder" && sha256sum auditcube.* | tee SHA256SUMS)
