"""The functions that `gatepost conform` calls: the standard library only, so they run anywhere.

`authorize` admits with the query parameter `observer` in its context, so that every later event of
the connection, also `$disconnect`, says who wants to be told. `handle` does what its route says.
"""

import datetime
import hashlib
import hmac
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request


def authorize(event, context):
    query = event["queryStringParameters"]
    mode = query.get("authorizer", "allow")
    if mode == "unauthorized":
        raise Exception("Unauthorized")
    if mode == "fail":
        raise Exception("the authorizer fails")
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": event["methodArn"]}
    if mode == "deny":
        statement["Effect"] = "Deny"
    if mode == "implicit":
        statement["Resource"] = event["methodArn"] + "-of-another"
    return {
        "principalId": "conform",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"observer": query.get("observer", ""), "number": 7, "yes": True},
    }


def handle(event, context):
    return ROUTES[event["requestContext"]["routeKey"]](event)


def connect(event):
    query = event.get("queryStringParameters") or {}
    if "fail" in query:
        raise Exception("$connect fails")
    if "malformed" in query:
        return "no proxy response"
    if "post" in query:
        # The connection is not established yet: what this is answered is what the client is.
        return {"statusCode": post(event, event["requestContext"]["connectionId"], b"too early")}
    response = {"statusCode": int(query.get("status", "200")), "body": "from $connect"}
    if "subprotocol" in query:
        response["headers"] = {"Sec-WebSocket-Protocol": query["subprotocol"], "X-Other": "1"}
    tell(event)
    return response


def disconnect(event):
    tell(event)
    return {"statusCode": 200}


def echo(event):
    return {"statusCode": 200, "body": event["body"]}


def show(event):
    return {"statusCode": 200, "body": json.dumps(event)}


def status(event):
    wanted = json.loads(event["body"])["status"]
    return {"statusCode": wanted, "body": "status %d" % wanted}


def empty(event):
    return {"statusCode": 200, "body": ""}


def large(event):
    return {"statusCode": 200, "body": "x" * json.loads(event["body"])["size"]}


def malformed(event):
    return "no proxy response"


def fail(event):
    raise Exception("the function fails")


def slow(event):
    time.sleep(3)
    return {"statusCode": 200, "body": "too late"}


def back(event):
    body = ("posted: " + event["body"]).encode()
    post(event, event["requestContext"]["connectionId"], body)
    return {"statusCode": 200}


def tell(event):
    """Posts the event to the connection that wants to be told."""
    observer = event["requestContext"].get("authorizer", {}).get("observer")
    if observer:
        post(event, observer, json.dumps(event).encode())


def post(event, connection, body):
    """POST @connections, signed with the function's own credentials; the status of the answer."""
    context = event["requestContext"]
    endpoint = os.environ.get("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI")
    if not endpoint:
        endpoint = "https://%s/%s" % (context["domainName"], context["stage"])
    url = endpoint + "/%40connections/" + urllib.parse.quote(connection, safe="")
    request = urllib.request.Request(url, data=body, method="POST")
    for name, value in sign(url, body).items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def sign(url, body):
    """The headers of Signature Version 4 (IAM user guide, "Create a signed AWS API request")."""
    now = datetime.datetime.now(datetime.timezone.utc)
    at, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    region = os.environ["AWS_REGION"]
    parts = urllib.parse.urlsplit(url)
    digest = hashlib.sha256(body).hexdigest()
    headers = {"content-type": "application/octet-stream", "host": parts.netloc, "x-amz-date": at}
    if os.environ.get("AWS_SESSION_TOKEN"):
        headers["x-amz-security-token"] = os.environ["AWS_SESSION_TOKEN"]
    names = ";".join(sorted(headers))
    lines = "".join("%s:%s\n" % (name, headers[name]) for name in sorted(headers))
    # Of every service but S3 the path is encoded once more.
    path = urllib.parse.quote(parts.path, safe="/-_.~")
    canonical = "\n".join(["POST", path, parts.query, lines, names, digest])
    scope = "%s/%s/execute-api/aws4_request" % (day, region)
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    key = ("AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"]).encode()
    for part in (day, region, "execute-api", "aws4_request", "AWS4-HMAC-SHA256\n%s\n%s\n%s" % (at, scope, hashed)):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    headers["authorization"] = (
        "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s"
        % (os.environ["AWS_ACCESS_KEY_ID"], scope, names, key.hex())
    )
    del headers["host"]
    return headers


ROUTES = {
    "$connect": connect,
    "$disconnect": disconnect,
    "echo": echo,
    "oneway": echo,
    "event": show,
    "status": status,
    "empty": empty,
    "large": large,
    "malformed": malformed,
    "fail": fail,
    "failoneway": fail,
    "slow": slow,
    "back": back,
}
