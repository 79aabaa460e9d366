#!/bin/sh
# Run a command beside a Slurm of this one machine, for tests; needs root, as in a container:
#   apt-get install -y --no-install-recommends slurmctld slurmd slurm-client munge
#   scripts/local_slurm.sh poolscope train experiment=quickstart hydra/launcher=slurm
# NODES=2 simulates nodes, each of CPUS=4 cores (default: one, of those that there are) and GPUS=4 accelerators, which are
# copies of /dev/null; MAX_ARRAY=4 is the largest array, KILL_WAIT=5 the seconds from SIGTERM to SIGKILL. There is no accounting.
set -eu
[ $# -gt 0 ] || { sed -n '2,6s/^# //p' "$0" >&2; exit 2; }
for program in slurmctld slurmd munged sbatch; do
  command -v $program > /dev/null || { echo "local_slurm: $program is not installed." >&2; exit 2; }
done
[ "$(id -u)" = 0 ] || { echo "local_slurm: must be run as root." >&2; exit 2; }

folder=$(mktemp -d)
host=$(hostname -s)
nodes=$(seq -f 'node%g' "${NODES:-1}")
mkdir -p "$folder/state"
cat > "$folder/slurm.conf" << CONF
ClusterName=local
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/%n.pid
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/%n
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/%n.log
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=5,sched_min_interval=100000
JobRequeue=1
MaxArraySize=${MAX_ARRAY:-1001}
KillWait=${KILL_WAIT:-30}
GresTypes=gpu
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
CONF
memory=$(awk '/MemTotal/ { print int($2 / 1024) }' /proc/meminfo)
port=16818
for node in $nodes; do
  gres=
  if [ "${GPUS:-0}" -gt 0 ]; then
    gres="Gres=gpu:$GPUS"
    for gpu in $(seq 0 $((GPUS - 1))); do mknod "$folder/$node-gpu$gpu" c 1 3; done
    echo "NodeName=$node Name=gpu File=$folder/$node-gpu[0-$((GPUS - 1))]" >> "$folder/gres.conf"
  fi
  echo "NodeName=$node NodeHostname=$host NodeAddr=127.0.0.1 Port=$port CPUs=${CPUS:-$(nproc)} RealMemory=$memory $gres"
  mkdir "$folder/$node"
  port=$((port + 1))
done >> "$folder/slurm.conf"
echo 'PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP' >> "$folder/slurm.conf"

started=
stop() {
  for file in "$folder"/*.pid; do
    [ -f "$file" ] && kill "$(cat "$file")" 2> /dev/null || true
  done
  [ -n "$started" ] && kill "$(cat /run/munge/munged.pid)" 2> /dev/null || true
  [ -n "${KEEP_LOGS:-}" ] || rm -rf "$folder" 2> /dev/null || true
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
for node in $nodes; do slurmd -f "$SLURM_CONF" -N "$node"; done
tries=0
until [ "$(sinfo --noheader --Node --states=idle --format=%N 2> /dev/null | sort -u | wc -l)" -eq "${NODES:-1}" ]; do
  tries=$((tries + 1))
  [ $tries -lt 60 ] || { echo "local_slurm: no node came up; see $folder/*.log" >&2; exit 1; }
  sleep 1
done
"$@"
