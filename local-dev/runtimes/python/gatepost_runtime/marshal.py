"""Between JSON and Python."""

import decimal
import json
import os
import re

from .fault import RuntimeFault

_version = re.search(r"python3\.(\d+)", os.environ.get("AWS_EXECUTION_ENV", ""))
# Since Python 3.12 Lambda's runtimes write text as UTF-8, and take no Decimal.
_IS_OLD = _version is not None and int(_version[1]) < 12


def parse(body):
    """An event."""
    try:
        return json.loads(body)
    except ValueError as error:
        raise RuntimeFault("UnmarshalError", "Unable to unmarshal input: %s" % error) from None


def _number(value):
    if _IS_OLD and isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def dump(result):
    """The JSON of what a handler returned."""
    try:
        return json.dumps(result, ensure_ascii=_IS_OLD, default=_number).encode()
    except Exception as error:
        message = "Unable to marshal response: %s" % error
        raise RuntimeFault("MarshalError", message) from None
