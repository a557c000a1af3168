"""One invocation after the other, for the life of the process."""

import os
import sys

from . import logs
from .connection import Connection
from .context import Context
from .fault import report
from .handler import load
from .marshal import dump, parse

VARIABLES = ("LAMBDA_TASK_ROOT", "AWS_LAMBDA_RUNTIME_API")


def run():
    """Loads the handler that the command line names, and lets it answer events."""
    missing = [name for name in VARIABLES if name not in os.environ]
    if len(sys.argv) != 2 or missing:
        told = f" ({', '.join(missing)} not set)" if missing else ""
        sys.exit(
            f"usage: python {sys.argv[0]} HANDLER, as in app.handler, with the variables of the"
            f" function{told}: `gatepost dev --attach FUNCTION` says the whole command"
        )
    handler_name = sys.argv.pop()
    task_root = os.environ["LAMBDA_TASK_ROOT"]
    # Python put the client's own folder there.
    sys.path[0] = task_root
    api = Connection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    logs.set_up()
    try:
        handler = load(handler_name)
    except Exception as error:
        fault = report(error, None)
        logs.error(fault)
        api.init_error(fault)
        sys.exit(1)
    try:
        headers, body = api.next()
        while True:
            headers, body = _answer(api, handler, headers, body)
    except ConnectionError:
        # The emulator is gone, and nobody is left to be told.
        sys.exit(1)


def _answer(api, handler, headers, body):
    """Answers one event and waits for the next."""
    request_id = headers["lambda-runtime-aws-request-id"]
    logs.set_request_id(request_id)
    trace = headers.get("lambda-runtime-trace-id")
    if trace is not None:
        os.environ["_X_AMZN_TRACE_ID"] = trace
    try:
        result, fault = dump(handler(parse(body), Context(headers))), None
    except Exception as error:
        result, fault = None, report(error, request_id)
    if fault is None:
        return api.response(headers, result)
    logs.error(fault)
    return api.error(headers, fault)
