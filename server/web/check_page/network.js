// What can be known without a second device: the addresses of this one, as it sees itself and as the server sees it,
// and whether the network gives the same outer port towards two ports of the server.

const GATHER_MS = 15000;

// The candidates of a new connection and the errors on the way. `urls` are asked from one socket of each interface.
export function gather(urls) {
  return new Promise((resolve) => {
    const connection = new RTCPeerConnection({ iceServers: urls.length ? [{ urls }] : [] });
    const candidates = [];
    const errors = [];
    const end = () => {
      clearTimeout(timer);
      connection.close();
      resolve({ candidates, errors });
    };
    const timer = setTimeout(end, GATHER_MS);
    connection.onicecandidate = ({ candidate }) => {
      if (!candidate) return end();
      if (!candidate.candidate) return;
      const { type, protocol, address, port } = candidate;
      candidates.push({ type, protocol, address, port });
    };
    connection.onicecandidateerror = ({ url, errorCode }) => errors.push({ url, errorCode });
    connection.createDataChannel('none');
    connection.setLocalDescription().catch(end);
  });
}

// "203.0.113.7:40000" of each mapped address over IPv4, once.
function mappedOf({ candidates }) {
  const mapped = candidates.filter(({ type, protocol, address }) =>
    type === 'srflx' && protocol === 'udp' && address && !address.includes(':'));
  return [...new Set(mapped.map(({ address, port }) => `${address}:${port}`))];
}

// {mapped: [...], local: [...], mapping: 'same' | 'different' | 'none' | 'unknown', answers: how many STUN ports answer}
export async function examineNetwork(stun) {
  const apart = await Promise.all(stun.map((url) => gather([url])));
  const together = await gather(stun);
  const counts = apart.map((each) => mappedOf(each).length);
  const mapped = mappedOf(together);
  const local = [...new Set(together.candidates.filter(({ type, protocol }) => type === 'host' && protocol === 'udp')
    .map(({ address }) => address))];
  const silent = apart.filter(({ errors }, index) => counts[index] === 0 && errors.length > 0).length;
  const answers = stun.length - silent;
  let mapping = 'unknown';
  const isOwn = (endpoint) => local.includes(endpoint.slice(0, endpoint.lastIndexOf(':')));
  if (answers > 0 && mapped.every(isOwn)) mapping = 'none';
  else if (stun.length > 1 && counts.every((count) => count > 0))
    mapping = mapped.length > Math.max(...counts) ? 'different' : 'same';
  return { mapped, local, mapping, answers };
}
