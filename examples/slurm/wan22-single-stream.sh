#!/bin/bash
#SBATCH --job-name=auditcube-wan22-single-stream
#SBATCH --nodes=1
#SBATCH --time=08:00:00
#SBATCH --signal=B:TERM@120
# WAN 2.2 text-to-video, SingleStream, at MLPerf's counts: 20 queries a run, one at a time, on the GPUs of one node. The
# client needs less than one core, and shares the node.
here=${SLURM_SUBMIT_DIR:-$PWD}
CONFIG=${CONFIG:-$here/workspace/wan22_single_stream.yaml}
WHERE=${WHERE:-same-node}
. "$here/examples/slurm/job.sh"
