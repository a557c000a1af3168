"""Errors as Lambda's Python runtimes report them: `errorMessage`, `errorType`, `requestId`, `stackTrace`."""

import os
import traceback

_OWN_FOLDER = os.path.dirname(__file__) + os.sep


class RuntimeFault(Exception):
    """An error that the runtime finds, `Runtime.<kind>`; its trace, if the code has one, is given."""

    def __init__(self, kind, message, trace=()):
        super().__init__(message)
        self.kind = "Runtime." + kind
        self.trace = list(trace)


def report(error, request_id):
    """The JSON of an exception; the frames of this client are left out."""
    if isinstance(error, RuntimeFault):
        kind, trace = error.kind, error.trace
    else:
        frames = traceback.extract_tb(error.__traceback__)
        kind = type(error).__name__
        trace = traceback.format_list([f for f in frames if not f.filename.startswith(_OWN_FOLDER)])
    return {
        "errorMessage": str(error),
        "errorType": kind,
        "requestId": request_id or "",
        "stackTrace": trace,
    }
