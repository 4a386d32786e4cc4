# What bench/run, bench/gateway and bench/calls share: programs on cores of their own, one way to
# measure, and goals that are judged. Sourced from the top folder of the tree, with
# `set -euo pipefail`.

fail() { echo "$0: $*" >&2; exit 2; }

# need PROGRAM..: all are in $bin.
need() {
  local program
  for program in "$@"; do
    [[ -x $bin/$program ]] || fail "$bin/$program is not there: ninja -C $build"
  done
}

# One core for what is measured, another for the load, where there are two.
on_server=() on_load=()
if [[ $(nproc) -ge 2 ]] && command -v taskset >/dev/null; then
  on_server=(taskset -c 0) on_load=(taskset -c 1)
fi

ulimit -S -n "$(ulimit -H -n)"

# What was started is stopped at the end. `folder` is for configuration files.
pids=()
folder=$(mktemp -d)
clean_up() {
  kill "${pids[@]}" 2>/dev/null || true
  wait "${pids[@]}" 2>/dev/null || true
  rm -rf "$folder"
}
trap clean_up EXIT

# start CORE PROGRAM ARGS..: sets `pid`, and `address` to where it says that it listens; what else
# it says is to be read from `said`. CORE is on_server or on_load.
start() {
  local -n core=$1
  local word
  shift
  exec {said}< <(exec "${core[@]}" "$@" 2>"$folder/errors")
  pid=$!
  pids+=("$pid")
  read -r -t 10 word address <&"$said" ||
    fail "$1 did not start: $(<"$folder/errors")"
  [[ $word == listening ]] || fail "$1 said \"$word $address\" instead of where it listens"
}

free_port() {
  local port
  while port=$((20000 + RANDOM % 10000)); do
    { : >"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null || break
  done
  echo "$port"
}

# launch PORT PROGRAM ARGS..: until it accepts connections there.
launch() {
  local port=$1 tries
  shift
  "${on_server[@]}" "$@" >"$folder/$1.log" 2>&1 &
  pid=$!
  pids+=("$pid")
  address=127.0.0.1:$port
  for ((tries = 0; tries < 100; ++tries)); do
    if { : >"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null; then return; fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.05
  done
  fail "$1 did not start: $(cat "$folder/$1.log")"
}

# cpu_ns PID: processor time of all threads of a process.
cpu_ns() { cat "/proc/$1"/task/*/schedstat | awk '{ sum += $1 } END { printf "%.0f", sum }'; }

field() { sed -E "s/.*\"$1\":([0-9.]+).*/\1/" <<<"$json"; }

# measure ADDRESS PID OPTIONS..: one run of the load with these options. Sets `rate` (calls/s),
# `p50` and `p99` (us), and `cost` (calls per processor second of the process).
measure() {
  local at=$1 of=$2 program before after
  shift 2
  program=$(<"/proc/$of/comm")
  before=$(cpu_ns "$of")
  json=$("${on_load[@]}" "$bin/understudy" bench UserInterface@hello '["world"]' --at "$at" \
    --duration "${seconds}s" --json "$@") || fail "calls to $program at $at failed: $json"
  after=$(cpu_ns "$of")
  rate=$(field calls_per_second) p50=$(field p50_us) p99=$(field p99_us)
  cost=$(awk -v calls="$(field answered)" -v ns=$((after - before)) \
    'BEGIN { printf "%.0f", calls * 1e9 / ns }')
}

median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f\n", a / b }'; }
at_least() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a >= b) }'; }

missed=0
judge() { # WHAT VALUE GOAL ok?
  if [[ $4 == yes ]]; then echo "$1: $2 (goal $3)"; else
    echo "$1: $2 (goal $3): MISSED"
    missed=1
  fi
}
judge_least() { judge "$1" "$2" "$3" "$(at_least "$2" "$3" && echo yes || echo no)"; }
judge_most() { judge "$1" "$2" "$3" "$(at_least "$3" "$2" && echo yes || echo no)"; }
