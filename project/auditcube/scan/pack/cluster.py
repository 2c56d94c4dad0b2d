"""What tells of a cluster: its file systems, its batch system with names and job ids, its nodes."""

from __future__ import annotations

import re
import string

from auditcube.scan.pack.build import called, whole
from auditcube.scan.pack.machine import some
from auditcube.scan.rule import Match, placeholder, value

_MACHINE_WORDS = (
    r"(?:node|compute|login|gpu|dgx|hgx|cn|gn|cpu|worker|host|srv|server|slurm|hpc|rack|blade|head|mgmt|storage)"
)


def _numbered(match: Match) -> bool:
    """Cluster nodes are numbered with zeros in front or three digits; `node20` is a version of Node.js."""
    digits = re.search(rb"(\d+)$", value(match))
    if not digits:
        return False
    number = digits[1]
    if (
        value(match).lower().startswith(b"node")
        and value(match)[4:5] not in b"-_"
        and len(number) < 3
        and not number.startswith(b"0")
    ):
        return False
    return len(number) >= 2


def _slurm(match: Match) -> bool:
    return not placeholder(value(match)) and re.match(rb"[\w/\[.]", value(match)) is not None


RULES = (
    whole(
        "cluster-path",
        "Directory on a cluster's file system",
        "machine",
        "/lustre /gpfs /scratch /beegfs /weka /vast /ceph /nfs /netapp /panfs /afs /cephfs /pfs /fsx /p/ "
        "/global/ /work /mnt/ /data/ /project /fast /cluster /net/",
        r"(?<![\w.$}])/(?:(?:p|mnt|net|global|vol)/)?(?:lustre\w*|gpfs\w*|c?scratch\w*|beegfs|weka\w*|vast"
        r"|cephfs|ceph|nfs\w*|netapp|panfs|afs|pfs|fsx|cfs|pscratch|lus|fastscratch"
        r"|flash)/[\w.@+-]{1,64}(?:/[\w.@+-]{1,64})*"
        r"|(?<![\w.$}])/(?:work|data|projects?|cluster|mnt|net|vol|fast)/(?:users?|home|homes|people|staff"
        r"|students)/[\w.@+-]{2,64}",
        bounded=False,
    ),
    whole(
        "slurm-variable",
        "Variable of a batch system with its value",
        "machine",
        "slurm sbatch salloc pbs_ lsb_ lsf_ sge_ pjm_ cobalt_ flux_",
        r"(?:SLURMD?_(?!ARRAY_TASK_(?:COUNT|MIN|MAX)|NTASKS|CPUS|MEM|GPUS_|TASKS|NNODES|NPROCS|LAUNCH|DIST"
        r"|PROCID|LOCALID|NODEID|EXPORT|MPI|HINT|THREADS|PRIO|VERSION)|SBATCH_|SALLOC_|PBS_|LSB_|LSF_|PJM_"
        r"|COBALT_|FLUX_)[A-Z_0-9]{2,40}\\?[\"']?\s?[=:]\s?\\?[\"']?(?P<v>[^\s\"'\\,;]{1,2000})",
        _slurm,
    ),
    whole(
        "slurm-option",
        "Account, user, node list or job id in a batch system's option",
        "machine",
        "--account --nodelist --mail-user --reservation --uid --jobid --dependency --chdir --exclude "
        "--partition -w␣ -a␣",
        r"--(?:account|nodelist|mail-user|reservation|uid|jobid|exclude|partition|nodefile)(?:="
        r"|\s)\"?(?P<v>[\w@.,\[\]+:-]{2,400})|(?<=sbatch )-A (?P<w>[\w.-]{2,60})",
        some,
        bounded=False,
    ),
    whole(
        "slurm-script",
        "Account or partition in the head of a batch script",
        "machine",
        "#sbatch #pbs #bsub",
        r"#(?:SBATCH|PBS|BSUB)\s+-(?:A|w|q|P|p|M|u)\s*(?P<v>[\w@.,\[\]+:-]{2,400})",
        some,
        bounded=False,
    ),
    whole(
        "batch-job-in-use",
        "Id of a batch job in a command, a path or the name of its log",
        "machine",
        "scontrol␣ sacct␣ squeue␣ scancel␣ sstat␣ sattach␣ slurmd/job slurm-",
        r"(?:scontrol\s+show\s+job|s(?:acct|queue|cancel|stat|attach)\s[^\n]{0,60}?(?:-j|--jobs?)?)[\s=]+"
        r"(?P<v>\d{3,10})(?!\w)|(?:slurmd/job|slurm-)(?P<w>\d{3,10})(?=[_/.])",
        bounded=False,
    ),
    whole(
        "batch-record",
        "Names in what a batch system tells of a job",
        "machine",
        "userid= groupid= batchhost= nodelist= workdir= submithost=",
        r"(?i:UserId|GroupId|BatchHost|(?:Req|Exc)?NodeList|WorkDir|SubmitHost)=(?P<v>[\w/\[][^\s(]{1,400})",
        some,
        bounded=False,
    ),
    whole(
        "batch-account",
        "Account of a batch system in a command",
        "machine",
        "sbatch␣ salloc␣ srun␣ qsub␣ bsub␣",
        r"(?:sbatch|salloc|srun|qsub|bsub)\s[^\n]{0,120}?-(?:A|P|w)\s?(?P<v>[A-Za-z][\w.,\[\]-]{1,60})",
        some,
    ),
    whole(
        "project-directory",
        "Directory of a project on a cluster",
        "machine",
        "/p/ /projects/ /project/ /proj/ /work /global/ /groups/",
        r"(?<![\w.$}/-])/(?:p/(?:project\d?|home|largedata)|projects?|proj|groups?|work/[a-z]\d{2,3}"
        r"|global/(?:homes?|common|cfs|cscratch\d?))/[\w.-]{1,40}/[\w.-]{2,40}",
        bounded=False,
    ),
    whole(
        "batch-job",
        "Id of a batch job",
        "machine",
        "submitted slurm jobid job_id job-id job␣id job␣ slurmstepd",
        r"(?i:submitted batch job|slurm job(?: ?id)?|slurmstepd: error: \*\*\* job|slurm[_ -]?job[_ -]?id"
        r"|\bjob[_ -]?id|jobid)\\?[\"']?\s?[:=#]?\s?\\?[\"']?(?P<v>\d{3,10}(?:[_.]\d{1,6})?(?:\.[a-z][\w-]{1,"
        r"30})?)(?![\w.-])",
    ),
    called(
        "batch-names",
        "Account, partition or node list of a batch system, by its name",
        r"slurm[_ -]?(?:account|partition|user|cluster|nodelist|reservation|qos)|node[_ -]?list"
        r"|hosts?[_ -]?list|(?<![A-Za-z])nodelist|charge[_ -]?account|batch[_ -]?(?:account|host|queue)"
        r"|allocation[_ -]?account",
        r"[\w.,\[\]@-]{2,400}",
        lambda m: some(m),
        "machine",
        anchors="slurm nodelist node_list node-list node␣list host_list hostlist host-list hosts charge batch "
        "allocation",
    ),
    whole(
        "node-list",
        "List of nodes in brackets",
        "machine",
        "[0 [1 [2 [3 [4 [5 [6 [7 [8 [9",
        r"(?<![\w.\[-])(?P<v>[a-z][a-z0-9-]{1,30}\[\d{1,6}-\d{1,6}(?:,\d{1,6}(?:-\d{1,6})?)*\]"
        r"|[a-z]{2,20}-?\d{0,6}\[\d{2,6}(?:,\d{2,6})+\])",
        reach=34,
        lead=string.ascii_lowercase + string.digits + "-",
        bounded=False,
    ),
    whole(
        "node-name",
        "Name of a cluster's node",
        "machine",
        "node compute login gpu dgx hgx cn gn cpu worker host srv server slurm hpc rack blade head mgmt storage",
        rf"(?i:{_MACHINE_WORDS})\d{{0,3}}(?:[-_](?!gpu)[a-z]{{1,6}}\d{{0,4}}){{0,3}}[-_]?\d{{1,6}}(?![\w-]|\.\d"
        rf"|\.[a-z]{{2,5}}\b|:\d{{1,2}}\b)",
        lambda m: (
            _numbered(m)
            and not re.search(
                rb"(?i)^(?:gpu|cpu|server|storage|host|head|worker|hpc)[-_]?(?:0|\d{1,2}|\d{4})$", value(m)
            )
            or re.fullmatch(rb"(?i)(?:gpu|cpu|server|host|worker|head|hpc)[-_]?0\d+", value(m)) is not None
        ),
    ),
    whole(
        "cray-node",
        "Name of a node of a Cray",
        "machine",
        "nid x10 x30 x11",
        r"nid\d{5,6}(?!\d)|x\d{4}c\d+s\d+b\d+(?:n\d+)?",
    ),
    whole(
        "rack-node",
        "Name of a node by its rack",
        "machine",
        "r0 r1 r2 r3 r4 r5 r6 r7 r8 r9",
        r"r\d{1,3}(?:c\d{1,3}|i\d{1,3})?n\d{1,3}(?!\w)",
    ),
)
