// SPDX-License-Identifier: Apache-2.0
// The page of the master: what the cluster has, who holds it, what runs where, and why resources went to whom. It reads the endpoints that
// dashboards use, every three seconds while it is visible, and of them only what the page shows. Sandboxes: files.js.
'use strict';

const POLL_MS = 3000, TASKS_SHOWN = 1000, DECISIONS_SHOWN = 500;
const state = { slaves: [], frameworks: [], tasks: [], roles: [], decisions: [], maintenance: null, metrics: {}, version: {}, error: null, since: null };
let polling = null, filter = '';
const address = () => location.hash.replace(/^#\/?/, '').split('?');
const parts = () => address()[0].split('/').map(p => { try { return decodeURIComponent(p); } catch (e) { return p; } });

const ASK = {
  metrics: async () => { state.metrics = await get('/metrics/snapshot'); }, version: async () => { state.version = await get('/version'); },
  slaves: async () => { state.slaves = (await get('/slaves')).slaves; }, frameworks: async () => { state.frameworks = (await get('/frameworks')).frameworks; },
  roles: async () => { state.roles = (await get('/roles')).roles; }, tasks: async () => { state.tasks = (await get(`/tasks?limit=${TASKS_SHOWN}&order=desc`)).tasks; },
  maintenance: async () => { const [schedule, status] = await Promise.all([get('/maintenance/schedule'), get('/maintenance/status')]); state.maintenance = { windows: schedule.windows || [], draining: status.draining_machines || [], down: status.down_machines || [] }; },
  decisions: async () => { state.decisions = (await get(`/stoa/v1/decisions?limit=${DECISIONS_SHOWN}`)).decisions; },
};

async function poll() {
  clearTimeout(polling);
  const now = current(), begun = Date.now();
  try {
    await Promise.all(['version', ...now.page.asks].map(a => ASK[a]()));
    Object.assign(state, { error: null, since: null });
    if (now.learn) await now.learn();
  } catch (e) {
    state.error = e.status === 401 ? 'Unauthorized: this master wants a name and a password.' : e.status === 403 ? 'You are not allowed to see this.' : `The master does not answer: ${e.message}.`;
    state.since = state.since || new Date();
  }
  render();
  if (!document.hidden) polling = setTimeout(poll, Math.max(POLL_MS, 4 * (Date.now() - begun)));
}
document.addEventListener('visibilitychange', () => { if (!document.hidden) poll(); });

const m = name => state.metrics['master/' + name] || 0;
const share = (name, show = amount) => h('div', { class: 'card' }, h('span', {}, name), h('b', {}, show(m(name + '_used'))), h('span', {}, `of ${show(m(name + '_total'))} allocated (${Math.round(100 * m(name + '_percent'))} %)`));
const count = (title, n, note) => h('div', { class: 'card' }, h('span', {}, title), h('b', {}, n), h('span', {}, note));

const hostOf = id => { const s = agentOf(id); return s ? s.hostname : id; };
const nameOf = id => { const f = state.frameworks.find(x => x.id === id); return f ? f.name : id; };
const newest = t => (t.statuses || []).reduce((n, s) => Math.max(n, s.timestamp || 0), 0);
const stateDot = s => h('i', { class: 'dot ' + (s === 'TASK_RUNNING' ? 'good' : /FAILED|LOST|ERROR|UNREACHABLE|GONE/.test(s) ? 'bad' : /STAGING|STARTING|KILLING/.test(s) ? 'wait' : 'idle') });
const used = (s, name, show = amount) => `${show(s.used_resources[name] || 0)} of ${show(s.resources[name] || 0)}`;
const agentState = s => s.drain_info ? `draining (${(s.drain_info.state || '').toLowerCase()})` : s.deactivated ? 'deactivated' : s.active ? 'active' : 'not connected';
const domain = s => { const d = (s.domain || {}).fault_domain; return d ? `${d.region.name}, ${d.zone.name}` : ''; };
const resourceText = r => Object.entries(r || {}).filter(([, v]) => v).map(([k, v]) => `${k} ${k === 'mem' || k === 'disk' ? mib(v) : typeof v === 'number' ? amount(v) : v}`).join(', ') || '–';
const agentLink = id => h('a', { href: link('agents', id) }, hostOf(id));
const frameworkLink = id => h('a', { href: link('frameworks', id) }, nameOf(id));

// What is typed into the filter has to be in the row's texts.
const filtered = (rows, texts) => filter ? rows.filter(r => texts(r).join(' ').toLowerCase().includes(filter.toLowerCase())) : rows;
const filterBar = title => h('div', { class: 'bar' }, h('h1', {}, title), h('div', { class: 'grow' }), h('input', { type: 'search', id: 'search', 'aria-label': 'Filter', placeholder: 'Filter (s)', value: filter, oninput: e => { filter = e.target.value; render(); } }));

const taskTable = (name, tasks, empty) => table(name, [
  ['Task', t => [stateDot(t.state), t.id, t.name && t.name !== t.id && h('div', { class: 'soft' }, t.name)], t => t.id], ['State', t => t.state.replace('TASK_', ''), t => t.state],
  ['Framework', t => frameworkLink(t.framework_id), t => nameOf(t.framework_id)], ['Agent', t => agentLink(t.slave_id), t => hostOf(t.slave_id)], ['Role', t => t.role, t => t.role],
  ['CPUs', t => amount(t.resources.cpus), t => t.resources.cpus, 'num'], ['Memory', t => mib(t.resources.mem || 0), t => t.resources.mem, 'num'], ['Since', t => stamp(newest(t)), newest], ['', t => agentOf(t.slave_id) && h('a', { href: taskSandbox(t) }, 'Sandbox'), null, 'end']], tasks, empty);

const roleTable = () => table('roles', [['Role', r => r.name, r => r.name], ['Weight', r => amount(r.weight), r => r.weight, 'num'], ['Frameworks', r => (r.frameworks || []).map((id, i) => [i > 0 && ', ', frameworkLink(id)]), r => (r.frameworks || []).length],
  ['Allocated', r => resourceText(r.allocated || r.resources), null], ['Offered', r => resourceText(r.offered), null], ['Reserved', r => resourceText(r.reserved), null], ['Guarantee', r => resourceText((r.quota || {}).guarantee), null], ['Limit', r => resourceText((r.quota || {}).limit), null]], state.roles, 'No roles in use.');

function frameworkPage(id) {
  const f = state.frameworks.find(x => x.id === id);
  if (!f) return h('div', { class: 'empty' }, `There is no framework ${id} (any more).`);
  return [h('div', { class: 'soft' }, h('a', { href: '#/frameworks' }, 'Frameworks'), ' › ', f.name), h('h1', {}, f.name),
    dl([['ID', f.id], ['State', f.active ? 'active' : f.connected ? 'deactivated' : 'disconnected'], ['Address', f.hostname], ['Web page', webLink(f, f.webui_url)], ['User', f.user], ['Principal', f.principal], ['Roles', (f.roles || [f.role]).join(', ')], ['Capabilities', (f.capabilities || []).join(', ')],
      ['Uses', resourceText(f.used_resources)], ['Offered', resourceText(f.offered_resources)], ['Failover timeout', f.failover_timeout && ago(f.failover_timeout)], ['Registered', stamp(f.registered_time)], ['Re-registered', f.reregistered_time && stamp(f.reregistered_time)]]),
    h('h2', {}, 'Tasks'), taskTable('ftasks', [...(f.tasks || []), ...(f.unreachable_tasks || [])], 'It runs no tasks.'), (f.completed_tasks || []).length > 0 && [h('h2', {}, 'Completed tasks'), taskTable('fdone', [...f.completed_tasks].reverse(), '')]];
}
const webLink = (f, text) => f.webui_url && /^https?:/.test(f.webui_url) ? h('a', { href: f.webui_url, target: '_blank', rel: 'noopener' }, text) : null;

// --- maintenance: one row for each machine of a window, and those that are down without one
const machineText = x => [x.hostname, x.ip].filter(Boolean).join(' @ ');
function machines() {
  const { windows, draining, down } = state.maintenance || { windows: [], draining: [], down: [] }, is = (list, x) => list.some(y => machineText(y.id || y) === machineText(x));
  const rows = windows.flatMap(w => w.machine_ids.map(x => ({ name: machineText(x), start: w.unavailability.start.nanoseconds / 1e9, seconds: ((w.unavailability.duration || {}).nanoseconds || 0) / 1e9, mode: is(down, x) ? 'down' : is(draining, x) ? 'draining' : 'up',
    answers: (draining.find(d => machineText(d.id) === machineText(x)) || {}).statuses || [] })));
  return [...rows, ...down.filter(x => !rows.some(r => r.name === machineText(x))).map(x => ({ name: machineText(x), mode: 'down', answers: [] }))];
}
const startText = r => !r.start ? '–' : r.start * 1000 > Date.now() ? h('time', { title: new Date(r.start * 1000).toISOString() }, 'in ' + ago(r.start - Date.now() / 1000)) : stamp(r.start);
const maintenanceTable = () => table('maintenance', [['Machine', r => [h('i', { class: 'dot ' + { up: 'good', draining: 'wait', down: 'bad' }[r.mode] }), r.name], r => r.name], ['Mode', r => r.mode, r => r.mode], ['Start', startText, r => r.start || 0],
  ['For', r => r.seconds ? ago(r.seconds) : 'no end given', r => r.seconds || 0], ['Agents', r => state.slaves.filter(s => s.hostname === r.name.split(' @ ')[0]).map(s => h('div', {}, agentLink(s.id))), null], ['Answers of frameworks', r => r.answers.map(a => h('div', {}, frameworkLink((a.framework_id || {}).value), ` ${(a.status || '').toLowerCase()}`)), null],
], machines(), 'No maintenance is planned. stoa maintenance schedule FILE plans some.');

const offers = () => state.frameworks.flatMap(f => f.offers || []);
const reasonClass = { GRANTED: 'good', ACCEPTED: 'good', DECLINED: 'idle', FILTERED: 'idle', RESCINDED: 'wait' };

const pages = {
  overview: { asks: ['metrics', 'roles', 'frameworks'], draw: () => [h('h1', {}, 'Cluster'), h('div', { class: 'cards' }, share('cpus'), share('mem', mib), share('disk', mib), share('gpus')),
    h('div', { class: 'cards' }, count('agents', m('slaves_active'), `${m('slaves_inactive')} inactive, ${m('slaves_unreachable')} unreachable`), count('frameworks', m('frameworks_active'), `${m('frameworks_disconnected')} disconnected`),
      count('tasks running', m('tasks_running'), `${m('tasks_staging') + m('tasks_starting')} starting, ${m('tasks_failed')} failed so far`), count('offers out', m('outstanding_offers'), ''), count('this master', m('elected') ? 'leads' : 'stands by', `up for ${ago(m('uptime_secs'))}`)), h('h2', {}, 'Roles'), roleTable()] },
  agents: { asks: ['slaves'], draw: () => [filterBar('Agents'), table('agents', [
    ['Agent', s => [h('i', { class: 'dot ' + (s.drain_info || s.deactivated ? 'wait' : s.active ? 'good' : 'bad') }), agentLink(s.id), h('div', { class: 'soft' }, s.id)], s => s.hostname + s.id], ['State', agentState, agentState], ['CPUs', s => used(s, 'cpus'), s => s.used_resources.cpus, 'num'], ['Memory', s => used(s, 'mem', mib), s => s.used_resources.mem, 'num'],
    ['Disk', s => used(s, 'disk', mib), s => s.used_resources.disk, 'num'], ['Attributes', s => Object.entries(s.attributes || {}).map(([k, v]) => h('span', { class: 'chip' }, `${k}: ${v}`)), null], ['Registered', s => stamp(s.registered_time), s => s.registered_time], ['Version', s => s.version, s => s.version],
  ], filtered(state.slaves, s => [s.hostname, s.id, JSON.stringify(s.attributes)]), filter ? 'Nothing matches.' : 'No agents have registered.')] },
  frameworks: { asks: ['frameworks', 'slaves'], draw: () => [filterBar('Frameworks'), table('frameworks', [
    ['Framework', f => [h('i', { class: 'dot ' + (f.active ? 'good' : 'bad') }), frameworkLink(f.id), h('div', { class: 'soft' }, f.id)], f => f.name], ['Web page', f => webLink(f, 'open'), null], ['Roles', f => (f.roles || [f.role]).join(', '), f => String(f.roles || f.role)], ['Tasks', f => (f.tasks || []).length, f => (f.tasks || []).length, 'num'],
    ['CPUs', f => amount((f.used_resources || {}).cpus), f => (f.used_resources || {}).cpus, 'num'], ['Memory', f => mib((f.used_resources || {}).mem || 0), f => (f.used_resources || {}).mem, 'num'], ['Registered', f => stamp(f.registered_time), f => f.registered_time]], filtered(state.frameworks, f => [f.name, f.id]), filter ? 'Nothing matches.' : 'No framework has subscribed.')] },
  roles: { asks: ['roles', 'frameworks'], draw: () => [h('h1', {}, 'Roles'), roleTable()] },
  offers: { asks: ['frameworks', 'slaves'], draw: () => [h('h1', {}, 'Offers'), table('offers', [['Offer', o => o.id, o => o.id], ['To', o => frameworkLink(o.framework_id), o => nameOf(o.framework_id)], ['Role', o => (o.allocation_info || {}).role, null], ['Agent', o => agentLink(o.slave_id), o => hostOf(o.slave_id)], ['Resources', o => resourceText(o.resources), null]], offers(), 'No offer is out: frameworks have answered all, or want none.')] },
  maintenance: { asks: ['maintenance', 'slaves', 'frameworks'], draw: () => [h('h1', {}, 'Maintenance'), maintenanceTable()] },
  tasks: { asks: ['tasks', 'frameworks', 'slaves'], draw: () => [filterBar('Tasks'), state.tasks.length >= TASKS_SHOWN && h('p', { class: 'soft' }, `The newest ${TASKS_SHOWN} are shown.`), taskTable('tasks', filtered(state.tasks, t => [t.id, t.name, t.state, hostOf(t.slave_id), nameOf(t.framework_id)]), filter ? 'Nothing matches.' : 'No tasks.')] },
  decisions: { asks: ['decisions', 'frameworks', 'slaves'], draw: () => [filterBar('Decisions'), h('p', { class: 'soft' }, `Why resources went to whom, or did not: the last ${DECISIONS_SHOWN}, newest first.`), table('decisions', [
    ['When', d => stamp(d.time), d => -d.number], ['What', d => [h('i', { class: 'dot ' + (reasonClass[d.reason] || 'wait') }), d.text], d => d.reason], ['Framework', d => d.framework_id && frameworkLink(d.framework_id), d => nameOf(d.framework_id)], ['Role', d => d.role, d => d.role || ''], ['Agent', d => d.agent_id && agentLink(d.agent_id), d => hostOf(d.agent_id)],
    ['Resources', d => resourceText({ cpus: d.cpus, mem: d.mem }), null], ['Until', d => d.until && (d.until * 1000 > Date.now() ? 'in ' + ago(d.until - Date.now() / 1000) : 'over'), null]], filtered(state.decisions, d => [d.text, d.role, hostOf(d.agent_id), nameOf(d.framework_id)]), filter ? 'Nothing matches.' : 'Nothing has been decided yet.')] },
};

// The page of the fragment. Links of Mesos' and Marathon's pages are understood: #/agents/A/frameworks/F/executors/E, and slaves for agents.
function current() {
  const [name, id, what, arg, , executor] = parts(), page = pages[name === 'slaves' ? 'agents' : name] || pages.overview, s = id && agentOf(id);
  const of = (draw, learn) => ({ page, name, draw, learn });
  if (page === pages.frameworks && id) return of(() => frameworkPage(id));
  if (page !== pages.agents || !id) return of(page.draw);
  if (!s) return of(() => h('div', { class: 'empty' }, state.slaves.length ? `There is no agent ${id} (any more).` : 'Loading …'), () => { if (agentOf(id)) return poll(); });
  if (what === 'read') return of(() => filePage(s, arg), () => learnFile(s, arg));
  const file = new URLSearchParams(address()[1] || '').get('file'), whole = file && executor ? `${sandboxPath(arg, executor)}/${file}` : null;
  if (whole) return of(() => filePage(s, whole), () => learnFile(s, whole));
  const path = what === 'browse' ? arg : what === 'frameworks' && executor ? sandboxPath(arg, executor) : null;
  return path ? of(() => folderPage(s, path), () => learnFolder(s, path)) : of(() => agentPage(s), () => learnAgent(s));
}

function render() {
  const now = current();
  draw('nav', Object.keys(pages).map(p => h('a', { href: '#/' + p, class: pages[p] === now.page ? 'on' : '', 'aria-current': pages[p] === now.page ? 'page' : null }, p[0].toUpperCase() + p.slice(1))));
  draw('who', state.version.version ? `version ${state.version.version}` : '');
  draw('main', h('div', {}, state.error && h('div', { class: 'banner', role: 'alert' }, `${state.error} What is shown is of ${state.since.toLocaleTimeString()}. Trying again …`)), h('div', {}, now.draw()));
  afterDraw();
}
document.addEventListener('keydown', e => {
  const s = document.getElementById('search');
  if (e.key === 's' && s && !/INPUT|TEXTAREA|SELECT/.test(e.target.tagName) && !e.ctrlKey && !e.metaKey) { e.preventDefault(); s.focus(); }
});
window.addEventListener('hashchange', () => { filter = ''; render(); poll(); });
render();
poll();
