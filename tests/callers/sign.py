"""Signs random requests with botocore, for the tests of the verifier.

    sign.py COUNT

Prints one JSON object a line: the request as it would be on the wire, its body in Base64.
"""

import base64
import json
import random
import string
import sys
from urllib.parse import quote, urlsplit

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

HOST = "abc.example:8443"
WORDS = string.ascii_letters + string.digits + "@=-_.~:%+ é/"


def word(longest):
    return "".join(random.choices(WORDS, k=random.randint(1, longest)))


def request(credentials, presigned):
    # A segment of dots only would be resolved before it is signed.
    path = "/dev/@connections/x" + quote(word(16), safe="" if random.random() < 0.8 else "@=:+")
    pairs = [(quote(word(8), safe="~"), quote(word(8), safe="~")) for _ in range(random.randint(0, 3))]
    if presigned:
        # It keeps one value of each name.
        pairs = list(dict(pairs).items())
    query = "&".join(f"{name}={value}" for name, value in pairs)
    url = f"http://{HOST}{path}" + (f"?{query}" if query else "")
    method = "GET" if presigned else random.choice(["POST", "GET", "DELETE"])
    body = b"" if presigned else random.randbytes(random.randint(0, 300))
    headers = {"host": HOST}
    for name in random.sample(["accept", "content-type", "x-amz-target", "x-one"], random.randint(0, 3)):
        headers[name] = "  ".join(word(6).replace("é", "e").strip() for _ in range(random.randint(1, 3)))
    signed = AWSRequest(method=method, url=url, headers=headers, data=body)
    if presigned:
        SigV4QueryAuth(credentials, "execute-api", "us-east-1", expires=300).add_auth(signed)
    else:
        SigV4Auth(credentials, "execute-api", "us-east-1").add_auth(signed)
    parts = urlsplit(signed.url)
    return {
        "method": method,
        "target": parts.path + (f"?{parts.query}" if parts.query else ""),
        "headers": [[name, value] for name, value in signed.headers.items()],
        "body": base64.b64encode(body).decode(),
    }


def main():
    random.seed(int.from_bytes(b"botocore", "big"))
    credentials = Credentials("AKIDEXAMPLE", "secretEXAMPLE", "tokEXAMPLE")
    for number in range(int(sys.argv[1])):
        print(json.dumps(request(credentials, presigned=number % 4 == 3)))


main()
