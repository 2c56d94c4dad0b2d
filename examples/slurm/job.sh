# The part that all jobs here share; sourced by them, in a batch script. docs/hpc.md explains it.
#
#   IMAGE            the SIF (RUNNER=singularity) or the squashfs file (RUNNER=pyxis)
#   IMAGE_SHA256     refuse an image with another sha256; SHA256SUMS of prepare.sh has it
#   RUNNER           singularity (the default; Apptainer too) or pyxis
#   CONFIG, DATASET  the job and, where it differs from the config's own, the data set
#   OUTPUT_DIR       new and empty; results/<job id> by default
#   TASK             audit (the default) or run_reference
#   WHERE            outside (the default): the endpoint is at ENDPOINT_URL
#                    same-node: SERVER_COMMAND runs on the job's only node, beside the client
#                    other-nodes: SERVER_COMMAND runs on all nodes of the job but the last, which is the client's
#   SERVER_COMMAND   starts the server; it must listen on PORT (8000) of the first of its nodes and end with the job step
#   SERVER_TASKS     tasks per node of the server (1)
#   READY_S          how long the server may take to listen (3600: weights are loaded)
#   ENDPOINT_API_KEY is handed on by name: its value stands in no command line and in no file

set -euo pipefail
: "${IMAGE:?the image to run; see examples/slurm/prepare.sh}" "${CONFIG:?the config of the job}"
RUNNER=${RUNNER:-singularity} WHERE=${WHERE:-outside} TASK=${TASK:-audit} PORT=${PORT:-8000}
OUTPUT_DIR=${OUTPUT_DIR:-results/$SLURM_JOB_ID}
HANDED_ON=(AUDITCUBE_OVERWRITE ENDPOINT_URL ENDPOINT_MODEL ENDPOINT_API_KEY TARGET_QPS MIN_DURATION_S
  # The shape of the job, for the sidecar; nothing that names the job, its user or its nodes.
  SLURM_JOB_NUM_NODES SLURM_NTASKS SLURM_TASKS_PER_NODE SLURM_CPUS_PER_TASK SLURM_JOB_CPUS_PER_NODE
  SLURM_THREADS_PER_CORE SLURM_MEM_PER_NODE SLURM_MEM_PER_CPU SLURM_GPUS SLURM_GPUS_PER_NODE SLURM_GPUS_PER_TASK
  SLURM_GPUS_ON_NODE SLURM_STEP_NUM_NODES SLURM_STEP_NUM_TASKS SLURM_RESTART_COUNT)

fail() { echo "${0##*/}: $*" >&2; exit 3; }

sha256=$(sha256sum "$IMAGE" | cut -c1-64)
[ "${IMAGE_SHA256:-$sha256}" = "$sha256" ] || fail "$IMAGE is not the image expected: its sha256 is $sha256"
mkdir -p "$OUTPUT_DIR"
OUTPUT_DIR=$(realpath "$OUTPUT_DIR") CONFIG=$(realpath "$CONFIG") IMAGE=$(realpath "$IMAGE")
[ -z "${DATASET:-}" ] || DATASET=$(realpath "$DATASET")
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
client=${nodes[-1]}

# start_server NODE...: in the background; it ends with this script.
start_server() {
  : "${SERVER_COMMAND:?how the server is started}"
  srun --overlap --nodes="$#" --nodelist="$(IFS=,; echo "$*")" --ntasks-per-node="${SERVER_TASKS:-1}" --kill-on-bad-exit=1 \
    bash -c "$SERVER_COMMAND" &
  server=$!
  trap 'kill "$server" 2>/dev/null && wait "$server" || true' EXIT
  export ENDPOINT_URL="http://$1:$PORT"
  local deadline=$((SECONDS + ${READY_S:-3600}))
  until (exec 3<>"/dev/tcp/$1/$PORT") 2>/dev/null; do
    kill -0 "$server" 2>/dev/null || fail "the server ended before it listened on port $PORT of $1"
    [ "$SECONDS" -lt "$deadline" ] || fail "no server on port $PORT of $1 after ${READY_S:-3600} s"
    sleep 1
  done
}

case $WHERE in
  outside) : "${ENDPOINT_URL:?where the endpoint is}" ;;
  same-node) start_server "$client" ;;
  other-nodes)
    [ "${#nodes[@]}" -ge 2 ] || fail "WHERE=other-nodes needs two nodes or more"
    start_server "${nodes[@]:0:${#nodes[@]}-1}"
    ;;
  *) fail "WHERE is outside, same-node or other-nodes, not $WHERE" ;;
esac
export ENDPOINT_URL

arguments=("$TASK" --no-progress --config "$CONFIG" ${DATASET:+--dataset "$DATASET"} --output_dir "$OUTPUT_DIR")
folders=("$(dirname "$CONFIG")" ${DATASET:+"$(dirname "$DATASET")"})
step=(srun --overlap --nodes=1 --ntasks=1 --nodelist="$client" --cpu-bind=none)
case $RUNNER in
  singularity)
    command=$(command -v apptainer || command -v singularity) || fail "neither apptainer nor singularity on this node"
    for name in "${HANDED_ON[@]}"; do
      if [ -n "${!name:-}" ]; then export "APPTAINERENV_$name=${!name}" "SINGULARITYENV_$name=${!name}"; fi
    done
    binds=()
    for folder in "${folders[@]}"; do binds+=(--bind "$folder:$folder:ro"); done
    "${step[@]}" "$command" run --cleanenv --no-home --containall "${binds[@]}" --bind "$OUTPUT_DIR:$OUTPUT_DIR" \
      --env AUDITCUBE_RUNNER=singularity --env "AUDITCUBE_IMAGE=${IMAGE##*/}" --env "AUDITCUBE_SIF_SHA256=$sha256" \
      "$IMAGE" "${arguments[@]}"
    ;;
  pyxis)
    export AUDITCUBE_RUNNER=enroot AUDITCUBE_IMAGE=${IMAGE##*/} AUDITCUBE_SQUASHFS_SHA256=$sha256
    HANDED_ON+=(AUDITCUBE_RUNNER AUDITCUBE_IMAGE AUDITCUBE_SQUASHFS_SHA256)
    mounts=$OUTPUT_DIR:$OUTPUT_DIR
    for folder in "${folders[@]}"; do mounts+=,$folder:$folder:ro; done
    "${step[@]}" --container-image="$IMAGE" --container-mounts="$mounts" --container-readonly \
      --no-container-mount-home --no-container-remap-root --no-container-entrypoint \
      --container-env="$(IFS=,; echo "${HANDED_ON[*]}")" \
      auditcube "${arguments[@]}"
    ;;
  *) fail "RUNNER is singularity or pyxis, not $RUNNER" ;;
esac
