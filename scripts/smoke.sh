#!/usr/bin/env bash
# A whole study in miniature, as real processes in a temporary folder: train, sweep, skip what is recorded, report.
#   scripts/smoke.sh [poolscope command]
set -euo pipefail

poolscope=$(command -v "${1:-poolscope}") || { echo "no such command: ${1:-poolscope}" >&2; exit 1; }
case $poolscope in /*) ;; *) poolscope=$PWD/$poolscope ;; esac
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export JAX_PLATFORMS=${JAX_PLATFORMS:-cpu} POOLSCOPE_CACHE=$folder/cache

sweep=(train -m data=digits pool=max,avg 'seeds=[0,1]' train.steps=3 model.width=4 study=smoke)
"$poolscope" "${sweep[@]}"
expect_records() {
  local found
  found=$(find results/runs/smoke -name 'seed-*.json' | wc -l)
  [ "$found" -eq "$1" ] || { echo "expected $1 records of the sweep, found $found" >&2; exit 1; }
}
expect_records 4
before=$(find results/runs/smoke -name 'seed-*.json' -exec cksum {} + | sort)
"$poolscope" "${sweep[@]}"
after=$(find results/runs/smoke -name 'seed-*.json' -exec cksum {} + | sort)
[ "$before" = "$after" ] || { echo "the same sweep twice trained again what was recorded" >&2; exit 1; }

"$poolscope" report smoke
for file in report.md report.html tables/runs.csv; do
  [ -s "results/smoke/$file" ] || { echo "poolscope report left no results/smoke/$file" >&2; exit 1; }
done
ls results/smoke/figures/*.svg >/dev/null
"$poolscope" show data=digits pool=max
"$poolscope" list pools
echo "smoke: 4 runs trained, recorded once and reported"
