"""Who trains together, and what is said of one who does not come."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest
import tensorflow as tf

from fused_ocr.errors import ConfigError, TrainingFailedError
from fused_ocr.training.cluster import Cluster, meet, replicas, strategy_named


def said(cluster, task):
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.parametrize(
    ("cluster", "task", "index"),
    [
        ({"worker": ["a:1", "b:2"]}, {"type": "worker", "index": 0}, 0),
        ({"worker": ["a:1", "b:2"]}, {"type": "worker", "index": "1"}, 1),
        ({"worker": ["b:2"], "chief": ["a:1"]}, {"type": "chief", "index": 0}, 0),
        ({"worker": ["b:2"], "chief": ["a:1"]}, {"type": "worker", "index": 0}, 1),
    ],
)
def test_a_worker_knows_its_place(cluster, task, index):
    found = Cluster.from_environment(said(cluster, task))
    assert found == Cluster(("a:1", "b:2"), index)


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({}, "It is missing"),
        ({"TF_CONFIG": "{"}, "no such JSON"),
        ({"TF_CONFIG": "[]"}, "no such JSON"),
        (said({"worker": 3}, {"type": "worker", "index": 0}), "no such JSON"),
        (said({"worker": ["a:1"]}, {"type": "worker"}), "no such JSON"),
        (said({"worker": ["a:1"]}, {"type": "worker", "index": 1}), "no worker 1"),
        (said({"worker": ["a:1"]}, {"type": "worker", "index": -1}), "no worker -1"),
        (
            said({"worker": ["a:1"], "ps": ["b:1"]}, {"type": "ps", "index": 0}),
            "not ps",
        ),
        (
            said({"worker": ["a"]}, {"type": "worker", "index": 0}),
            "'a' is no host:port",
        ),
        (
            said({"worker": ["a:1", "a:1"]}, {"type": "worker", "index": 0}),
            "the same address",
        ),
    ],
)
def test_what_is_no_cluster_is_refused(environ, why):
    with pytest.raises(ConfigError, match=why) as caught:
        Cluster.from_environment(environ)
    assert repr(environ.get("TF_CONFIG", "")) in str(caught.value)
    assert '"task"' in str(caught.value)  # how it should look


def test_workers_wait_for_each_other():
    addresses = tuple(f"127.0.0.1:{free_port()}" for _ in range(3))
    came = []

    def come(index):
        meet(Cluster(addresses, index), 20)
        came.append(index)

    threads = [threading.Thread(target=come, args=(i,)) for i in range(3)]
    for thread in threads[:2]:
        thread.start()
    threads[0].join(0.2)
    assert came == []  # one is missing
    # Who has met the others goes on to TensorFlow, which listens in its stead.
    threads[2].start()
    for thread in threads:
        thread.join(0.6)
    late = [i for i in range(3) if i not in came]
    servers = [
        socket.create_server(("127.0.0.1", int(addresses[i].rpartition(":")[2])))
        for i in came
    ]
    for i in late:
        threads[i].join(20)
    for server in servers:
        server.close()
    assert sorted(came) == [0, 1, 2]


def test_one_who_does_not_come(capsys):
    addresses = tuple(f"127.0.0.1:{free_port()}" for _ in range(2))
    with pytest.raises(
        TrainingFailedError, match=r"Worker 1 .* did not come within 0.1"
    ):
        meet(Cluster(addresses, 0), 0.1)
    assert f"Waiting for worker 1 ({addresses[1]})" in capsys.readouterr().err


def test_a_port_in_use():
    with socket.create_server(("", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(TrainingFailedError, match=f"cannot listen .* {address}"):
            meet(Cluster((address, "127.0.0.1:1"), 0), 1)


def test_strategies():
    assert strategy_named("none").num_replicas_in_sync == 1
    with pytest.raises(
        ConfigError, match=r"none, mirrored, multiworker\. Received: 'tpu'"
    ):
        strategy_named("tpu")


def test_an_error_of_ones_own_is_no_missing_worker(monkeypatch):
    with pytest.raises(tf.errors.UnavailableError), replicas("none"):
        raise tf.errors.UnavailableError(None, None, "a server of data sets")
    monkeypatch.setattr(
        "fused_ocr.training.cluster.strategy_named",
        lambda _: tf.distribute.get_strategy(),
    )
    with pytest.raises(tf.errors.InvalidArgumentError), replicas("multiworker"):
        raise tf.errors.InvalidArgumentError(None, None, "shapes")
    message = "Graph execution error:\nCollective ops is aborted by: Socket closed\nfoo"
    with (
        pytest.raises(TrainingFailedError, match=r"reached \(Socket closed\)\. Start"),
        replicas("multiworker"),
    ):
        raise tf.errors.InternalError(None, None, message)


def test_sigterm_ends_a_worker():
    program = """
import os, signal
from fused_ocr.training.cluster import strategy_named
strategy_named("multiworker")
os.kill(os.getpid(), signal.SIGTERM)
import time
time.sleep(30)
"""
    alone = said(
        {"worker": [f"127.0.0.1:{free_port()}"]}, {"type": "worker", "index": 0}
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, env={**os.environ, **alone}
    )
    assert done.returncode == -signal.SIGTERM
