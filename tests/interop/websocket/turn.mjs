// A TURN client over WebSocket, made of the npm package ws: node turn.mjs ORDER.json RESULTS.json
//
// Relays packets through the server to an echo peer and back, and tries what the server must refuse. RESULTS gets, for
// each check, null or what went wrong.

import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { createSocket } from 'node:dgram';
import { readFileSync, writeFileSync } from 'node:fs';

const [orderFile, resultsFile] = process.argv.slice(2);
const order = JSON.parse(readFileSync(orderFile, 'utf8'));
const WebSocket = createRequire(`${order.packages}/`)('ws');
const ca = readFileSync(order.authority);

const PACKETS = 10000;
const WINDOW = 64;
const ANSWER_SECONDS = 10;
const RELAY_SECONDS = 90;
const CHANNEL = 0x4000;

const ALLOCATE = 0x003;
const CREATE_PERMISSION = 0x008;
const CHANNEL_BIND = 0x009;
const USERNAME = 0x0006;
const MESSAGE_INTEGRITY = 0x0008;
const ERROR_CODE = 0x0009;
const CHANNEL_NUMBER = 0x000c;
const XOR_PEER_ADDRESS = 0x0012;
const REALM = 0x0014;
const NONCE = 0x0015;
const REQUESTED_TRANSPORT = 0x0019;

const results = {};
function save(name, problem) {
  results[name] = problem;
  console.log(name, problem ?? 'fine');
  writeFileSync(resultsFile, JSON.stringify(results, null, 2));
}

function within(seconds, promise, what) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`${what}: it took too long`)), seconds * 1000); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function attribute(type, value) {
  const header = Buffer.alloc(4);
  header.writeUInt16BE(type, 0);
  header.writeUInt16BE(value.length, 2);
  return Buffer.concat([header, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
}

function message(method, attributes, key) {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(method, 0);
  header.writeUInt32BE(0x2112a442, 4);
  randomBytes(12).copy(header, 8);
  let body = Buffer.concat(attributes);
  if (key) {
    header.writeUInt16BE(body.length + 24, 2);
    const mac = createHmac('sha1', key).update(header).update(body).digest();
    body = Buffer.concat([body, attribute(MESSAGE_INTEGRITY, mac)]);
  }
  header.writeUInt16BE(body.length, 2);
  return Buffer.concat([header, body]);
}

function peerAddress(address, port) {
  const value = Buffer.alloc(8);
  value[1] = 1;
  value.writeUInt16BE(port ^ 0x2112, 2);
  address.split('.').forEach((part, at) => { value[4 + at] = Number(part) ^ [0x21, 0x12, 0xa4, 0x42][at]; });
  return attribute(XOR_PEER_ADDRESS, value);
}

function parse(octets) {
  const type = octets.readUInt16BE(0);
  const attributes = new Map();
  for (let at = 20; at < octets.length;) {
    const length = octets.readUInt16BE(at + 2);
    const kind = octets.readUInt16BE(at);
    if (!attributes.has(kind)) attributes.set(kind, octets.subarray(at + 4, at + 4 + length));
    at += 4 + length + ((4 - (length % 4)) % 4);
  }
  const error = attributes.get(ERROR_CODE);
  return { isSuccess: (type & 0x0110) === 0x0100, error: error ? error[2] * 100 + error[3] : 0, attributes };
}

function open(path, protocol) {
  return new WebSocket(`wss://${order.host}:${order.port}${path}`, protocol, { ca, handshakeTimeout: ANSWER_SECONDS * 1000 });
}

// The WebSocket is a byte stream: where its frames begin and end means nothing.
class Stream {
  constructor(socket) {
    this.socket = socket;
    this.buffer = Buffer.alloc(0);
    this.responses = [];
    this.onChannelData = () => {};
    socket.on('message', (data, isBinary) => {
      if (!isBinary) throw new Error('a text frame came');
      this.buffer = this.buffer.length ? Buffer.concat([this.buffer, data]) : data;
      this.take();
    });
  }

  take() {
    while (this.buffer.length >= 4) {
      const first = this.buffer[0];
      const length = this.buffer.readUInt16BE(2);
      const size = first < 0x40 ? 20 + length : 4 + length + ((4 - (length % 4)) % 4);
      if (this.buffer.length < size) return;
      const unit = this.buffer.subarray(0, size);
      this.buffer = this.buffer.subarray(size);
      if (first < 0x40) this.responses.shift()?.(parse(unit));
      else this.onChannelData(unit.readUInt16BE(0), unit.subarray(4, 4 + length));
    }
  }

  async request(octets) {
    const answer = new Promise((resolve) => this.responses.push(resolve));
    this.socket.send(octets);
    return within(ANSWER_SECONDS, answer, 'an answer');
  }
}

function opened(socket) {
  return within(ANSWER_SECONDS, new Promise((resolve, reject) => {
    socket.on('open', resolve);
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('it was closed')));
  }), 'the upgrade');
}

