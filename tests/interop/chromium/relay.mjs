// Drives Chromium through a list of calls: node relay.mjs ORDER.json RESULTS.json
//
// ORDER names the browser, the credentials and the calls; RESULTS gets, for each call, null or what went wrong.

import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [orderFile, resultsFile] = process.argv.slice(2);
const order = JSON.parse(readFileSync(orderFile, 'utf8'));
const { chromium } = createRequire(`${order.playwright}/`)('playwright-core');

const BYTES = 5 * 1000 * 1000;
const CALL_SECONDS = 40;

// Runs in the page: sends `bytes` random bytes from one connection to the other and tells what it saw.
async function call({ servers, bytes, seconds }) {
  const [one, other] = servers.map(
      (server) => new RTCPeerConnection({ iceServers: [server], iceTransportPolicy: 'relay' }));
  const errors = [];
  const candidates = [];
  for (const [from, to] of [[one, other], [other, one]]) {
    from.onicecandidate = ({ candidate }) => {
      if (!candidate) return;
      candidates.push(candidate.candidate);
      to.addIceCandidate(candidate).catch((error) => errors.push(String(error)));
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
    const transport = [...stats.values()].find((entry) => entry.type === 'transport');
    const pair = stats.get(transport.selectedCandidatePairId);
    return [stats.get(pair.localCandidateId).candidateType, stats.get(pair.remoteCandidateId).candidateType];
  };

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
    await one.setLocalDescription();
    await other.setRemoteDescription(one.localDescription);
    await other.setLocalDescription();
    await one.setRemoteDescription(other.localDescription);
    await new Promise((resolve, reject) => {
      sending.onopen = resolve;
      one.onconnectionstatechange = () => one.connectionState === 'failed' && reject(new Error('the connection failed'));
    });

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

  try {
    return await Promise.race([transfer(), deadline]);
  } catch (error) {
    return { problem: `${error.message}; ${context()}`, candidates, errors };
  } finally {
    one.close();
    other.close();
  }
}

function judge(result) {
  if (result.problem) return result.problem;
  if (result.sent !== result.received) return `the checksums differ: ${result.sent} and ${result.received}`;
  const types = result.pairs.flat();
  return types.every((type) => type === 'relay') ? null : `the selected candidates are ${types.join(', ')}`;
}

// A page from localhost is a secure context, which crypto.subtle asks for.
const site = createServer((_, response) => response.end('<!doctype html><title>relay</title>'));
await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));

const browser = await chromium.launchPersistentContext(order.profile, {
  executablePath: order.chromium,
  headless: true,
  timeout: 60000,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
         '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--no-proxy-server'],
});
const results = {};
const save = () => writeFileSync(resultsFile, JSON.stringify(results, null, 2));
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${site.address().port}/`);
  const { username, credential } = order;
  for (const { name, urls } of order.calls) {
    const began = Date.now();
    const servers = urls.map((url) => ({ urls: url, username, credential }));
    const result = await page.evaluate(call, { servers, bytes: BYTES, seconds: CALL_SECONDS });
    results[name] = judge(result);
    console.log(name, `${Date.now() - began} ms`, JSON.stringify(result));
    save();
  }
  const url = order.calls[0].urls[0];
  const servers = [url, url].map((url) => ({ urls: url, username, credential: 'wrong' }));
  const result = await page.evaluate(call, { servers, bytes: BYTES, seconds: 5 });
  const refused = result.problem && result.candidates.length === 0 && result.errors.some((error) => error.includes(': 401 '));
  results['a wrong password'] = refused ? null : `not refused with 401: ${JSON.stringify(result)}`;
  console.log('a wrong password', JSON.stringify(result));
  save();
} finally {
  await browser.close();
  site.close();
}
