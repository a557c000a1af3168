"""Calls the management API with boto3, for the tests.

    management.py ENDPOINT

Reads one JSON object a line, {"do": "post"|"get"|"delete", "id": …, "bytes": …}, and answers each with
one: what came back, or the exception's class, code, status and message.
Credentials and region come from the environment.
"""

import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

client = boto3.client(
    "apigatewaymanagementapi", endpoint_url=sys.argv[1], config=Config(retries={"total_max_attempts": 1})
)


def call(request):
    connection = {"ConnectionId": request["id"]}
    if request["do"] == "post":
        return client.post_to_connection(Data=b"x" * request["bytes"], **connection), {}
    if request["do"] == "delete":
        return client.delete_connection(**connection), {}
    answer = client.get_connection(**connection)
    return answer, {
        "connected_at": answer["ConnectedAt"].isoformat(),
        "last_active_at": answer["LastActiveAt"].isoformat(),
        "source_ip": answer["Identity"]["SourceIp"],
        "user_agent": answer["Identity"].get("UserAgent"),
    }


def said(metadata):
    # boto3 knows the request by the header `x-amzn-requestid`.
    return {"status": metadata["HTTPStatusCode"], "request_id": metadata.get("RequestId")}


for line in sys.stdin:
    try:
        answer, more = call(json.loads(line))
        result = {**said(answer["ResponseMetadata"]), **more}
    except ClientError as error:
        result = {
            **said(error.response["ResponseMetadata"]),
            "exception": type(error).__name__,
            "code": error.response["Error"]["Code"],
            "message": error.response["Error"].get("Message"),
        }
    print(json.dumps(result), flush=True)
