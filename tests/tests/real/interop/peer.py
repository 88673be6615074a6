"""nats-py with JetStream, which does what it is told: a line of JSON is a request, and one is its answer."""

import asyncio
import json
import os
import sys

import nats
from nats.js import api
from nats.js import errors


class Peer:
    def __init__(self, nc):
        self.nc = nc
        self.js = nc.jetstream()
        self.pulls = {}
        self.held = {}
        self.eating = None
        self.eaten = []

    async def create_stream(self, config):
        info = await self.js.add_stream(api.StreamConfig.from_response(config))
        return info.config.as_dict()

    async def read_stream(self, stream):
        return (await self.js.stream_info(stream)).config.as_dict()

    async def update_stream(self, stream, change):
        config = (await self.js.stream_info(stream)).config
        return (await self.js.update_stream(config.evolve(**change))).config.as_dict()

    async def create_consumer(self, stream, config):
        info = await self.js.add_consumer(stream, api.ConsumerConfig.from_response(config))
        return info.config.as_dict()

    async def read_consumer(self, stream, consumer):
        return (await self.js.consumer_info(stream, consumer)).config.as_dict()

    async def publish(self, subject, data, headers=None, id=None, expect=None, ttl=None):
        headers = dict(headers or {})
        expect = expect or {}
        names = {
            "stream": "Nats-Expected-Stream",
            "last_sequence": "Nats-Expected-Last-Sequence",
            "last_subject_sequence": "Nats-Expected-Last-Subject-Sequence",
            "last_id": "Nats-Expected-Last-Msg-Id",
        }
        for name, value in expect.items():
            headers[names[name]] = str(value)
        if id is not None:
            headers["Nats-Msg-Id"] = id
        try:
            ack = await self.js.publish(subject, data.encode(), headers=headers or None, msg_ttl=ttl)
        except errors.APIError as error:
            return {"error": error.err_code}
        return {"stream": ack.stream, "sequence": ack.seq, "duplicate": bool(ack.duplicate)}

    async def get(self, stream, sequence):
        message = await self.js.get_msg(stream, sequence)
        return {
            "subject": message.subject,
            "data": (message.data or b"").decode(),
            "headers": dict(message.headers or {}),
        }

    async def pull(self, stream, consumer):
        if consumer not in self.pulls:
            self.pulls[consumer] = await self.js.pull_subscribe_bind(consumer, stream)
        return self.pulls[consumer]

    async def fetch(self, stream, consumer, count):
        messages = []
        sub = await self.pull(stream, consumer)
        while len(messages) < count:
            try:
                messages += await sub.fetch(count - len(messages), timeout=20)
            except nats.errors.TimeoutError:
                pass
        return [self.hold(message) for message in messages]

    def hold(self, message):
        meta = message.metadata
        self.held[meta.sequence.stream] = message
        return {
            "subject": message.subject,
            "data": message.data.decode(),
            "headers": dict(message.headers or {}),
            "sequence": meta.sequence.stream,
            "delivered": meta.num_delivered,
        }

    async def acknowledge(self, sequence, kind):
        message = self.held[sequence]
        if kind == "ack":
            await message.ack()
        elif kind == "ack_confirmed":
            await message.ack_sync(timeout=20)
        elif kind == "nak":
            await message.nak()
        elif kind == "nak_after":
            await message.nak(delay=0.1)
        elif kind == "term":
            await message.term()
        elif kind == "in_progress":
            await message.in_progress()
        await self.nc.flush(20)

    async def eat(self, stream, consumer):
        """Acknowledges messages as they come, until it is told to stop."""
        sub = await self.pull(stream, consumer)

        async def run():
            while True:
                try:
                    messages = await sub.fetch(10, timeout=0.5)
                except nats.errors.TimeoutError:
                    continue
                for message in messages:
                    self.eaten.append(message.data.decode())
                    await message.ack_sync(timeout=20)

        self.eating = asyncio.create_task(run())

    async def eaten_so_far(self):
        if self.eating.done():
            self.eating.result()
        return self.eaten


async def main():
    nc = await nats.connect(os.environ["NATS_URL"], name="nats-py")
    peer = Peer(nc)
    requests = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(requests), sys.stdin
    )
    while line := await requests.readline():
        request = json.loads(line)
        try:
            answer = {"ok": await getattr(peer, request["do"])(**request["with"])}
        except Exception as error:
            answer = {"failed": repr(error)}
        print(json.dumps(answer), flush=True)
    await nc.close()


asyncio.run(main())
