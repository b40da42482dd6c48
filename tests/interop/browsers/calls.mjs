// What runs in a page. Each function is sent to the browser as its source text and so refers to nothing outside itself.

// What the credential API makes of a token: its status and its answer.
export async function mint({ url, token }) {
  try {
    const answer = await fetch(url, { method: 'POST', headers: { Authorization: `Bearer ${token}` } });
    return { status: answer.status, ...await answer.json() };
  } catch (error) {
    return { status: 0, problem: String(error) };
  }
}

// Each of `servers` is one of a connection's iceServers, or the whole list.
// Sends `bytes` random bytes from one connection to the other, or with `media` the fake camera and microphone for so
// many seconds, and tells what it saw.
export async function call({ servers, bytes, media, seconds }) {
  const [one, other] = servers.map(
      (server) => new RTCPeerConnection({ iceServers: [server].flat(), iceTransportPolicy: 'relay' }));
  const errors = [];
  const candidates = [];
  for (const [from, to] of [[one, other], [other, one]]) {
    const waiting = [];
    from.onicecandidate = ({ candidate }) => {
      if (!candidate || !candidate.candidate) return;
      candidates.push(candidate.candidate);
      waiting.push(candidate);
      if (to.remoteDescription) from.flushCandidates();
    };
    from.flushCandidates = () => {
      for (const candidate of waiting.splice(0)) {
        to.addIceCandidate(candidate).catch((error) => errors.push(String(error)));
      }
    };
    from.onicecandidateerror = ({ url, errorCode, errorText }) => errors.push(`${url}: ${errorCode} ${errorText}`);
  }
  const context = () => `states ${one.iceConnectionState}, ${other.iceConnectionState}; ` +
      `candidates ${JSON.stringify(candidates)}; errors ${JSON.stringify(errors)}`;

  const deadline = new Promise((_, reject) => setTimeout(() => reject(new Error('it took too long')), seconds * 1000));
  const digest = async (buffer) =>
      Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', buffer)), (byte) => byte.toString(16).padStart(2, '0')).join('');
  const selected = async (connection) => {
    const stats = await connection.getStats();
    const entries = [...stats.values()];
    const transport = entries.find((entry) => entry.type === 'transport' && entry.selectedCandidatePairId);
    const pair = transport ? stats.get(transport.selectedCandidatePairId) :
        entries.find((entry) => entry.type === 'candidate-pair' && entry.selected);
    return [stats.get(pair.localCandidateId).candidateType, stats.get(pair.remoteCandidateId).candidateType];
  };
  const negotiate = async () => {
    await one.setLocalDescription();
    await other.setRemoteDescription(one.localDescription);
    one.flushCandidates();
    await other.setLocalDescription();
    await one.setRemoteDescription(other.localDescription);
    other.flushCandidates();
  };
  const failure = new Promise((_, reject) => {
    one.onconnectionstatechange = () => one.connectionState === 'failed' && reject(new Error('the connection failed'));
  });

  const transfer = async () => {
    const sending = one.createDataChannel('bulk', { ordered: true });
    sending.binaryType = 'arraybuffer';
    const received = new Uint8Array(bytes);
    const arrived = new Promise((resolve) => {
      other.ondatachannel = ({ channel }) => {
        channel.binaryType = 'arraybuffer';
        let offset = 0;
        channel.onmessage = ({ data }) => {
          received.set(new Uint8Array(data), offset);
          offset += data.byteLength;
          if (offset === bytes) resolve();
        };
      };
    });
    await negotiate();
    await new Promise((resolve) => { sending.onopen = resolve; });

    const sent = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at += 65536) crypto.getRandomValues(sent.subarray(at, Math.min(bytes, at + 65536)));
    sending.bufferedAmountLowThreshold = 256 * 1024;
    const chunk = 16 * 1024;
    for (let at = 0; at < bytes; at += chunk) {
      if (sending.bufferedAmount > 1024 * 1024) await new Promise((resolve) => { sending.onbufferedamountlow = resolve; });
      sending.send(sent.subarray(at, Math.min(bytes, at + chunk)));
    }
    await arrived;
    return {
      sent: await digest(sent), received: await digest(received), pairs: [await selected(one), await selected(other)],
    };
  };

  const watch = async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 480 } });
    const view = document.createElement('video');
    other.ontrack = ({ streams }) => {
      view.srcObject = streams[0];
      view.play().catch(() => {});
    };
    for (const track of stream.getTracks()) one.addTrack(track, stream);
    await negotiate();
    const inbound = async () => {
      const entries = [...(await other.getStats()).values()].filter((entry) => entry.type === 'inbound-rtp');
      const of = (kind) => entries.find((entry) => entry.kind === kind) ?? {};
      return {
        frames: of('video').framesDecoded ?? 0, audioPackets: of('audio').packetsReceived ?? 0,
        audioEnergy: of('audio').totalAudioEnergy ?? 0, lost: (of('video').packetsLost ?? 0) + (of('audio').packetsLost ?? 0),
      };
    };
    while ((await inbound()).frames === 0) await new Promise((resolve) => setTimeout(resolve, 100));
    const first = await inbound();
    await new Promise((resolve) => setTimeout(resolve, media * 1000));
    const last = await inbound();
    for (const track of stream.getTracks()) track.stop();
    return { first, last, pairs: [await selected(one), await selected(other)] };
  };

  try {
    return await Promise.race([media ? watch() : transfer(), failure, deadline]);
  } catch (error) {
    return { problem: `${error.message}; ${context()}`, candidates, errors };
  } finally {
    one.close();
    other.close();
  }
}

// What is wrong with the outcome of a call, or null.
export function judge(result) {
  if (result.problem) return result.problem;
  const types = result.pairs.flat();
  if (!types.every((type) => type === 'relay')) return `the selected candidates are ${types.join(', ')}`;
  if (!result.last) return result.sent === result.received ? null : `the checksums differ: ${result.sent} and ${result.received}`;
  const { first, last } = result;
  // The fake camera makes 20 or 30 frames a second, the microphone 50 packets: a third of them is a call that works.
  const arrived = last.frames - first.frames >= 60 && last.audioPackets - first.audioPackets >= 150 &&
      last.audioEnergy > first.audioEnergy;
  return arrived ? null : `too little arrived: first ${JSON.stringify(first)}, then ${JSON.stringify(last)}`;
}
