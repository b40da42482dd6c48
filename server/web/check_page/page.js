// The page itself: what is pressed, and what is shown.

import { examineNetwork } from '/check/network.js';
import { host, join, openRoom } from '/check/pair.js';
import { measureRelay } from '/check/relays.js';
import * as words from '/check/report.js';

const element = (id) => document.getElementById(id);
const invitedTo = new URLSearchParams(location.hash.slice(1)).get('join');
const findings = {};

function show(id, text) {
  element(id).textContent = text;
}

function fillList(list, rows) {
  list.replaceChildren(...rows.flatMap(([name, value]) => {
    const term = document.createElement('dt');
    const description = document.createElement('dd');
    term.textContent = name;
    description.textContent = value;
    return [term, description];
  }));
}

function showWay(way, result) {
  const card = document.createElement('article');
  card.className = 'way';
  card.dataset.way = way.id;
  card.dataset.result = result.works ? 'works' : result.isOffered === false ? 'absent' : 'fails';
  const title = document.createElement('h3');
  title.textContent = words.wayTitle(way);
  const outcome = document.createElement('p');
  outcome.className = 'outcome';
  outcome.textContent = words.outcome(result);
  const note = document.createElement('p');
  note.textContent = words.wayNote(way);
  const figures = document.createElement('dl');
  fillList(figures, words.figures(result));
  card.append(title, outcome, note, figures);
  element('ways').append(card);
}

async function openSession() {
  const response = await fetch('/check/session', { method: 'POST', cache: 'no-store' });
  if (!response.ok) throw new Error(response.status === 429 ? 'too many checks at once from here' :
      `the server answers ${response.status}`);
  return response.json();
}

async function checkWay(way) {
  if (!way.url) return { works: false, isOffered: false };
  show('progress', `Trying: ${words.wayTitle(way)} …`);
  return measureRelay(way.url, findings.session);
}

function showAdvice() {
  const { session, results } = findings;
  findings.rules = words.missingRules(session, results);
  show('advice-text', words.adviceText(session, findings.rules));
  show('rules', words.ruleLines(session, findings.rules.length ? findings.rules : session.rules).join('\n'));
  element('advice').hidden = false;
}

function showReport() {
  show('report', words.reportText(findings));
  element('support').hidden = false;
}

async function check() {
  element('start').disabled = true;
  show('progress', 'Asking the server …');
  try {
    findings.session = await openSession();
    element('results').hidden = false;
    findings.results = {};
    element('ways').replaceChildren();
    for (const way of findings.session.ways) {
      findings.results[way.id] = await checkWay(way);
      showWay(way, findings.results[way.id]);
    }
    show('progress', 'Looking at the addresses …');
    findings.network = await examineNetwork(findings.session.stun);
    findings.intermediaries = words.describeIntermediaries(findings.session, findings.results);
    element('network').dataset.mapping = findings.network.mapping;
    element('network').dataset.inspected = words.isInspected(findings.session);
    fillList(element('network'), words.networkRows(findings.session, findings.network, findings.intermediaries));
    show('verdict', words.verdict(findings.results));
    showAdvice();
    element('pairing').hidden = false;
    showReport();
    show('progress', 'Done.');
    document.documentElement.dataset.state = 'done';
  } catch (error) {
    show('progress', `The check could not be done: ${error.message}.`);
    document.documentElement.dataset.state = 'failed';
  }
  show('start', 'Check again');
  element('start').disabled = false;
}

// Dark modules as one path of unit squares, with the quiet zone that readers want.
function drawQr(rows) {
  const quiet = 4;
  const size = rows.length + 2 * quiet;
  const namespace = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(namespace, 'svg');
  svg.setAttribute('viewBox', `0 0 ${size} ${size}`);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', 'QR code of the link');
  svg.setAttribute('shape-rendering', 'crispEdges');
  const path = document.createElementNS(namespace, 'path');
  path.setAttribute('fill', '#000000');
  path.setAttribute('d', rows.flatMap((row, y) => [...row].map((module, x) =>
    module === '1' ? `M${x + quiet} ${y + quiet}h1v1h-1z` : '')).join(''));
  svg.append(path);
  element('qr').replaceChildren(svg);
}

async function pairUp(run) {
  document.documentElement.dataset.pairing = 'busy';
  try {
    findings.pair = await run((text) => show('pairing-progress', text));
    fillList(element('pairing-results'), words.pairRows(findings.pair));
    for (const [kind, { works }] of Object.entries(findings.pair))
      element('pairing-results').dataset[kind] = works ? 'works' : 'fails';
    show('pairing-progress', 'Done.');
    if (findings.results) showReport();
    document.documentElement.dataset.pairing = 'done';
  } catch (error) {
    show('pairing-progress', `That did not work: ${error.message}.`);
    document.documentElement.dataset.pairing = 'failed';
  }
}

async function invite() {
  element('invite').disabled = true;
  await pairUp(async (tell) => {
    const room = await openRoom();
    element('link').textContent = room.link;
    element('link').href = room.link;
    if (room.qr) drawQr(room.qr);
    element('invitation').hidden = false;
    return host(room, findings.session.stun, tell);
  });
  element('invitation').hidden = true;
  element('invite').disabled = false;
}

async function accept() {
  element('start').disabled = true;
  element('pairing').hidden = false;
  element('invite').hidden = true;
  show('pairing-text', 'This device was invited by another one.');
  await pairUp(async (tell) => {
    const { stun } = await openSession();
    return join(invitedTo, stun, tell);
  });
}

async function copy(text, source) {
  try {
    await navigator.clipboard.writeText(text);
    show('copied', 'Copied.');
  } catch {
    // Not permitted here: then it is selected, for the keyboard.
    getSelection().selectAllChildren(source);
    show('copied', 'Selected; copy it with Ctrl+C.');
  }
}

show('server', location.host);
if (invitedTo) show('start', 'Connect to the other device');
element('start').addEventListener('click', () => (invitedTo ? accept() : check()));
element('invite').addEventListener('click', invite);
element('copy-link').addEventListener('click', () => copy(element('link').textContent, element('link')));
element('copy-report').addEventListener('click', () => copy(element('report').textContent, element('report')));
