#!/bin/sh
# Run a command beside a Slurm of this one machine, for tests; needs root, as in a container:
#   apt-get install -y --no-install-recommends slurmctld slurmd slurm-client munge
#   scripts/local_slurm.sh poolscope train experiment=quickstart hydra/launcher=slurm
# CPUS=4 offers more cores than there are. It has no accounting; a stand-in for sacct asks scontrol instead, without which
# submitit would wait for ever for a job that was killed.
set -eu
[ $# -gt 0 ] || { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
for program in slurmctld slurmd munged sbatch; do
  command -v $program > /dev/null || { echo "local_slurm: $program is not installed." >&2; exit 2; }
done
[ "$(id -u)" = 0 ] || { echo "local_slurm: must be run as root." >&2; exit 2; }

folder=$(mktemp -d)
host=$(hostname -s)
cores=$(nproc)
mkdir -p "$folder/state" "$folder/spool" "$folder/bin"
cat > "$folder/slurm.conf" << CONF
ClusterName=local
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
ReturnToService=2
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
JobRequeue=1
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName=$host NodeAddr=127.0.0.1 CPUs=${CPUS:-$cores} RealMemory=$(awk '/MemTotal/ { print int($2 / 1024) }' /proc/meminfo)
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
cat > "$folder/bin/sacct" << 'SACCT'
#!/bin/sh
# JobID|State|NodeList of every -j ID, as submitit reads it.
echo 'JobID|State|NodeList'
while [ $# -gt 0 ]; do
  if [ "$1" = -j ]; then
    shift
    scontrol show job -o "$1" 2> /dev/null | awk '{
      split("", field)
      for (i = 1; i <= NF; i++) { at = index($i, "="); field[substr($i, 1, at - 1)] = substr($i, at + 1) }
      id = field["JobId"]
      if ("ArrayJobId" in field) id = field["ArrayJobId"] "_" field["ArrayTaskId"]
      print id "|" field["JobState"] "|" field["NodeList"]
    }'
  fi
  shift
done
SACCT
chmod +x "$folder/bin/sacct"

started=
stop() {
  for file in "$folder/slurmd.pid" "$folder/slurmctld.pid"; do
    [ -f "$file" ] && kill "$(cat "$file")" 2> /dev/null || true
  done
  [ -n "$started" ] && kill "$(cat /run/munge/munged.pid)" 2> /dev/null || true
}
trap stop EXIT
trap 'exit 130' INT TERM

install -d -o munge -g munge -m 755 /run/munge
if ! munge -n > /dev/null 2>&1; then
  runuser -u munge -- "$(command -v munged)"
  started=yes
fi
SLURM_CONF=$folder/slurm.conf
export SLURM_CONF
slurmctld -f "$SLURM_CONF"
slurmd -f "$SLURM_CONF"
tries=0
until sinfo --noheader --format=%t 2> /dev/null | grep -q idle; do
  tries=$((tries + 1))
  [ $tries -lt 60 ] || { echo "local_slurm: no node came up; see $folder/*.log" >&2; exit 1; }
  sleep 1
done
PATH=$folder/bin:$PATH "$@"
