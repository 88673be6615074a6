// nats.js with JetStream, which does what it is told: a line of JSON is a request, and one is its answer.

const readline = require("node:readline");
const { connect, headers } = require("@nats-io/transport-node");
const { jetstream, jetstreamManager } = require("@nats-io/jetstream");

const HEADERS = (headers) =>
  Object.fromEntries([...(headers ?? [])].map(([name, values]) => [name, values[0]]));

class Peer {
  held = new Map();
  eaten = [];
  failure = undefined;

  constructor(nc, manager) {
    this.nc = nc;
    this.js = jetstream(nc);
    this.manager = manager;
  }

  async create_stream({ config }) {
    return (await this.manager.streams.add(config)).config;
  }

  async read_stream({ stream }) {
    return (await this.manager.streams.info(stream)).config;
  }

  async update_stream({ stream, change }) {
    return (await this.manager.streams.update(stream, change)).config;
  }

  async create_consumer({ stream, config }) {
    return (await this.manager.consumers.add(stream, config)).config;
  }

  async read_consumer({ stream, consumer }) {
    return (await this.manager.consumers.info(stream, consumer)).config;
  }

  async publish({ subject, data, headers: given, id, expect = {}, ttl }) {
    const map = headers();
    for (const [name, value] of Object.entries(given ?? {})) map.set(name, value);
    const options = { headers: map, msgID: id, timeout: 20_000 };
    if (ttl !== undefined) options.ttl = `${ttl}s`;
    options.expect = {
      streamName: expect.stream,
      lastSequence: expect.last_sequence,
      lastSubjectSequence: expect.last_subject_sequence,
      lastMsgID: expect.last_id,
    };
    try {
      const ack = await this.js.publish(subject, data, options);
      return { stream: ack.stream, sequence: ack.seq, duplicate: ack.duplicate };
    } catch (error) {
      if (error.code === undefined) throw error;
      return { error: error.code };
    }
  }

  async get({ stream, sequence }) {
    const message = await this.manager.streams.getMessage(stream, { seq: sequence });
    return { subject: message.subject, data: message.string(), headers: HEADERS(message.header) };
  }

  async fetch({ stream, consumer, count }) {
    const puller = await this.js.consumers.get(stream, consumer);
    const messages = [];
    while (messages.length < count) {
      const batch = await puller.fetch({ max_messages: count - messages.length, expires: 5_000 });
      for await (const message of batch) messages.push(message);
    }
    return messages.map((message) => this.hold(message));
  }

  hold(message) {
    this.held.set(message.seq, message);
    return {
      subject: message.subject,
      data: message.string(),
      headers: HEADERS(message.headers),
      sequence: message.seq,
      delivered: message.info.deliveryCount,
    };
  }

  async acknowledge({ sequence, kind }) {
    const message = this.held.get(sequence);
    switch (kind) {
      case "ack":
        message.ack();
        break;
      case "ack_confirmed":
        await message.ackAck({ timeout: 20_000 });
        break;
      case "nak":
        message.nak();
        break;
      case "nak_after":
        message.nak(100);
        break;
      case "term":
        message.term();
        break;
      case "in_progress":
        message.working();
        break;
    }
    await this.nc.flush();
  }

  // Acknowledges messages as they come, until it is told to stop.
  async eat({ stream, consumer }) {
    const puller = await this.js.consumers.get(stream, consumer);
    const messages = await puller.consume({ max_messages: 10 });
    (async () => {
      for await (const message of messages) {
        this.eaten.push(message.string());
        await message.ackAck({ timeout: 20_000 });
      }
    })().catch((error) => this.failure = error);
  }

  async eaten_so_far() {
    if (this.failure) throw this.failure;
    return this.eaten;
  }
}

async function main() {
  const nc = await connect({ servers: process.env.NATS_URL, name: "nats.js" });
  const peer = new Peer(nc, await jetstreamManager(nc));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    let answer;
    try {
      answer = { ok: (await peer[request.do](request.with)) ?? null };
    } catch (error) {
      answer = { failed: String(error?.stack ?? error) };
    }
    console.log(JSON.stringify(answer));
  }
  await nc.close();
}

main();
