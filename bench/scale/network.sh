#!/usr/bin/env bash
# Two ranks in two network namespaces of this machine, joined by a link of RATE (such as 1gbit, or `none` for
# no limit): the sum of gradients, and a training. Needs root, iproute2 and MPICH (`.ci/mpi`).
#
#   bench/scale/network.sh CIFAR10 RATE
set -euo pipefail
cd "$(dirname "$0")/../.."
data=$1 rate=$2
mpich=$PWD/target/mpi-tools/mpich
scratch=$(mktemp -d)
clean() {
  ip netns del seesaw1 2>/dev/null || true
  ip netns del seesaw2 2>/dev/null || true
  rm -rf "$scratch"
}
trap clean EXIT

for n in 1 2; do ip netns add "seesaw$n"; done
ip link add seesaw-e1 netns seesaw1 type veth peer name seesaw-e2 netns seesaw2
for n in 1 2; do
  ip -n "seesaw$n" addr add "10.99.0.$n/24" dev "seesaw-e$n"
  ip -n "seesaw$n" link set lo up
  ip -n "seesaw$n" link set "seesaw-e$n" name e0
  ip -n "seesaw$n" link set e0 up
  [[ $rate == none ]] || ip netns exec "seesaw$n" tc qdisc add dev e0 root tbf rate "$rate" burst 256kb latency 50ms
done

# MPICH starts its ranks by ssh; here, a host is a namespace.
cat >"$scratch/ssh" <<'S'
#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
host=$1; shift
exec ip netns exec "$host" sh -c "$*"
S
chmod +x "$scratch/ssh"
# The kernel takes a second to report that the link is up, and UCX ignores links that are down.
sleep 2
launch=(ip netns exec seesaw1 env "SEESAW_MPI=$mpich/lib/libmpi_abi.so.1" UCX_TLS=tcp,self UCX_NET_DEVICES=e0
  MPIR_CVAR_NOLOCAL=1 "$mpich/bin/mpiexec" -launcher ssh -launcher-exec "$scratch/ssh" -localhost 10.99.0.1
  -hosts seesaw1,seesaw2 -ppn 1 -n 2)

"${launch[@]}" "$PWD/target/release/examples/sum"
"${launch[@]}" "$PWD/target/release/seesaw" train --data "$data" --net seesaw-shuffle-0.5d-cifar \
  --recipe "$PWD/crates/seesaw-train/recipes/cifar-cluster.toml" --epochs 1 --limit 1024 --threads 1 --set validate_every=9 \
  --out "$scratch/run" --ranks mpi 2>/dev/null >&2
awk -F, 'NR > 1 { printf "images/s: %.1f\n", $2 / $3 }' "$scratch/run/timing.csv"
# The bytes that a rank has sent since its namespace was made.
ip -n seesaw1 -s link show e0 | awk '/TX:/ { getline; print "bytes sent by rank 0:", $1 }'
