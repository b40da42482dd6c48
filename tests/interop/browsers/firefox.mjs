// Drives Firefox through a list of calls, by WebDriver BiDi over npm's ws: node firefox.mjs ORDER.json RESULTS.json
//
// ORDER names the browser, its profile, the credentials and the calls; RESULTS gets, for each call, null or what went
// wrong, and under "driver" why no call could be tried.

import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { call, judge } from './calls.mjs';

const [orderFile, resultsFile] = process.argv.slice(2);
const order = JSON.parse(readFileSync(orderFile, 'utf8'));
const WebSocket = createRequire(`${order.packages}/`)('ws');

const BYTES = 2 * 1000 * 1000;
const CALL_SECONDS = 40;
const START_SECONDS = 60;

const results = {};
function save(name, problem, details) {
  results[name] = problem;
  console.log(name, details ?? problem);
  writeFileSync(resultsFile, JSON.stringify(results, null, 2));
}

function within(seconds, promise, what) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`${what}: it took too long`)), seconds * 1000); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// The address that Firefox prints once it listens.
function listening(browser) {
  return new Promise((resolve, reject) => {
    let text = '';
    browser.stderr.on('data', (data) => {
      text += data;
      const found = /WebDriver BiDi listening on (ws:\/\/\S+)/.exec(text);
      if (found) resolve(found[1]);
    });
    browser.on('exit', (code) => reject(new Error(`Firefox ended with exit code ${code}: ${text.slice(-300)}`)));
    browser.on('error', reject);
  });
}

class Session {
  constructor(socket) {
    this.socket = socket;
    this.waiting = new Map();
    this.next = 1;
    socket.on('message', (data) => {
      const answer = JSON.parse(data);
      const waiter = this.waiting.get(answer.id);
      if (!waiter) return;  // an event
      this.waiting.delete(answer.id);
      if (answer.type === 'success') waiter.resolve(answer.result);
      else waiter.reject(new Error(`${answer.error}: ${answer.message}`));
    });
  }

  command(method, params, seconds = 30) {
    const id = this.next++;
    const answer = new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    this.socket.send(JSON.stringify({ id, method, params }));
    return within(seconds, answer, method);
  }
}

const site = createServer((_, response) => response.end('<!doctype html><title>relay</title>'));
await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));
const browser = spawn(order.firefox, ['--headless', '--no-remote', '--profile', order.profile, '--remote-debugging-port', '0', 'about:blank'],
                      { stdio: ['ignore', 'ignore', 'pipe'] });
browser.stderr.pipe(createWriteStream(`${order.profile}.log`));
try {
  let session;
  let context;
  try {
    const address = await within(START_SECONDS, listening(browser), 'the start of Firefox');
    const socket = new WebSocket(`${address}/session`);
    await within(10, new Promise((resolve, reject) => { socket.on('open', resolve); socket.on('error', reject); }), 'the connection');
    session = new Session(socket);
    await session.command('session.new', { capabilities: {} });
    context = (await session.command('browsingContext.getTree', {})).contexts[0].context;
    await session.command('browsingContext.navigate', { context, url: `http://127.0.0.1:${site.address().port}/`, wait: 'complete' });
  } catch (error) {
    save('driver', error.message);
    throw error;
  }
  const { username, credential } = order;
  for (const { name, urls } of order.calls) {
    const began = Date.now();
    const servers = urls.map((url) => ({ urls: url, username, credential }));
    const order = JSON.stringify({ servers, bytes: BYTES, seconds: CALL_SECONDS });
    try {
      const answer = await session.command('script.callFunction', {
        functionDeclaration: `async () => JSON.stringify(await (${call.toString()})(${order}))`, awaitPromise: true, target: { context },
      }, CALL_SECONDS + 20);
      if (answer.type !== 'success') throw new Error(JSON.stringify(answer.exceptionDetails));
      const result = JSON.parse(answer.result.value);
      save(name, judge(result), `${Date.now() - began} ms ${JSON.stringify(result)}`);
    } catch (error) {
      save(name, error.message);
    }
  }
} finally {
  browser.kill('SIGTERM');
  await within(10, new Promise((resolve) => (browser.exitCode === null ? browser.on('exit', resolve) : resolve())), 'the end')
      .catch(() => browser.kill('SIGKILL'));
  site.close();
  process.exit(0);
}
