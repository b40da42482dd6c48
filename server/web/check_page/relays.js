// A way over the relay, proven by data: two connections in this page that may use nothing but relayed addresses of one
// URL, and what passes between them.

const CONNECT_MS = 20000;
const PROBE_MS = 5000;
const PROBE_INTERVAL_MS = 20;
const PROBE_BYTES = 200;
const STRAGGLERS_MS = 1000;
const BULK_MS = 3000;
const BULK_CHUNK_BYTES = 16 * 1024;
const BULK_AHEAD_BYTES = 256 * 1024;

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export function within(milliseconds, promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(what)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export const isOpen = (channel) => new Promise((resolve) => {
  if (channel.readyState === 'open') resolve();
  else channel.addEventListener('open', () => resolve(), { once: true });
});

// Both ends of the datagram channel; nothing is sent twice and nothing waits for what is lost.
export function probeChannel(connection) {
  const channel = connection.createDataChannel(
      'probe', { negotiated: true, id: 1, ordered: false, maxRetransmits: 0 });
  channel.binaryType = 'arraybuffer';
  return channel;
}

const median = (values) => values.length ? [...values].sort((a, b) => a - b)[values.length >> 1] : null;

// Sends numbered probes for five seconds. `far`: the other end, if it is in this page, which then counts what arrives;
// else the other end echoes and what comes back counts.
export async function probe(near, far) {
  const sentAt = new Map();
  const arrived = new Set();
  const trips = [];
  const secret = crypto.getRandomValues(new Uint8Array(16));
  const isOurs = (data) => data.byteLength === PROBE_BYTES &&
      secret.every((octet, index) => new Uint8Array(data)[4 + index] === octet);
  near.onmessage = ({ data }) => {
    if (!isOurs(data)) return;
    const number = new DataView(data).getUint32(0);
    if (!far) arrived.add(number);
    trips.push(performance.now() - sentAt.get(number));
  };
  if (far) {
    far.onmessage = ({ data }) => {
      if (!isOurs(data)) return;
      arrived.add(new DataView(data).getUint32(0));
      if (far.readyState === 'open') far.send(data);
    };
  }
  const begin = performance.now();
  for (let number = 0; performance.now() - begin < PROBE_MS && near.readyState === 'open'; number += 1) {
    const message = new Uint8Array(PROBE_BYTES);
    new DataView(message.buffer).setUint32(0, number);
    message.set(secret, 4);
    sentAt.set(number, performance.now());
    near.send(message);
    await pause(Math.max(0, begin + (number + 1) * PROBE_INTERVAL_MS - performance.now()));
  }
  await pause(STRAGGLERS_MS);
  near.onmessage = null;
  return {
    sent: sentAt.size, arrived: arrived.size,
    loss: sentAt.size ? 1 - arrived.size / sentAt.size : 1, trip: median(trips),
  };
}

// Bits a second of a transfer in which everything arrives.
async function transfer(near, far) {
  let octets = 0;
  let first = 0;
  let last = 0;
  far.onmessage = ({ data }) => {
    last = performance.now();
    if (first === 0) first = last;
    else octets += data.byteLength;
  };
  const chunk = crypto.getRandomValues(new Uint8Array(BULK_CHUNK_BYTES));
  near.bufferedAmountLowThreshold = BULK_AHEAD_BYTES / 2;
  const end = performance.now() + BULK_MS;
  while (performance.now() < end && near.readyState === 'open') {
    if (near.bufferedAmount < BULK_AHEAD_BYTES) near.send(chunk);
    else await Promise.race([
      new Promise((resolve) => near.addEventListener('bufferedamountlow', resolve, { once: true })), pause(200)]);
  }
  return last > first ? octets * 8000 / (last - first) : null;
}

function connect(one, other) {
  const errors = [];
  let candidates = 0;
  for (const [from, to] of [[one, other], [other, one]]) {
    const waiting = [];
    const flush = () => {
      for (const candidate of waiting.splice(0)) to.addIceCandidate(candidate).catch(() => {});
    };
    from.flushCandidates = flush;
    from.onicecandidate = ({ candidate }) => {
      if (!candidate?.candidate) return;
      candidates += 1;
      waiting.push(candidate);
      if (to.remoteDescription) flush();
    };
    from.onicecandidateerror = ({ errorCode, errorText }) => {
      const text = `${errorCode} ${errorText}`.trim();
      if (!errors.includes(text)) errors.push(text);
    };
  }
  const withoutRelay = new Promise((_, reject) => {
    const look = () => {
      const isOver = [one, other].every((each) => each.iceGatheringState === 'complete');
      if (isOver && candidates === 0) reject(new Error('the server gave no relayed address'));
    };
    one.onicegatheringstatechange = look;
    other.onicegatheringstatechange = look;
  });
  const failure = new Promise((_, reject) => {
    one.onconnectionstatechange = () => one.connectionState === 'failed' && reject(new Error('no data passed'));
  });
  const negotiate = async () => {
    await one.setLocalDescription();
    await other.setRemoteDescription(one.localDescription);
    one.flushCandidates();
    await other.setLocalDescription();
    await one.setRemoteDescription(other.localDescription);
    other.flushCandidates();
  };
  return { errors, negotiate, trouble: Promise.race([withoutRelay, failure]) };
}

async function isRelayed(connection) {
  const stats = await connection.getStats();
  const transport = [...stats.values()].find((each) => each.type === 'transport' && each.selectedCandidatePairId);
  const pair = transport ? stats.get(transport.selectedCandidatePairId) :
      [...stats.values()].find((each) => each.type === 'candidate-pair' && (each.selected || each.nominated));
  return !pair || stats.get(pair.localCandidateId)?.candidateType === 'relay';
}

// {works, trip (ms, to the server and back), loss, sent, arrived, throughput (bit/s), reason}
export async function measureRelay(url, { username, credential }) {
  const configuration = { iceServers: [{ urls: url, username, credential }], iceTransportPolicy: 'relay' };
  const one = new RTCPeerConnection(configuration);
  const other = new RTCPeerConnection(configuration);
  const link = connect(one, other);
  try {
    const probes = [one, other].map(probeChannel);
    const bulks = [one, other].map((each) => each.createDataChannel('bulk', { negotiated: true, id: 2 }));
    for (const bulk of bulks) bulk.binaryType = 'arraybuffer';
    link.trouble.catch(() => {});
    await within(CONNECT_MS, Promise.race([
      link.negotiate().then(() => Promise.all([...probes, ...bulks].map(isOpen))), link.trouble]), 'no answer in time');
    if (!await isRelayed(one)) throw new Error('the data took another way');
    const probed = await probe(...probes);
    if (probed.arrived === 0) throw new Error('no data passed');
    const throughput = await transfer(...bulks);
    // What comes back has gone to the server and back twice.
    return { ...probed, works: true, trip: probed.trip === null ? null : probed.trip / 2, throughput };
  } catch (error) {
    return { works: false, reason: [error.message, ...link.errors].join('; ') };
  } finally {
    one.close();
    other.close();
  }
}
