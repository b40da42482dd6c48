// What the findings mean, in words: for the person at the page, for the administrator and for support.

export const WAY_NAMES = {
  udp: 'Relay over UDP',
  tcp: 'Relay over TCP',
  tls: 'Relay over TLS',
};

const WAY_NOTES = {
  udp: 'The best of the three: what is lost is not waited for.',
  tcp: 'Works for calls, but a lost packet delays all that follow.',
  tls: 'For strict networks. Works for calls, but a lost packet delays all that follow.',
};

const milliseconds = (value) => value === null || value === undefined ? 'not measured' : `${value.toFixed(1)} ms`;
const percent = (value) => `${(value * 100).toFixed(1)} %`;
const megabits = (value) => value === null || value === undefined ? 'not measured' : `${(value / 1e6).toFixed(1)} Mbit/s`;

export const wayTitle = ({ id, port }) => `${WAY_NAMES[id]}${port ? `, port ${port}` : ''}`;
export const wayNote = ({ id }) => WAY_NOTES[id];

export function outcome(result) {
  if (result.works) return 'Works: data went through and came back.';
  return result.isOffered === false ? 'Not offered by this server.' : `Does not work: ${result.reason}.`;
}

export function figures(result) {
  if (!result.works) return [];
  const rows = [['Round-trip time', milliseconds(result.trip)],
    ['Loss', `${percent(result.loss)} (${result.sent - result.arrived} of ${result.sent} in 5 s)`]];
  return 'throughput' in result ? [...rows, ['Throughput', megabits(result.throughput)]] : rows;
}

export function verdict(results) {
  const open = Object.keys(results).filter((id) => results[id].works);
  if (open.length === 0) return 'Calls do not work from here: no way to the server lets data through.';
  if (open.includes('udp')) return 'Calls work from here, and on the best way.';
  return `Calls work from here, but only over ${open.map((id) => id.toUpperCase()).join(' and ')}. On a bad day ` +
      'picture and sound will stall; with UDP open they would not.';
}

const MAPPINGS = {
  same: 'The network gives one outer port for all destinations: direct calls can get through (endpoint-independent ' +
      'mapping).',
  different: 'The network gives another outer port for each destination: direct calls will mostly need the relay ' +
      '(address- and port-dependent mapping).',
  none: 'No translation was seen between this device and the server.',
  unknown: 'Unknown: the server did not answer on enough UDP ports.',
};

export function networkRows(session, network, intermediaries) {
  const list = (values, none) => values.length ? values.join(', ') : none;
  return [
    ['Address the server sees over HTTPS', session.client],
    ['Addresses the server sees over UDP', list(network.mapped, 'none')],
    ['Addresses of this device', list(network.local, 'none')],
    ['Address translation', MAPPINGS[network.mapping]],
    ['Between you and the server', intermediaries],
  ];
}

// What can be said about somebody who opens the TLS between browser and server, and how sure that is.
export function describeIntermediaries(session, results) {
  const via = session.proxyTraces.map(({ name, value }) => `${name}: ${value}`);
  const named = via.length ? ` It calls itself "${via.join('", "')}".` : '';
  if (session.tls === 'someone-else') {
    return `A proxy opens the encrypted connection and reads it (TLS inspection).${named} Seen by the server: what ` +
        'reached it does not speak TLS as your browser does.';
  }
  if (via.length) {
    return `A proxy opens the encrypted connection and reads it (TLS inspection), or stands in front of the server.` +
        `${named} Seen by the server: headers that browsers do not send.`;
  }
  if (results.tls && !results.tls.works && results.tls.isOffered !== false) {
    return 'Nothing was seen by the server. A guess: this page came through on a port where calls do not, so there ' +
        'may be a proxy or filter that lets only web pages pass.';
  }
  return 'Nothing was seen. (A proxy that copies the browser in every detail would not be.)';
}

export function isInspected(session) {
  return session.tls === 'someone-else' || session.proxyTraces.length > 0;
}

const fits = (rule, { id, port }) => {
  const [low, high] = rule.ports.split('-').map(Number);
  return rule.protocol === (id === 'udp' ? 'udp' : 'tcp') && port >= low && port <= (high ?? low);
};

// The lines that would open what is closed; none if all that is needed works.
export function missingRules(session, results) {
  const closed = session.ways.filter((way) => way.url && !results[way.id].works);
  return session.rules.filter((rule) => closed.some((way) => fits(rule, way)));
}

export function ruleLines(session, rules) {
  const to = session.destinations.length ? session.destinations.join(', ') : session.host;
  return rules.map(({ protocol, ports, purpose, needed }) =>
    `allow outbound ${protocol} to ${to} port ${ports}    (${purpose}${needed ? '' : '; optional'})`);
}

export function adviceText(session, rules) {
  const inspected = isInspected(session) ?
    ` Please also exempt ${session.host} from TLS inspection: calls are not web pages, and cannot pass through it.` : '';
  if (rules.length === 0) return `All that is needed is open.${inspected}`;
  return 'Please let this out of the network. Nothing has to be opened inwards: answers come back on the flow that ' +
      `a device here began.${inspected}`;
}

const PAIR_NAMES = { direct: 'Direct, by the devices\' own addresses', punched: 'Direct, through address translation' };

export function pairRows(pair) {
  return Object.entries(pair).flatMap(([kind, result]) => {
    if (result.works)
      return [[PAIR_NAMES[kind], `works; round trip ${milliseconds(result.trip)}, loss ${percent(result.loss)}`]];
    const why = result.reason === 'no address' ?
      'not tried: at least one of the devices has no such address' : `does not work: ${result.reason}`;
    return [[PAIR_NAMES[kind], why]];
  });
}

export function reportText({ session, results, network, intermediaries, rules, pair }) {
  const lines = [`Connectivity check of ${session.host}`, `Time: ${new Date().toISOString()}`,
    `Browser: ${navigator.userAgent}`, '', verdict(results), ''];
  for (const way of session.ways) {
    lines.push(`${wayTitle(way)}: ${outcome(results[way.id])}`);
    for (const [name, value] of figures(results[way.id])) lines.push(`  ${name}: ${value}`);
  }
  lines.push('');
  for (const [name, value] of networkRows(session, network, intermediaries)) lines.push(`${name}: ${value}`);
  for (const [name, value] of pair ? pairRows(pair) : []) lines.push(`${name}: ${value}`);
  lines.push('', adviceText(session, rules), ...ruleLines(session, rules));
  return lines.join('\n');
}
