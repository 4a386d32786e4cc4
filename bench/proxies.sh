# Starts what bench/gateway compares, each balancing over two servers, with what an expert would set
# where nothing but speed counts. Sourced after bench/common.sh; all of it listens on loopback.
# Each start_* sets `address` and `pid`.

start_haproxy() { # SERVER SERVER
  local port
  port=$(free_port)
  cat >"$folder/haproxy.cfg" <<END
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  option http-keep-alive
  timeout connect 1s
  timeout client 1m
  timeout server 1m
listen calls
  bind 127.0.0.1:$port
  balance roundrobin
  http-reuse always
  default-server check inter 1s pool-purge-delay 1m
  server a $1
  server b $2
END
  launch "$port" haproxy -db -f "$folder/haproxy.cfg"
}

start_nginx() { # SERVER SERVER
  local port
  port=$(free_port)
  cat >"$folder/nginx.conf" <<END
daemon off;
worker_processes 1;
pid $folder/nginx.pid;
error_log stderr crit;
events {
  worker_connections 4096;
}
http {
  access_log off;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  client_body_buffer_size 16k;
  client_body_temp_path $folder/nginx-client;
  proxy_temp_path $folder/nginx-proxy;
  fastcgi_temp_path $folder/nginx-fastcgi;
  uwsgi_temp_path $folder/nginx-uwsgi;
  scgi_temp_path $folder/nginx-scgi;
  upstream servers {
    server $1;
    server $2;
    keepalive 1000;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:$port backlog=4096;
    location / {
      proxy_pass http://servers;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
END
  launch "$port" nginx -e stderr -c "$folder/nginx.conf"
  pid=$(pgrep -P "$pid")  # the worker; its master is in `pids` and takes it along
}

start_gateway() { # SERVER SERVER; sets http_address, too
  local word
  cat >"$folder/gateway.toml" <<END
[gateway]
listen = "127.0.0.1:0"
http = "127.0.0.1:0"
[pool.calls]
servers = ["$1", "$2"]
services = ["UserInterface"]
END
  start on_server "$bin/understudy" gateway --config "$folder/gateway.toml"
  read -r -t 10 word http_address <&"$said" || fail "the gateway does not say where it has HTTP"
  [[ $word == http ]] || fail "the gateway said \"$word\" instead of its HTTP address"
}
