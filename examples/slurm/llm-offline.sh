#!/bin/bash
#SBATCH --job-name=auditcube-llm-offline
#SBATCH --nodes=2
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
# A chat model, Offline, audited for caching: the server on the first node, the client on the second.
here=${SLURM_SUBMIT_DIR:-$PWD}
CONFIG=${CONFIG:-$here/workspace/llm_offline.yaml}
WHERE=${WHERE:-other-nodes}
. "$here/examples/slurm/job.sh"