async function allocate(stream) {
  const transport = attribute(REQUESTED_TRANSPORT, Buffer.from([17, 0, 0, 0]));
  const challenge = await stream.request(message(ALLOCATE, [transport]));
  if (challenge.error !== 401) throw new Error(`the first Allocate got ${challenge.error}, not 401`);
  const realm = challenge.attributes.get(REALM);
  const key = createHash('md5').update(`${order.username}:${realm}:${order.credential}`).digest();
  const who = [attribute(USERNAME, Buffer.from(order.username)), attribute(REALM, realm),
               attribute(NONCE, challenge.attributes.get(NONCE))];
  return async (method, ...attributes) => {
    const all = method === ALLOCATE ? [transport, ...attributes] : attributes;
    const answer = await stream.request(message(method, [...all, ...who], key));
    if (!answer.isSuccess) throw new Error(`method ${method} got ${answer.error}`);
  };
}

async function relays() {
  const peer = createSocket('udp4');
  peer.on('message', (payload, from) => peer.send(payload, from.port, from.address));
  await new Promise((resolve) => peer.bind(0, order.peer, resolve));
  const socket = open('/turn', 'turn');
  try {
    await opened(socket);
    if (socket.protocol !== 'turn') return `the subprotocol is ${JSON.stringify(socket.protocol)}`;
    const stream = new Stream(socket);
    const request = await allocate(stream);
    const address = peerAddress(order.peer, peer.address().port);
    await request(ALLOCATE);
    await request(CREATE_PERMISSION, address);
    const number = Buffer.alloc(4);
    number.writeUInt16BE(CHANNEL, 0);
    await request(CHANNEL_BIND, attribute(CHANNEL_NUMBER, number), address);

    let sent = 0;
    let received = 0;
    const done = new Promise((resolve, reject) => {
      const closed = (code) => reject(new Error(`it was closed with ${code} after ${received} packets`));
      socket.on('close', closed);
      const send = () => {
        while (sent < PACKETS && sent - received < WINDOW) {
          const payload = Buffer.alloc(4 + (sent * 37) % 1000, sent & 0xff);  // of every length, so that padding is seen
          payload.writeUInt32BE(sent++, 0);
          const header = Buffer.alloc(4);
          header.writeUInt16BE(CHANNEL, 0);
          header.writeUInt16BE(payload.length, 2);
          socket.send(Buffer.concat([header, payload, Buffer.alloc((4 - (payload.length % 4)) % 4)]));
        }
      };
      stream.onChannelData = (channel, payload) => {
        const expected = received++;
        const isRight = channel === CHANNEL && payload.length === 4 + (expected * 37) % 1000 &&
            payload.readUInt32BE(0) === expected && payload.subarray(4).every((byte) => byte === (expected & 0xff));
        if (!isRight) reject(new Error(`packet ${expected} came back as ${payload.subarray(0, 8).toString('hex')}, ${payload.length} octets`));
        else if (received === PACKETS) resolve();
        else send();
      };
      send();
    });
    await within(RELAY_SECONDS, done, `the relaying`).catch((error) => { throw new Error(`${error.message}; ${received} of ${PACKETS} came back`); });
    return null;
  } finally {
    socket.terminate();
    peer.close();
  }
}

// The HTTP status of an upgrade that is refused.
async function refusal(path, protocol) {
  const socket = open(path, protocol);
  socket.on('error', () => {});
  try {
    return await within(ANSWER_SECONDS, new Promise((resolve) => {
      socket.on('unexpected-response', (_, response) => resolve(response.statusCode));
      socket.on('open', () => resolve(`an open WebSocket, subprotocol ${JSON.stringify(socket.protocol)}`));
      socket.on('close', () => resolve('closed'));
    }), 'the answer');
  } finally {
    socket.terminate();
  }
}

async function isClosed(act) {
  const socket = open('/turn', 'turn');
  try {
    await opened(socket);
    const closed = new Promise((resolve) => socket.on('close', resolve));
    act(socket);
    await within(ANSWER_SECONDS, closed, 'the close');
    return null;
  } finally {
    socket.terminate();
  }
}

const checks = {
  [`${PACKETS} packets in order, to a peer and back`]: relays,
  'another path is 404': async () => {
    const status = await refusal('/other', 'turn');
    return status === 404 ? null : `the answer is ${status}`;
  },
  'another subprotocol is refused': async () => {
    const status = await refusal('/turn', 'chat');
    return status === 'closed' || (status >= 400 && status < 500) ? null : `the answer is ${status}`;
  },
  'a text frame closes': () => isClosed((socket) => socket.send('text')),
  'what is neither STUN nor ChannelData closes': () => isClosed((socket) => socket.send(Buffer.from('ffffffffffffffffffffffff', 'hex'))),
  'a close is answered': () => isClosed((socket) => socket.close(1000)),
};
for (const [name, check] of Object.entries(checks)) {
  save(name, await check().catch((error) => error.message));
}
process.exit(0);
