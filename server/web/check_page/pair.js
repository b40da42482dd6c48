// Two devices that find each other through a room on the server and then try to do without it: once with their own
// addresses, and once with those that the network in front of them gives them (hole punching).

import { isOpen, pause, probe, probeChannel, within } from '/check/relays.js';

const POLL_MS = 1000;
const GATHER_MS = 15000;
const CONNECT_MS = 20000;
const WAIT_MS = 9 * 60 * 1000;

async function request(path, options) {
  const response = await fetch(path, { cache: 'no-store', ...options });
  if (response.status === 404) throw new Error('the link is too old, or was never right');
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  return response;
}

const leave = (seat, message) => request(`/check/rooms/${seat}`, { method: 'POST', body: JSON.stringify(message) });

async function waitFor(seat, kind) {
  const end = performance.now() + WAIT_MS;
  while (performance.now() < end) {
    const response = await request(`/check/rooms/${seat}`);
    const message = (await response.json()).map((text) => JSON.parse(text)).find((each) => each.kind === kind);
    if (message) return message;
    await pause(POLL_MS);
  }
  throw new Error('the other device did not come');
}

const KINDS = { direct: /typ (srflx|relay)/, punched: /typ (host|relay)/ };

// The description without the candidates that would be another way.
function narrowed(kind, { type, sdp }) {
  const lines = sdp.split('\r\n').filter((line) => !(line.startsWith('a=candidate:') && KINDS[kind].test(line)));
  return { type, sdp: lines.join('\r\n') };
}

const hasCandidates = ({ sdp }) => sdp.includes('a=candidate:');

class Attempt {
  constructor(kind, stun) {
    this.kind = kind;
    this.connection = new RTCPeerConnection({ iceServers: kind === 'punched' && stun.length ? [{ urls: stun }] : [] });
    this.channel = probeChannel(this.connection);
    this.echo = this.connection.createDataChannel('echo', { negotiated: true, id: 2, ordered: false, maxRetransmits: 0 });
    this.echo.binaryType = 'arraybuffer';
  }

  // Our description with all its candidates.
  async describe() {
    const { connection } = this;
    const isGathered = new Promise((resolve) => {
      connection.onicegatheringstatechange = () => connection.iceGatheringState === 'complete' && resolve();
    });
    await connection.setLocalDescription();
    await Promise.race([isGathered, pause(GATHER_MS)]);
    this.ours = narrowed(this.kind, connection.localDescription);
    return this.ours;
  }

  async accept(description) {
    this.theirs = description;
    await this.connection.setRemoteDescription(description);
  }

  // Each side probes on one channel and echoes on the other.
  async measure(isHost) {
    if (!hasCandidates(this.ours) || !hasCandidates(this.theirs)) return { works: false, reason: 'no address' };
    const [near, far] = isHost ? [this.channel, this.echo] : [this.echo, this.channel];
    far.onmessage = ({ data }) => far.readyState === 'open' && far.send(data);
    try {
      await within(CONNECT_MS, Promise.all([isOpen(near), isOpen(far)]), 'no data passed');
      const probed = await probe(near, null);
      return { ...probed, works: probed.arrived > 0, reason: 'no data passed' };
    } catch (error) {
      return { works: false, reason: error.message };
    }
  }
}

const attemptsWith = (stun) => Object.keys(KINDS).map((kind) => new Attempt(kind, stun));

async function measureAll(attempts, isHost) {
  const results = await Promise.all(attempts.map(async (each) => [each.kind, await each.measure(isHost)]));
  // The other side may still want its echoes.
  await pause(3000);
  for (const { connection } of attempts) connection.close();
  return Object.fromEntries(results);
}

// {seat, link, qr}
export async function openRoom() {
  return (await request('/check/rooms', { method: 'POST' })).json();
}

// Both give {direct, punched}, each {works, trip, loss, sent, arrived, reason}.
export async function host({ seat }, stun, tell) {
  tell('Waiting for the other device …');
  await waitFor(seat, 'hello');
  tell('The other device is there. Trying …');
  const attempts = attemptsWith(stun);
  const offers = await Promise.all(attempts.map((each) => each.describe()));
  await leave(seat, { kind: 'offer', offers });
  const { answers } = await waitFor(seat, 'answer');
  await Promise.all(attempts.map((each, index) => each.accept(answers[index])));
  return measureAll(attempts, true);
}

export async function join(seat, stun, tell) {
  tell('Looking for the other device …');
  await leave(seat, { kind: 'hello' });
  const { offers } = await waitFor(seat, 'offer');
  tell('The other device is there. Trying …');
  const attempts = attemptsWith(stun);
  const answers = await Promise.all(attempts.map(async (each, index) => {
    await each.accept(offers[index]);
    return each.describe();
  }));
  await leave(seat, { kind: 'answer', answers });
  return measureAll(attempts, false);
}
