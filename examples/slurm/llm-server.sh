#!/bin/bash
#SBATCH --job-name=auditcube-llm-server
#SBATCH --nodes=2
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
# A chat model, Server: Poisson arrivals at TARGET_QPS, streamed answers. Paced arrivals hide caching, so this measures,
# and llm-offline.sh audits.
here=${SLURM_SUBMIT_DIR:-$PWD}
CONFIG=${CONFIG:-$here/workspace/llm_server.yaml}
WHERE=${WHERE:-other-nodes}
TASK=run_reference
. "$here/examples/slurm/job.sh"
