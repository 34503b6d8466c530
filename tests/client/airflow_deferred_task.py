"""A task of a DAG with the operator of integrations/: prints what it was given when the run ended, or fails.

It is deferred and taken up again as a scheduler does it, its trigger made anew from what was written down.
"""

import asyncio
import json
import os
import sys
from datetime import timedelta
from importlib import import_module

ask = json.loads(sys.argv[1])
sys.path.insert(0, ask["folder"])
os.environ["AIRFLOW_CONN_HEX_DEFAULT"] = json.dumps(
    {"conn_type": "http", "host": ask["host"], "password": ask["token"]}
)

from airflow.exceptions import TaskDeferred  # noqa: E402 - the connection comes first
from airflow_hex_run import HexRunOperator  # noqa: E402

task = HexRunOperator(
    task_id="notebook",
    project_id=ask["project_id"],
    inputs=ask.get("inputs"),
    timeout=timedelta(seconds=ask.get("timeout", 60)),
    queue_timeout=timedelta(seconds=5),
    cancel_on_timeout=ask.get("cancels", False),
)


async def events(trigger):
    return [one.payload async for one in trigger.run()]


try:
    task.execute({})
except TaskDeferred as deferred:
    path, written = deferred.trigger.serialize()
    assert ask["token"] not in json.dumps(written)
    module, _, name = path.rpartition(".")
    trigger = getattr(import_module(module), name)(**json.loads(json.dumps(written)))
    [payload] = asyncio.run(events(trigger))
    print(json.dumps(getattr(task, deferred.method_name)({}, event=json.loads(json.dumps(payload)))))
