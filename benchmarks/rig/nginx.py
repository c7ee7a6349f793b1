"""nginx as a reverse proxy: it checks and records nothing, which makes it the limit."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from rig.gateways import Gateway, await_ready, fetch, free_port
from rig.processes import program_path, running

# Buffering is off since it would join the events of a stream. Connections stay open for ever on
# both sides: by default nginx closes them after 1,000 requests.
CONFIG = """
daemon off;
{user}
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/nginx.error.log;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    client_body_temp_path {directory}/nginx.body;
    proxy_temp_path {directory}/nginx.proxy;
    fastcgi_temp_path {directory}/nginx.fastcgi;
    uwsgi_temp_path {directory}/nginx.uwsgi;
    scgi_temp_path {directory}/nginx.scgi;
    upstream provider {{
        server 127.0.0.1:{upstream_port};
        keepalive 4096;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        keepalive_requests 1000000000;
        location / {{
            proxy_pass http://provider;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""


def nginx_path() -> str:
    """Where nginx is; raises `RigError` when it is not installed."""
    return program_path("nginx", "nginx-light")


def nginx_version() -> str:
    """Such as `1.22.1`."""
    answer = subprocess.run((nginx_path(), "-v"), capture_output=True, text=True, timeout=10)
    return answer.stderr.strip().rpartition("/")[2]


@contextlib.contextmanager
def nginx(upstream_port: int, core: int, directory: Path) -> Iterator[Gateway]:
    """nginx with one worker, answering until the block ends."""
    port, log, config = free_port(), directory / "nginx.log", directory / "nginx.conf"
    # As root its worker would become `nobody`, who may not read the benchmark's directory.
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(
        CONFIG.format(user=user, directory=directory, port=port, upstream_port=upstream_port)
    )
    argv = (
        nginx_path(),
        "-c",
        str(config),
        "-p",
        str(directory),
        "-e",
        f"{directory}/nginx.error.log",
    )
    with running(argv, core=core, log=log) as process:
        await_ready(
            process, lambda: fetch(port, "/")[0] == 200, name="nginx", log=log, deadline_s=5.0
        )
        yield Gateway("nginx", port, process.pid)
