// Drives Chromium through the connectivity page, by the keyboard alone: node check_page.mjs ORDER.json RESULTS.json
//
// ORDER names the browser, the page and whether a second browser joins; RESULTS gets what the page showed.

import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';

const [orderFile, resultsFile] = process.argv.slice(2);
const order = JSON.parse(readFileSync(orderFile, 'utf8'));
const { chromium } = createRequire(`${order.packages}/`)('playwright-core');

const CHECK_MS = 150000;
const PAIR_MS = 90000;
const PHONE = { width: 340, height: 680 };

async function launch(profile, executablePath) {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    timeout: 60000,
    viewport: PHONE,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
           '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--no-proxy-server',
           // Two browsers on a cable have no multicast name service to find each other by.
           '--disable-features=WebRtcHideLocalIpsWithMdns',
           ...(order.resolve ? [`--host-resolver-rules=MAP * ${order.resolve}`] : [])],
  });
  return context;
}

async function open(context, url, violations) {
  const page = await context.newPage();
  page.on('console', (message) => {
    console.log(message.type(), message.text());
    if (/Content Security Policy|TrustedHTML|Trusted Type/.test(message.text())) violations.push(message.text());
  });
  page.on('pageerror', (error) => violations.push(String(error)));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => console.error('Content Security Policy', event.violatedDirective));
  });
  const response = await page.goto(url, { timeout: 30000 });
  return { page, headers: response.headers() };
}

// Goes there as somebody without a mouse does, and presses it.
async function press(page, id) {
  for (let tries = 0; tries < 40; tries += 1) {
    if (await page.evaluate(() => document.activeElement?.id) === id) return page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
  }
  throw new Error(`the keyboard does not reach #${id}`);
}

const settled = (page, name, milliseconds) => page.waitForFunction(
    (key) => ['done', 'failed'].includes(document.documentElement.dataset[key]), name, { timeout: milliseconds });

const shown = (page) => page.evaluate(() => ({
  state: document.documentElement.dataset.state,
  progress: document.getElementById('progress').textContent,
  ways: Object.fromEntries([...document.querySelectorAll('.way')].map((card) => [card.dataset.way, card.dataset.result])),
  figures: Object.fromEntries([...document.querySelectorAll('.way')].map((card) =>
    [card.dataset.way, [...card.querySelectorAll('dd')].map((figure) => figure.textContent)])),
  verdict: document.getElementById('verdict').textContent,
  network: { ...document.getElementById('network').dataset, text: document.getElementById('network').textContent },
  rules: document.getElementById('rules').textContent,
  advice: document.getElementById('advice-text').textContent,
  report: document.getElementById('report').textContent,
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
}));

const paired = (page) => page.evaluate(() => ({
  state: document.documentElement.dataset.pairing,
  progress: document.getElementById('pairing-progress').textContent,
  text: document.getElementById('pairing-results').textContent,
  ...document.getElementById('pairing-results').dataset,
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
}));

const results = { violations: [] };
const first = await launch(order.profile, order.chromium);
let second;
try {
  const { page, headers } = await open(first, order.url, results.violations);
  results.headers = headers;
  await press(page, 'start');
  await settled(page, 'state', CHECK_MS);
  results.page = await shown(page);
  await press(page, 'copy-report');
  await page.waitForFunction(() => document.getElementById('copied').textContent !== '', null, { timeout: 5000 });
  if (order.second) {
    await press(page, 'invite');
    await page.waitForFunction(() => document.querySelector('#qr path') !== null, null, { timeout: 20000 });
    results.link = await page.evaluate(() => document.getElementById('link').href);
    results.invitationOverflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    second = await launch(order.second, order.secondChromium || order.chromium);
    const { page: guest } = await open(second, results.link, results.violations);
    await press(guest, 'start');
    await Promise.all([settled(page, 'pairing', PAIR_MS), settled(guest, 'pairing', PAIR_MS)]);
    results.host = await paired(page);
    results.guest = await paired(guest);
  }
} catch (error) {
  results.problem = String(error);
} finally {
  console.log(JSON.stringify(results, null, 2));
  writeFileSync(resultsFile, JSON.stringify(results, null, 2));
  await second?.close();
  await first.close();
}
