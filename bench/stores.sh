# Starts what bench/calls compares, each told to sync before it answers, where it can be told: NATS
# 2.9 syncs every two minutes. Sourced after bench/common.sh; all of it listens on loopback and
# keeps its files in a folder of its own in `data`. Each start_* sets `address` and `pid`; each
# store_* makes one call, with TEXT in its body, and waits for its acknowledgement.

start_redis() {
  local port
  port=$(free_port)
  mkdir "$data/redis"
  launch "$port" redis-server --bind 127.0.0.1 --port "$port" --dir "$data/redis" --save "" \
    --appendonly yes --appendfsync always --auto-aof-rewrite-percentage 0
}

start_beanstalkd() {
  local port
  port=$(free_port)
  mkdir "$data/beanstalkd"
  launch "$port" beanstalkd -l 127.0.0.1 -p "$port" -b "$data/beanstalkd" -f 0
}

start_nats() {
  local port
  port=$(free_port)
  mkdir "$data/nats"
  launch "$port" nats-server --addr 127.0.0.1 --port "$port" --jetstream --store_dir "$data/nats"
}

# start_calls_gateway NAME SERVER: sets http_address, too.
start_calls_gateway() {
  local word
  mkdir "$data/$1"
  cat >"$data/$1/gateway.toml" <<END
[gateway]
listen = "127.0.0.1:0"
http = "127.0.0.1:0"
[calls]
store = "sqlite:calls.db"
[pool.calls]
servers = ["$2"]
services = ["UserInterface"]
END
  start on_server "$bin/understudy" gateway --config "$data/$1/gateway.toml"
  read -r -t 10 word http_address <&"$said" || fail "the gateway does not say where it has HTTP"
  [[ $word == http ]] || fail "the gateway said \"$word\" instead of its HTTP address"
}

store_redis() { # TEXT
  [[ $(redis-cli -p "${redis##*:}" xadd calls '*' body "$1") == *-* ]]
}

store_beanstalkd() { # TEXT
  local answer
  exec {line}<>"/dev/tcp/127.0.0.1/${beanstalkd##*:}"
  printf 'put 0 0 60 %s\r\n%s\r\n' ${#1} "$1" >&"$line"
  read -r -t 10 answer <&"$line"
  exec {line}>&-
  [[ $answer == INSERTED* ]]
}

# ask_nats SUBJECT TEXT: prints the answer.
ask_nats() {
  local word=""
  exec {line}<>"/dev/tcp/127.0.0.1/${nats##*:}"
  printf 'CONNECT {"verbose":false}\r\nSUB inbox.one 1\r\nPUB %s inbox.one %s\r\n%s\r\n' \
    "$1" ${#2} "$2" >&"$line"
  while [[ $word != MSG* ]]; do read -r -t 10 word <&"$line" || return 1; done
  read -r -t 10 word <&"$line"
  exec {line}>&-
  echo "$word"
}

make_nats_stream() {
  [[ $(ask_nats '$JS.API.STREAM.CREATE.CALLS' \
    '{"name":"CALLS","subjects":["calls"],"storage":"file"}') == *'"name":"CALLS"'* ]] ||
    fail "nats-server makes no stream"
}

store_nats() { # TEXT
  [[ $(ask_nats calls "$1") == *'"seq"'* ]]
}

store_gateway() { # TEXT
  "$bin/understudy" call UserInterface@hello "[\"$1\"]" --at "$gateway" --mode queued \
    >/dev/null 2>&1
}
