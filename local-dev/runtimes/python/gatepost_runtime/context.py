"""The second argument of a handler: Lambda guide, "Using the Lambda context object to retrieve Python
function information"."""

import json
import os
import sys
import time

from .fault import RuntimeFault


class Context:
    """What a handler may know of its function and of the invocation with these headers of `/next`."""

    function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
    function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
    memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
    log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")

    def __init__(self, headers):
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self.client_context = ClientContext.of(headers.get("lambda-runtime-client-context"))
        self.identity = CognitoIdentity(headers.get("lambda-runtime-cognito-identity"))
        self._deadline_ms = int(headers["lambda-runtime-deadline-ms"])

    def get_remaining_time_in_millis(self):
        """Until the function's timeout; never negative."""
        return max(self._deadline_ms - int(time.time() * 1000), 0)

    def log(self, message):
        """Writes to standard output."""
        sys.stdout.write(str(message))


class ClientContext:
    """What the caller gave as `X-Amz-Client-Context`."""

    def __init__(self, fields):
        self.custom = fields.get("custom")
        self.env = fields.get("env")
        client = fields.get("client")
        self.client = None if client is None else Client(client)

    @classmethod
    def of(cls, header):
        """`None` without the header."""
        return None if header is None else cls(_parsed(header, "Client Context"))


class Client:
    """`client` of a client context, as the mobile SDK wrote it."""

    def __init__(self, fields):
        self.installation_id = fields.get("installation_id")
        self.app_title = fields.get("app_title")
        self.app_version_name = fields.get("app_version_name")
        self.app_version_code = fields.get("app_version_code")
        self.app_package_name = fields.get("app_package_name")


class CognitoIdentity:
    """Always there; without an identity its fields are `None`."""

    def __init__(self, header):
        fields = {} if header is None else _parsed(header, "Cognito Identity")
        self.cognito_identity_id = fields.get("cognitoIdentityId")
        self.cognito_identity_pool_id = fields.get("cognitoIdentityPoolId")


def _parsed(header, name):
    try:
        return json.loads(header)
    except ValueError as error:
        message = "Unable to parse %s JSON: %s" % (name, error)
        raise RuntimeFault("LambdaContextUnmarshalError", message) from None
