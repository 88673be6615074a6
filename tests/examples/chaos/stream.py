"""The replicated stream, made and read by another client than ours.

    stream.py make         creates it, and waits until it has a leader
    stream.py read         prints the payload of every message in it, one a line
"""

import asyncio
import os
import sys

import nats
from nats.js.api import StreamConfig


async def main():
    nc = await nats.connect(os.environ["NATS_URL"].split(","), connect_timeout=5)
    js = nc.jetstream(timeout=5)
    if sys.argv[1] == "make":
        config = StreamConfig(name="CHAOS", subjects=["chaos.stream"], num_replicas=3)
        for _ in range(60):
            try:
                await js.add_stream(config)
                break
            except Exception as error:
                last = error
                await asyncio.sleep(0.5)
        else:
            raise last
    else:
        info = await js.stream_info("CHAOS")
        subscription = await js.subscribe("chaos.stream", ordered_consumer=True)
        for _ in range(info.state.messages):
            message = await subscription.next_msg(timeout=10)
            print(message.data.decode())
    await nc.close()


asyncio.run(main())
