// Drives Chromium through a list of calls: node chromium.mjs ORDER.json RESULTS.json
//
// ORDER names the browser, the credentials and the calls; RESULTS gets, for each call, null or what went wrong.

import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { call, judge, mint } from './calls.mjs';

const [orderFile, resultsFile] = process.argv.slice(2);
const order = JSON.parse(readFileSync(orderFile, 'utf8'));
const { chromium } = createRequire(`${order.packages}/`)('playwright-core');

const BYTES = 5 * 1000 * 1000;
const CALL_SECONDS = 40;
const MEDIA_SECONDS = 10;

const results = {};
function save(name, problem, details) {
  results[name] = problem;
  console.log(name, details);
  writeFileSync(resultsFile, JSON.stringify(results, null, 2));
}

// A command beside a call that is going on: when it prints what is wanted, null.
function runMeanwhile({ name, command: [program, ...rest], prints }) {
  return new Promise((resolve) => execFile(program, rest, { timeout: 20000 }, (error, stdout, stderr) => {
    save(name, !error && stdout === prints ? null : `it printed ${JSON.stringify(stdout)}; ${stderr}; ${error}`, stdout);
    resolve();
  }));
}

// A page from 127.0.0.1 is a secure context, which crypto.subtle and getUserMedia ask for. No proxy is used for it.
const site = createServer((_, response) => response.end('<!doctype html><title>relay</title>'));
await new Promise((resolve) => site.listen(order.sitePort ?? 0, '127.0.0.1', resolve));

// Playwright would send even the page through the proxy.
process.env.PLAYWRIGHT_DISABLE_FORCED_CHROMIUM_PROXIED_LOOPBACK = '1';
const browser = await chromium.launchPersistentContext(order.profile, {
  executablePath: order.chromium,
  headless: true,
  timeout: 60000,
  // Playwright would send even the loopback addresses through the proxy.
  // Sound that is not played is not measured.
  ignoreDefaultArgs: ['--mute-audio'],
  proxy: order.proxy && { ...order.proxy, bypass: '127.0.0.1' },
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
         '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--use-fake-device-for-media-stream',
         '--use-fake-ui-for-media-stream', '--autoplay-policy=no-user-gesture-required',
         // Behind the proxy only the proxy knows names.
         ...(order.proxy ? ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE 10.77.1.1'] : ['--no-proxy-server'])],
});
try {
  const page = await browser.newPage();
  if (order.visit) {
    // The browser's proxy credentials are those that a page was let in with.
    const visitor = await browser.newPage();
    const answer = await visitor.goto(order.visit, { timeout: 20000 }).catch((error) => error);
    console.log('visited', order.visit, answer.status?.() ?? String(answer));
    await visitor.close();
  }
  await page.goto(`http://127.0.0.1:${site.address().port}/`);
  const { username, credential } = order;
  for (const { name, kind, urls, seconds, fails, meanwhile } of order.calls) {
    const began = Date.now();
    const servers = urls.map((url) => ({ urls: url, username, credential }));
    const what = kind === 'media' ? { media: MEDIA_SECONDS } : { bytes: BYTES };
    const running = page.evaluate(call, { servers, ...what, seconds: seconds ?? CALL_SECONDS });
    if (meanwhile) {
      await new Promise((resolve) => setTimeout(resolve, 5000));
      await runMeanwhile(meanwhile);
    }
    const result = await running;
    const problem = fails ? (result.candidates?.length === 0 ? null : 'a relay candidate was found') : judge(result);
    save(name, problem, `${Date.now() - began} ms ${JSON.stringify(result)}`);
  }
  if (order.mint) {
    const { name, url, token } = order.mint;
    const minted = await page.evaluate(mint, { url, token });
    const servers = [minted.iceServers, minted.iceServers];
    const result = minted.iceServers ? await page.evaluate(call, { servers, bytes: BYTES, seconds: CALL_SECONDS }) : minted;
    save(name, minted.iceServers ? judge(result) : JSON.stringify(minted), JSON.stringify({ status: minted.status, result }));
  }
  if (order.wrongPassword) {
    const servers = [1, 2].map(() => ({ urls: order.wrongPassword, username, credential: 'wrong' }));
    const result = await page.evaluate(call, { servers, bytes: BYTES, seconds: 5 });
    const refused = result.problem && result.candidates.length === 0 && result.errors.some((error) => error.includes(': 401 '));
    save('a wrong password', refused ? null : `not refused with 401: ${JSON.stringify(result)}`, JSON.stringify(result));
  }
} finally {
  await browser.close();
  site.close();
}
