"""The replicated stream, made and read by another client than ours.

    stream.py make         creates it, and waits until it has a leader
    stream.py read         prints the payload of every message in it, one a line
"""

import asyncio
import os
import sys

import nats
from nats.js.api import StreamConfig


async def make(js):
    config = StreamConfig(name="CHAOS", subjects=["chaos.stream"], num_replicas=3)
    await js.add_stream(config)
    return []


async def read(js):
    info = await js.stream_info("CHAOS")
    subscription = await js.subscribe("chaos.stream", stream="CHAOS", ordered_consumer=True)
    messages = [await subscription.next_msg(timeout=10) for _ in range(info.state.messages)]
    return [message.data.decode() for message in messages]


async def main():
    nc = await nats.connect(os.environ["NATS_URL"].split(","), connect_timeout=5)
    js = nc.jetstream(timeout=5)
    # The cluster may be about to choose who leads.
    for attempts_left in reversed(range(20)):
        try:
            lines = await (make if sys.argv[1] == "make" else read)(js)
            break
        except Exception:
            if not attempts_left:
                raise
            await asyncio.sleep(1)
    for line in lines:
        print(line)
    await nc.close()


asyncio.run(main())
