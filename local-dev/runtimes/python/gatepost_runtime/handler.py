"""From `Handler` to a function: Lambda guide, "Define Lambda function handler in Python"."""

import importlib
import os
import sys

from .fault import RuntimeFault

# Lambda's Python runtimes bring these along: code that runs there may lack them here.
_BROUGHT = {"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3"}


def load(written):
    """The function that `written` names, `package.module.function` or `folder/module.function`."""
    module_name, dot, name = written.rpartition(".")
    if not dot:
        message = "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % written
        raise RuntimeFault("MalformedHandlerName", message)
    if module_name.split(".")[0] in sys.builtin_module_names:
        message = "Cannot use built-in module %s as a handler module" % module_name
        raise RuntimeFault("BuiltInModuleConflict", message)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        _suggest(error)
        message = "Unable to import module '%s': %s" % (module_name, error)
        raise RuntimeFault("ImportModuleError", message) from None
    except SyntaxError as error:
        message = "Syntax error in module '%s': %s" % (module_name, error)
        trace = ['  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)]
        raise RuntimeFault("UserCodeSyntaxError", message, trace) from None
    if not hasattr(module, name):
        message = "Handler '%s' missing on module '%s'" % (name, module_name)
        raise RuntimeFault("HandlerNotFound", message)
    return getattr(module, name)


def _suggest(error):
    package = (error.name or "").split(".")[0]
    if package in _BROUGHT:
        text = "%s is part of Lambda's Python runtimes, but is not installed here: %s -m pip install %s"
        print(text % (package, os.path.abspath(sys.executable), package), file=sys.stderr)
