"""The root logger as Lambda's Python runtimes set it up, and how they print errors."""

import logging
import sys
import time

_request_id = ""


def set_request_id(request_id):
    """Records are of this invocation from now on."""
    global _request_id
    _request_id = request_id


class _ToStandardOutput(logging.Handler):
    def emit(self, record):
        # Not kept: functions may replace it.
        sys.stdout.write(self.format(record))


class _OfInvocation(logging.Filter):
    def filter(self, record):
        record.aws_request_id = _request_id
        return True


def set_up():
    """Lets the root logger write level, time, request ID and message, between tabs."""
    formatter = logging.Formatter(
        "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n",
        "%Y-%m-%dT%H:%M:%S",
    )
    formatter.converter = time.gmtime
    handler = _ToStandardOutput()
    handler.setFormatter(formatter)
    handler.addFilter(_OfInvocation())
    logging.getLogger().addHandler(handler)


def error(fault):
    """Prints an error and its trace."""
    lines = ["[ERROR] %s: %s" % (fault["errorType"], fault["errorMessage"])]
    if fault["stackTrace"]:
        lines.append("Traceback (most recent call last):")
    lines.extend(entry.rstrip("\n") for entry in fault["stackTrace"])
    sys.stdout.write("\n".join(lines) + "\n")
