"""A RabbitMQ of one's own for a measurement: own ports on loopback, own folder, gone afterwards."""

import os
import pathlib
import secrets
import socket
import subprocess
import time

PROGRAMS = "/usr/lib/rabbitmq/bin/"
START_LIMIT_SECONDS = 180


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class PrivateRabbit:
    """Starts when entered. `folder` must exist and be empty."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.port, self.distribution_port, self.epmd_port = (free_port() for _ in range(3))

    def __enter__(self):
        (self.folder / "home").mkdir()
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            "loopback_users = none\n"
            "disk_free_limit.absolute = 50MB\n"
        )
        (self.folder / "enabled_plugins").write_text("[].\n")
        cookie = self.folder / "home" / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(10))
        cookie.chmod(0o400)
        output = open(self.folder / "output", "ab")
        # Erlang would start an epmd that outlives it.
        self.epmd = subprocess.Popen(["epmd", "-port", str(self.epmd_port)], env=self.environment())
        # With input allowed the start script becomes the broker, so that our signal reaches it.
        self.broker = subprocess.Popen(
            [PROGRAMS + "rabbitmq-server", "-noinput"],
            env=self.environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )
        self.wait_until_usable()
        return self

    def __exit__(self, *_):
        for process in (self.broker, self.epmd):
            process.kill()
            process.wait()

    def environment(self):
        folder = str(self.folder)
        return os.environ | {
            "HOME": folder + "/home",
            "RABBITMQ_NODENAME": f"gorgon{self.port}@localhost",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.distribution_port),
            "RABBITMQ_MNESIA_BASE": folder + "/mnesia",
            "RABBITMQ_MNESIA_DIR": folder + "/mnesia/node",
            "RABBITMQ_LOG_BASE": folder + "/log",
            "RABBITMQ_CONFIG_FILE": folder + "/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": folder + "/enabled_plugins",
            "RABBITMQ_PID_FILE": folder + "/pid",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS":
                "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none",
            "RABBITMQ_ALLOW_INPUT": "true",
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def wait_until_usable(self):
        deadline = time.monotonic() + START_LIMIT_SECONDS
        while time.monotonic() < deadline and self.broker.poll() is None:
            if self.answers():
                return
            time.sleep(0.1)
        raise SystemExit("RabbitMQ did not start:\n" + (self.folder / "output").read_text()[-3000:])

    def answers(self):
        """A wrong protocol header makes an AMQP server send its own and hang up."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as peer:
                peer.sendall(b"AMQP\0\0\0\0")
                return peer.recv(4) == b"AMQP"
        except OSError:
            return False
