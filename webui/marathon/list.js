// SPDX-License-Identifier: Apache-2.0
// Applications, pods and groups: what they are doing, in a list that is filtered, searched and sorted.
'use strict';

// The queue by id, made once for each answer.
let queueOf = null, queueIndex = new Map();
function queued(id) {
  if (queueOf !== state.queue) { queueOf = state.queue; queueIndex = new Map(queueOf.map(q => [(q.app || q.pod).id, q])); }
  return queueIndex.get(id);
}
function statusOf(app) {
  const q = queued(app.id);
  if (q && q.delay && q.delay.overdue === true) return ['Waiting', 'wait'];
  if (q && q.delay && q.delay.overdue === false) return ['Delayed', 'bad'];
  if ((app.deployments || []).length) return ['Deploying', 'wait'];
  if (app.instances === 0 && app.tasksRunning === 0) return ['Suspended', 'idle'];
  return app.tasksRunning > 0 ? ['Running', 'good'] : ['–', 'idle'];
}
const dot = (cls, text) => h('span', { class: 'status' }, h('i', { class: 'dot ' + cls }), text);
const status = app => { const [text, cls] = statusOf(app); return dot(cls, text); };

function segments(app) {
  const { tasksHealthy: ok = 0, tasksUnhealthy: bad = 0, tasksRunning: run = 0, tasksStaged: staged = 0, instances = 0 } = app;
  const unknown = Math.max(0, run - ok - bad), all = ok + bad + unknown + staged;
  return [[ok, 'good', 'healthy'], [bad, 'bad', 'unhealthy'], [unknown, 'idle', 'unknown'], [staged, 'wait', 'staged'],
    [Math.max(0, all - instances), 'over', 'over capacity'], [Math.max(0, instances - all), 'none', 'unscheduled']];
}
const healthText = app => segments(app).filter(([n]) => n).map(([n, , name]) => `${n} ${name}`).join(', ');
function healthBar(app) {
  const parts = segments(app), whole = Math.max(1, parts.reduce((n, [x], i) => n + (i === 4 ? 0 : x), 0));
  const text = healthText(app) || 'no instances';
  return h('div', { class: 'health', title: text, role: 'img', 'aria-label': text }, parts.filter(([n], i) => n && i !== 4).map(([n, cls]) => h('span', { class: 'seg ' + cls, style: `width:${100 * n / whole}%` })));
}

const labels = app => Object.entries(app.labels || {}).map(([k, v]) => [' ', h('span', { class: 'chip', title: v ? `${k}: ${v}` : k }, v ? `${k}: ${v}` : k)]);
const withVolumes = app => ((app.container || {}).volumes || []).some(v => v.persistent || v.external);

const FILTERS = [
  ['Status', 'filterStatus', ['Running', 'Deploying', 'Suspended', 'Delayed', 'Waiting'], (a, v) => statusOf(a)[0] === v],
  ['Health', 'filterHealth', ['Healthy', 'Unhealthy', 'Unknown'], (a, v) => segments(a)[['Healthy', 'Unhealthy', 'Unknown'].indexOf(v)][0] > 0],
  ['Resources', 'filterVolumes', ['Volumes'], a => withVolumes(a)],
];
// As this page writes it, with commas, or as Marathon's did: once for each, in small letters.
const chosen = (query, key) => query.getAll(key).flatMap(t => t.split(',')).filter(Boolean).map(t => t[0].toUpperCase() + t.slice(1));
const labelTexts = app => Object.entries(app.labels || {}).map(([k, v]) => `${k}:${v}`);

function admitted(app, query) {
  const text = (query.get('filterText') || '').toLowerCase(), wanted = query.getAll('filterLabels').filter(Boolean);
  return (!text || app.id.includes(text)) && (!wanted.length || labelTexts(app).some(l => wanted.includes(l))) &&
    FILTERS.every(([, key, , test]) => { const c = chosen(query, key); return !c.length || c.some(v => test(app, v)); });
}
const isFiltered = query => ['filterText', 'filterStatus', 'filterHealth', 'filterLabels', 'filterVolumes'].some(k => query.get(k));

