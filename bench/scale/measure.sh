#!/usr/bin/env bash
# What two ranks of one thread gain over one on this machine, with MPICH and with Open MPI: images per second
# of training, and the sum of gradients by itself. `.ci/mpi` installs both; needs a release build.
#
#   bench/scale/measure.sh CIFAR10 [REPEATS]
set -euo pipefail
cd "$(dirname "$0")/../.."
data=$1 repeats=${2:-3}
tools=$PWD/target/mpi-tools
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
seesaw=(target/release/seesaw train --data "$data" --net seesaw-shuffle-0.5d-cifar
  --recipe crates/seesaw-train/recipes/cifar-cluster.toml --epochs 1 --limit 2048 --threads 1 --set validate_every=9)
mpich=(env "SEESAW_MPI=$tools/mpich/lib/libmpi_abi.so.1" "$tools/mpich/bin/mpiexec" -n 2)
openmpi=(env "SEESAW_MPI=$tools/openmpi/lib/libmpi.so.40" "$tools/openmpi/bin/mpirun" --allow-run-as-root -n 2)

# Images per second of training, of the run in this folder.
speed() { awk -F, 'NR > 1 { printf "%.1f\n", $2 / $3 }' "$scratch/$1/timing.csv"; }

for repeat in $(seq "$repeats"); do
  "${seesaw[@]}" --out "$scratch/one-$repeat" 2>/dev/null >&2
  "${mpich[@]}" "${seesaw[@]}" --out "$scratch/mpich-$repeat" --ranks mpi 2>/dev/null >&2
  "${openmpi[@]}" "${seesaw[@]}" --out "$scratch/openmpi-$repeat" --ranks mpi 2>/dev/null >&2
  cmp "$scratch/one-$repeat/log.csv" "$scratch/mpich-$repeat/log.csv"
  cmp "$scratch/one-$repeat/log.csv" "$scratch/openmpi-$repeat/log.csv"
  echo "images/s: one rank $(speed "one-$repeat"), two of MPICH $(speed "mpich-$repeat"), two of Open MPI $(speed "openmpi-$repeat")"
done
"${mpich[@]}" target/release/examples/sum
"${openmpi[@]}" target/release/examples/sum
