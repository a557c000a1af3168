"""A client that offers permessage-deflate, for the tests: python-websockets, which wrote RFC 7692 down by itself.

    deflate.py URL [SERVER_MAX_WINDOW_BITS]

Prints what was agreed, then sends texts to an echo and prints for each whether it came back, or how the
connection ended.
"""

import asyncio
import random
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

# Of any length up to the largest message, some of them like the ones before.
TEXTS = [
    "",
    "a",
    "the same again",
    "the same again",
    "grüße 👋 " * 50,
    "the same again",
    # Frames that are not too long only when they are compressed: of the first one half repeats what
    # lies far back.
    2 * random.Random(1).randbytes(11_250).hex(),
    131_072 * "x",
]


async def main():
    bits = int(sys.argv[2]) if len(sys.argv) > 2 else None
    offer = ClientPerMessageDeflateFactory(server_max_window_bits=bits, client_max_window_bits=True)
    async with connect(sys.argv[1], extensions=[offer], compression=None, max_size=None) as socket:
        print([repr(extension) for extension in socket.protocol.extensions], flush=True)
        for text in TEXTS:
            try:
                await socket.send(text)
                back = await socket.recv() if text else ""
            except ConnectionClosed as closed:
                print(f"closed {closed.rcvd.code if closed.rcvd else closed.sent.code}", flush=True)
                return
            print("same" if back == text else f"other {len(back)}", flush=True)


asyncio.run(main())