function sidebar(all, query) {
  const toggle = (key, v) => { const c = chosen(query, key); setQuery({ [key]: (c.includes(v) ? c.filter(x => x !== v) : [...c, v]).join(',') }); };
  const wanted = query.getAll('filterLabels').filter(Boolean), known = [...new Set(all.flatMap(labelTexts))].sort();
  const add = e => { if (known.includes(e.target.value)) { const v = e.target.value; e.target.value = ''; setQuery({ filterLabels: [...wanted, v] }); } };
  return h('aside', { class: 'filters' }, FILTERS.map(([title, key, values, test]) => [h('h3', {}, title), values.map(v =>
    h('label', { class: 'choice' }, h('input', { type: 'checkbox', checked: chosen(query, key).includes(v), onchange: () => toggle(key, v) }), ' ', v, h('span', { class: 'count' }, all.filter(a => test(a, v)).length)))]),
  known.length + wanted.length > 0 && [h('h3', {}, 'Label'), wanted.map(l => h('label', { class: 'choice' }, h('input', { type: 'checkbox', checked: true, onchange: () => setQuery({ filterLabels: wanted.filter(x => x !== l) }) }), ' ', h('span', { class: 'label-text', title: l }, l), h('span', { class: 'count' }, all.filter(a => labelTexts(a).includes(l)).length))),
    h('input', { list: 'labels', 'aria-label': 'Label', placeholder: 'name:value', onchange: add, oninput: add }), h('datalist', { id: 'labels' }, known.filter(l => !wanted.includes(l)).slice(0, 1000).map(l => h('option', { value: l })))],
  isFiltered(query) && h('p', {}, button('Clear filters', () => setQuery({ filterText: '', filterStatus: '', filterHealth: '', filterLabels: '', filterVolumes: '' }))));
}

// One instance on every agent: how many there are is not for people to say.
const isEvery = a => (a.constraints || []).some(c => c[1] === 'EVERY');
const appMenu = a => menu(a.id, [!isEvery(a) && ['Scale', () => dialogs.scale(a)], isEvery(a) && a.instances === 0 && ['Resume', () => dialogs.resume(a)], ['Restart', () => dialogs.restart(a)], a.instances > 0 && ['Suspend', () => dialogs.suspend(a)],
  statusOf(a)[0] === 'Delayed' && ['Reset delay', () => dialogs.resetDelay(a)], ['Edit', () => dialogs.edit(a)], ['Destroy', () => dialogs.destroy(a), true]]);
const groupMenu = g => menu(g.id, [['Scale', () => dialogs.scaleGroup(g)], ['Suspend', () => dialogs.suspendGroup(g)], ['Destroy', () => dialogs.destroyGroup(g), true]]);
const podMenu = p => menu(p.id, [['Scale', () => dialogs.scalePod(p)], ['Destroy', () => dialogs.destroyPod(p), true]]);

const podResources = (p, key) => p.spec.containers.reduce((n, c) => n + c.resources[key], (p.spec.executorResources || {})[key] || 0);
const podStable = p => (p.instances || []).filter(i => i.status === 'STABLE').length;
const podClass = { STABLE: 'good', DEGRADED: 'wait', TERMINAL: 'idle', STAGING: 'wait', PENDING: 'wait' };
const capital = s => s[0] + s.slice(1).toLowerCase();

// One kind of row: what a column shows and what it sorts by. Elements are made for the rows that are shown alone.
const appRow = a => ({ id: a.id, order: '1' + a.id, name: () => [h('a', { href: appLink(a.id) }, a.id), isEvery(a) && [' ', h('span', { class: 'chip kind', title: 'one instance on every agent' }, 'every agent')], labels(a)], cpus: a.cpus * a.instances, mem: a.mem * a.instances, status: () => status(a), statusText: statusOf(a)[0],
  running: a.tasksRunning || 0, wanted: a.instances, health: () => healthBar(a), healthy: a.tasksHealthy || 0, menu: () => appMenu(a) });
