"""What is in a stream, read by another client than ours.

    read.py STREAM SUBJECT      prints subject and payload of every message in it, one a line
"""

import asyncio
import os
import sys

import nats


async def read(js, stream, subject):
    info = await js.stream_info(stream)
    subscription = await js.subscribe(subject, stream=stream, ordered_consumer=True)
    messages = [await subscription.next_msg(timeout=10) for _ in range(info.state.messages)]
    return [f"{message.subject} {message.data.decode()}" for message in messages]


async def main():
    nc = await nats.connect(os.environ["NATS_URL"].split(","), connect_timeout=5)
    js = nc.jetstream(timeout=5)
    # The cluster may be about to choose who leads.
    for attempts_left in reversed(range(20)):
        try:
            lines = await read(js, sys.argv[1], sys.argv[2])
            break
        except Exception:
            if not attempts_left:
                raise
            await asyncio.sleep(1)
    print("\n".join(lines))
    await nc.close()


asyncio.run(main())
