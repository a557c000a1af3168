"""A client of Lambda's Runtime API for Python functions, for projects that do not bring AWS's own
(`awslambdaric`): `python -u FOLDER HANDLER` with the variables that Lambda sets."""

from gatepost_runtime import run

run()
