// SPDX-License-Identifier: Apache-2.0
// The page of the master: what the cluster has, who holds it, what runs where. It reads the unversioned endpoints
// that dashboards use, every three seconds while it is visible.
'use strict';

const POLL_MS = 3000, TASKS_SHOWN = 1000;
let state = { slaves: [], frameworks: [], tasks: [], roles: [], metrics: {}, version: {}, error: null }, polling = null;
const page = () => location.hash.replace(/^#\/?/, '') || 'overview';

async function poll() {
  clearTimeout(polling);
  try {
    const [slaves, frameworks, tasks, roles, metrics, version] = await Promise.all([get('/slaves'), get('/frameworks'),
      get(`/tasks?limit=${TASKS_SHOWN}&order=desc`), get('/roles'), get('/metrics/snapshot'), get('/version')]);
    state = { slaves: slaves.slaves, frameworks: frameworks.frameworks, tasks: tasks.tasks, roles: roles.roles, metrics, version, error: null };
  } catch (e) { state.error = e.message; }
  render();
  polling = setTimeout(poll, POLL_MS);
}

const m = name => state.metrics['master/' + name] || 0;
const share = (name, unit) => h('div', { class: 'card' }, h('span', {}, name),
  h('b', {}, unit === 'MiB' ? `${mib(m(name + '_used'))}` : amount(m(name + '_used'))), h('span', {}, `of ${unit === 'MiB' ? mib(m(name + '_total')) : amount(m(name + '_total'))} allocated (${Math.round(100 * m(name + '_percent'))} %)`));
const count = (title, n, note) => h('div', { class: 'card' }, h('span', {}, title), h('b', {}, n), h('span', {}, note));

const hostOf = id => { const s = state.slaves.find(x => x.id === id); return s ? s.hostname : id; };
const nameOf = id => { const f = state.frameworks.find(x => x.id === id); return f ? f.name : id; };
const newest = t => (t.statuses || []).reduce((n, s) => Math.max(n, s.timestamp || 0), 0);
const stateDot = s => h('i', { class: 'dot ' + (s === 'TASK_RUNNING' ? 'good' : /FAILED|LOST|ERROR|UNREACHABLE|GONE/.test(s) ? 'bad' : /STAGING|STARTING|KILLING/.test(s) ? 'wait' : 'idle') });

const pages = {
  overview: () => [h('h1', {}, 'Cluster'), h('div', { class: 'cards' }, share('cpus'), share('mem', 'MiB'), share('disk', 'MiB'), share('gpus')),
    h('div', { class: 'cards' }, count('agents', m('slaves_active'), `${m('slaves_inactive')} inactive, ${m('slaves_unreachable')} unreachable`),
      count('frameworks', m('frameworks_active'), `${m('frameworks_disconnected')} disconnected`),
      count('tasks running', m('tasks_running'), `${m('tasks_staging') + m('tasks_starting')} starting, ${m('tasks_failed')} failed so far`),
      count('offers out', m('outstanding_offers'), '')), h('h2', {}, 'Roles'),
    table('roles', [['Role', r => r.name, r => r.name], ['Weight', r => amount(r.weight), r => r.weight, 'num'], ['Frameworks', r => (r.frameworks || []).length, r => (r.frameworks || []).length, 'num'],
      ['CPUs', r => amount(r.resources && r.resources.cpus), r => r.resources && r.resources.cpus, 'num'], ['Memory', r => mib(r.resources && r.resources.mem || 0), r => r.resources && r.resources.mem, 'num']], state.roles, 'No roles in use.')],
  agents: () => [h('h1', {}, 'Agents'), table('agents', [
    ['Agent', s => [h('i', { class: 'dot ' + (s.active ? 'good' : 'bad') }), h('a', { href: `${location.protocol}//${s.pid.split('@')[1]}/state`, target: '_blank', rel: 'noopener' }, s.hostname), h('div', { class: 'soft' }, s.id)], s => s.hostname],
    ['CPUs', s => `${amount(s.used_resources.cpus)} of ${amount(s.resources.cpus)}`, s => s.used_resources.cpus, 'num'],
    ['Memory', s => `${mib(s.used_resources.mem)} of ${mib(s.resources.mem)}`, s => s.used_resources.mem, 'num'],
    ['Disk', s => `${mib(s.used_resources.disk)} of ${mib(s.resources.disk)}`, s => s.used_resources.disk, 'num'],
    ['Attributes', s => Object.entries(s.attributes || {}).map(([k, v]) => h('span', { class: 'chip' }, `${k}: ${v}`)), null],
    ['Registered', s => stamp(s.registered_time), s => s.registered_time], ['Version', s => s.version, s => s.version]], state.slaves, 'No agents have registered.')],
  frameworks: () => [h('h1', {}, 'Frameworks'), table('frameworks', [
    ['Framework', f => [h('i', { class: 'dot ' + (f.active ? 'good' : 'bad') }), f.webui_url && /^https?:/.test(f.webui_url) ? h('a', { href: f.webui_url, target: '_blank', rel: 'noopener' }, f.name) : f.name, h('div', { class: 'soft' }, f.id)], f => f.name],
    ['Roles', f => (f.roles || [f.role]).join(', '), f => String(f.roles || f.role)], ['Tasks', f => (f.tasks || []).length, f => (f.tasks || []).length, 'num'],
    ['CPUs', f => amount((f.used_resources || {}).cpus), f => (f.used_resources || {}).cpus, 'num'], ['Memory', f => mib((f.used_resources || {}).mem || 0), f => (f.used_resources || {}).mem, 'num'],
    ['Registered', f => stamp(f.registered_time), f => f.registered_time]], state.frameworks, 'No framework has subscribed.')],
  tasks: () => [h('h1', {}, 'Tasks'), state.tasks.length >= TASKS_SHOWN && h('p', { class: 'soft' }, `The newest ${TASKS_SHOWN} are shown.`), table('tasks', [
    ['Task', t => [stateDot(t.state), t.id, t.name && t.name !== t.id && h('div', { class: 'soft' }, t.name)], t => t.id], ['State', t => t.state.replace('TASK_', ''), t => t.state],
    ['Framework', t => nameOf(t.framework_id), t => nameOf(t.framework_id)], ['Agent', t => hostOf(t.slave_id), t => hostOf(t.slave_id)],
    ['CPUs', t => amount(t.resources.cpus), t => t.resources.cpus, 'num'], ['Memory', t => mib(t.resources.mem), t => t.resources.mem, 'num'], ['Since', t => stamp(newest(t)), newest]], state.tasks, 'No tasks.')],
};

function render() {
  const now = pages[page()] ? page() : 'overview';
  document.getElementById('nav').replaceChildren(...Object.keys(pages).map(p => h('a', { href: '#/' + p, class: p === now ? 'on' : '' }, p[0].toUpperCase() + p.slice(1))));
  document.getElementById('who').textContent = state.version.version ? `version ${state.version.version}` : '';
  document.getElementById('main').replaceChildren(...[state.error && h('div', { class: 'banner' }, `The master does not answer: ${state.error}. Trying again …`), pages[now]()].flat(3).filter(Boolean));
}
window.addEventListener('hashchange', render);
poll();