const podRow = p => ({ id: p.id, order: '1' + p.id, name: () => [h('a', { href: link('pods', p.id) }, p.id), ' ', h('span', { class: 'chip kind' }, 'pod'), labels(p.spec)], cpus: podResources(p, 'cpus') * p.spec.scaling.instances, mem: podResources(p, 'mem') * p.spec.scaling.instances,
  status: () => dot(podClass[p.status], capital(p.status)), statusText: p.status, running: podStable(p), wanted: p.spec.scaling.instances,
  health: () => healthBar({ tasksHealthy: podStable(p), tasksRunning: (p.instances || []).length, instances: p.spec.scaling.instances }), healthy: podStable(p), menu: () => podMenu(p) });
function groupRow(g) {
  const inside = apps(g), sum = f => inside.reduce((n, a) => n + (f(a) || 0), 0), p = pods(g);
  const total = { instances: sum(a => a.instances), tasksRunning: sum(a => a.tasksRunning), tasksHealthy: sum(a => a.tasksHealthy), tasksUnhealthy: sum(a => a.tasksUnhealthy), tasksStaged: sum(a => a.tasksStaged) };
  return { id: g.id, order: '0' + g.id, name: () => [h('a', { href: link('group', g.id) }, '▸ ' + g.id), h('span', { class: 'soft' }, ` ${inside.length} app${inside.length === 1 ? '' : 's'}${p.length ? `, ${p.length} pods` : ''}`)],
    cpus: sum(a => a.cpus * a.instances), mem: sum(a => a.mem * a.instances), status: () => '', statusText: '', running: total.tasksRunning, wanted: total.instances, health: () => healthBar(total), healthy: total.tasksHealthy, menu: () => groupMenu(g) };
}

const crumbs = (id, last) => [h('a', { href: '#/apps' }, 'Applications'), id.split('/').filter(Boolean).map((c, i, all) => [' › ', last && i === all.length - 1 ? c : h('a', { href: link('group', '/' + all.slice(0, i + 1).join('/')) }, c)])];

function appsPage(group, query) {
  const all = apps(state.root), flat = isFiltered(query);
  const rows = flat ? [...all.filter(a => admitted(a, query)).map(appRow), ...pods(state.root).filter(p => query.get('filterText') && p.id.includes(query.get('filterText'))).map(podRow)]
    : [...(group.groups || []).map(groupRow), ...(group.apps || []).map(appRow), ...(group.pods || []).map(podRow)];
  return [h('div', { class: 'bar' }, h('h1', {}, crumbs(group.id)), h('div', { class: 'grow' }),
    h('input', { type: 'search', id: 'search', 'aria-label': 'Search', placeholder: 'Search all groups (s)', value: query.get('filterText') || '', oninput: e => setQuery({ filterText: e.target.value }) }),
    h('button', { onclick: () => dialogs.group(group) }, 'Create group'), h('button', { class: 'primary', onclick: () => appDialog() }, 'Create application')),
  h('div', { class: 'split' }, sidebar(all, query), h('div', {}, table('apps', [
    ['Name', r => r.name(), r => r.order], ['CPU', r => amount(r.cpus), r => r.cpus, 'num'], ['Memory', r => mib(r.mem), r => r.mem, 'num'], ['Status', r => r.status(), r => r.statusText],
    ['Running', r => `${r.running} of ${r.wanted}`, r => r.running, 'num'], ['Health', r => r.health(), r => r.healthy], ['', r => r.menu(), null, 'end'],
  ], rows, flat ? 'Nothing matches.' : ['No applications here. ', h('button', { class: 'primary', onclick: () => appDialog() }, 'Create the first one')])))];
}
