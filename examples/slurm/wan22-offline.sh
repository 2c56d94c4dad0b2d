#!/bin/bash
#SBATCH --job-name=auditcube-wan22-offline
#SBATCH --nodes=19
#SBATCH --time=12:00:00
#SBATCH --signal=B:TERM@120
# WAN 2.2 text-to-video, Offline, at MLPerf's counts: 72 GPUs (18 GB200/GB300 nodes of four), 144 samples, and a node for
# the client. With the endpoint elsewhere: sbatch --nodes=1 --export=ALL,WHERE=outside,ENDPOINT_URL=... wan22-offline.sh
#
# 72 independent servers need a router in front: SERVER_COMMAND then starts it on the first node.
here=${SLURM_SUBMIT_DIR:-$PWD}
CONFIG=${CONFIG:-$here/workspace/wan22_offline.yaml}
WHERE=${WHERE:-other-nodes}
. "$here/examples/slurm/job.sh"
