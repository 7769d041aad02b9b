// SPDX-License-Identifier: Apache-2.0
// The page of marathon: applications and groups, one application, deployments. It asks the REST API that everybody
// uses, every two seconds while it is visible, and draws the whole page from the answers.
'use strict';

const POLL_MS = 2000;
const api = path => '../' + path;
const enc = id => id.split('/').map(encodeURIComponent).join('/');
let state = { root: null, queue: [], deployments: [], app: null, versions: null, why: null, jobs: null, job: null, deleted: null, error: null };
let search = '', selected = new Set(), polling = null;

function route() {
  const parts = location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  const [page, id, tab] = [parts[0] || 'apps', parts[1] || '', parts[2] || 'instances'];
  return { page: page === 'apps' && id ? 'app' : page, id: id && !id.startsWith('/') ? '/' + id : id, tab };
}
const appLink = (id, tab) => `#/apps/${encodeURIComponent(id)}${tab ? '/' + tab : ''}`;

async function poll() {
  const r = route();
  clearTimeout(polling);
  try {
    const groups = 'v2/groups?embed=group.groups&embed=group.apps&embed=group.apps.deployments&embed=group.apps.counts&embed=group.apps.readiness';
    const [root, queue, deployments] = await Promise.all([get(api(groups)), get(api('v2/queue')), get(api('v2/deployments'))]);
    Object.assign(state, { root, queue: queue.queue, deployments, error: null });
    if (r.page === 'jobs') await pollJobs(r);
    if (r.page === 'deleted') state.deleted = (await get(api('stoa/v1/deleted'))).deleted;
    if (r.page === 'app') {
      try {
        state.app = (await get(api(`v2/apps${enc(r.id)}?embed=app.taskStats&embed=app.readiness&embed=app.tasks&embed=app.counts&embed=app.deployments&embed=app.lastTaskFailure`))).app;
      } catch (e) { state.app = e.status === 404 ? { missing: true } : state.app; }
      if (r.tab === 'configuration') state.versions = (await get(api(`v2/apps${enc(r.id)}/versions`))).versions;
      if (r.tab === 'debug') state.why = await get(api(`stoa/v1/apps${enc(r.id)}/why`)).catch(() => null);
    }
  } catch (e) { state.error = e.message; }
  if (!document.querySelector('dialog')) render();
  polling = setTimeout(poll, POLL_MS);
}

function apps(group, out = []) {
  if (!group) return out;
  out.push(...(group.apps || []));
  for (const g of group.groups || []) apps(g, out);
  return out;
}
function groupOf(root, id) {
  if (!root || root.id === id) return root;
  for (const g of root.groups || []) {
    const found = groupOf(g, id);
    if (found) return found;
  }
  return null;
}

function statusOf(app) {
  const q = state.queue.find(x => x.app && x.app.id === app.id);
  if (q && q.delay && q.delay.overdue === true) return ['Waiting', 'wait'];
  if (q && q.delay && q.delay.overdue === false) return ['Delayed', 'bad'];
  if ((app.deployments || []).length) return ['Deploying', 'wait'];
  if (app.instances === 0 && app.tasksRunning === 0) return ['Suspended', 'idle'];
  return app.tasksRunning > 0 ? ['Running', 'good'] : ['–', 'idle'];
}
const status = app => { const [text, cls] = statusOf(app); return h('span', {}, h('i', { class: 'dot ' + cls }), text); };

function healthBar(app) {
  const { tasksHealthy: ok = 0, tasksUnhealthy: bad = 0, tasksRunning: run = 0, tasksStaged: staged = 0, instances = 0 } = app;
  const unknown = Math.max(0, run - ok - bad), all = Math.max(1, instances, ok + bad + unknown + staged);
  const seg = (n, cls, name) => n > 0 && h('span', { class: 'seg ' + cls, style: `width:${100 * n / all}%`, title: `${n} ${name}` });
  return h('div', { class: 'health', title: `${ok} healthy, ${bad} unhealthy, ${unknown} unknown, ${staged} staged` },
    seg(ok, 'good', 'healthy'), seg(bad, 'bad', 'unhealthy'), seg(unknown, 'idle', 'unknown'), seg(staged, 'wait', 'staged'));
}

// Repeats a change with force=true when the user agrees to override a running deployment.
async function change(method, path, body) {
  try { await request(method, api(path), body); } catch (e) {
    if (e.status !== 409 || !confirm(`${e.message}\n\nForce the change and cancel the running deployment?`)) throw e;
    await request(method, api(path + (path.includes('?') ? '&' : '?') + 'force=true'), body);
  }
  poll();
}

// One instance on every agent: how many there are is not for people to say.
const isEvery = app => (app.constraints || []).some(c => c[1] === 'EVERY');

const dialogs = {
  scale(app) {
    const n = h('input', { type: 'number', min: 0, value: app.instances, autofocus: true });
    openDialog(`Scale ${app.id}`, h('label', {}, 'Instances', n), 'Scale',
      () => change('PUT', `v2/apps${enc(app.id)}`, { instances: Number(n.value) }));
  },
  resume: app => change('PUT', `v2/apps${enc(app.id)}`, { instances: 1 }).catch(e => alert(e.message)),
  suspend: app => openDialog(`Suspend ${app.id}?`, h('p', {}, 'It is scaled to 0 instances.'), 'Suspend',
    () => change('PUT', `v2/apps${enc(app.id)}`, { instances: 0 })),
  restart: app => openDialog(`Restart ${app.id}?`, h('p', {}, 'Every instance is replaced, within the upgrade strategy.'), 'Restart',
    () => change('POST', `v2/apps${enc(app.id)}/restart`, {})),
  destroy: app => openDialog(`Destroy ${app.id}?`, h('p', {}, 'Its instances are killed. For some days its definition can be restored under Deleted.'), 'Destroy',
    async () => { await change('DELETE', `v2/apps${enc(app.id)}`); location.hash = '#/apps'; }, true),
  resetDelay: app => change('DELETE', `v2/queue${enc(app.id)}/delay`).catch(e => alert(e.message)),
  group() {
    const id = h('input', { placeholder: '/shop', required: true });
    openDialog('Create group', h('label', {}, 'ID', id), 'Create', () => change('POST', 'v2/groups', { id: id.value }));
  },
  edit(app) { appDialog(app); },
  async about() {
    const info = await get(api('v2/info'));
    openDialog('About', h('pre', {}, JSON.stringify(info, null, 2)), 'Close', () => {});
  },
};

const READ_ONLY = ['version', 'versionInfo', 'tasks', 'tasksStaged', 'tasksRunning', 'tasksHealthy', 'tasksUnhealthy',
  'deployments', 'lastTaskFailure', 'taskStats', 'readinessCheckResults', 'fetch', 'uris', 'ports'];
function definition(app) {
  const d = {};
  for (const [k, v] of Object.entries(app)) if (!READ_ONLY.includes(k) || (k === 'fetch' && v.length)) d[k] = v;
  return d;
}

// Form and JSON are two views of one definition; fields that the form does not know stay in the JSON.
function appDialog(app) {
  let def = app ? definition(app) : { id: '', cmd: '', cpus: 0.1, mem: 128, instances: 1 };
  const json = h('textarea', { spellcheck: 'false' });
  const fields = {};
  const input = (key, label, props) => {
    fields[key] = h('input', { value: def[key] == null ? '' : def[key], ...props });
    return h('label', { class: props && props.wide ? 'wide' : '' }, label, fields[key]);
  };
  const number = { type: 'number', step: 'any', min: 0 };
  const check = h('select', {}, ['none', 'HTTP', 'TCP'].map(x => h('option', {}, x)));
  const form = h('div', { class: 'grid' }, input('id', 'ID', { wide: true, required: true, readonly: !!app }),
    input('cpus', 'CPUs', number), input('mem', 'Memory (MiB)', number), input('disk', 'Disk (MiB)', number),
    input('instances', 'Instances', number), input('cmd', 'Command', { wide: true }),
    !app && h('label', {}, 'Health check on PORT0', check));
  const fromForm = () => {
    for (const [k, f] of Object.entries(fields))
      if (f.value === '') delete def[k]; else def[k] = f.type === 'number' ? Number(f.value) : f.value;
    if (!app && check.value !== 'none') {
      def.healthChecks = [{ protocol: check.value, portIndex: 0, gracePeriodSeconds: 300, intervalSeconds: 10, timeoutSeconds: 10, maxConsecutiveFailures: 3, ...(check.value === 'HTTP' ? { path: '/' } : {}) }];
      def.portDefinitions = def.portDefinitions || [{ port: 0 }];
    }
  };
  let jsonMode = !!app;
  const body = h('div', {});
  const show = () => { json.value = JSON.stringify(def, null, 2); body.replaceChildren(jsonMode ? json : form); };
  const toggle = h('button', { type: 'button', class: 'small', onclick: () => {
    if (jsonMode) { try { def = JSON.parse(json.value); } catch (e) { return alert(e.message); } for (const [k, f] of Object.entries(fields)) f.value = def[k] == null ? '' : def[k]; } else fromForm();
    jsonMode = !jsonMode;
    show();
  } }, 'JSON / form');
  show();
  openDialog(app ? `Edit ${app.id}` : 'Create application', h('div', {}, h('div', { class: 'bar' }, h('div', { class: 'grow' }), toggle), body),
    app ? 'Change and deploy' : 'Create', async () => {
      if (jsonMode) def = JSON.parse(json.value); else fromForm();
      await change(app ? 'PUT' : 'POST', app ? `v2/apps${enc(app.id)}` : 'v2/apps', def);
    });
}

function appButtons(app) {
  return [!isEvery(app) ? h('button', { class: 'small', onclick: () => dialogs.scale(app) }, 'Scale')
    : app.instances === 0 && h('button', { class: 'small', onclick: () => dialogs.resume(app) }, 'Resume'), ' ',
    h('button', { class: 'small', onclick: () => dialogs.restart(app) }, 'Restart'), ' ',
    statusOf(app)[0] === 'Delayed' && h('button', { class: 'small', onclick: () => dialogs.resetDelay(app) }, 'Reset delay'), ' ',
    h('button', { class: 'small', onclick: () => dialogs.suspend(app) }, 'Suspend'), ' ',
    h('button', { class: 'small danger', onclick: () => dialogs.destroy(app) }, 'Destroy')];
}

const labels = app => [isEvery(app) && h('span', { class: 'chip', title: 'one instance on every agent' }, 'every agent'), ...Object.entries(app.labels || {}).map(([k, v]) => h('span', { class: 'chip' }, v ? `${k}: ${v}` : k))].filter(Boolean);

function appsPage(group) {
  const rows = search ? apps(state.root).filter(a => a.id.includes(search))
    : [...(group.groups || []).map(g => ({ ...g, isGroup: true })), ...(group.apps || [])];
  const sum = (g, f) => g.isGroup ? apps(g).reduce((n, a) => n + f(a), 0) : f(g);
  const cpus = r => sum(r, a => a.cpus * a.instances), mem = r => sum(r, a => a.mem * a.instances);
  const running = r => sum(r, a => a.tasksRunning || 0);
  const crumbs = group.id.split('/').filter(Boolean);
  return [
    h('div', { class: 'bar' }, h('h1', {}, h('a', { href: '#/apps' }, 'Applications'),
      crumbs.map((c, i) => [' › ', h('a', { href: `#/group/${encodeURIComponent('/' + crumbs.slice(0, i + 1).join('/'))}` }, c)])),
    h('div', { class: 'grow' }), h('input', { type: 'search', id: 'search', placeholder: 'Search (s)', value: search, oninput: e => { search = e.target.value; render(); } }),
    h('button', { onclick: dialogs.group }, 'Create group'), h('button', { class: 'primary', onclick: () => appDialog() }, 'Create application')),
    table('apps', [
      ['Name', r => [r.isGroup ? h('a', { href: `#/group/${encodeURIComponent(r.id)}` }, '▸ ' + r.id) : h('a', { href: appLink(r.id) }, r.id), labels(r)], r => (r.isGroup ? '0' : '1') + r.id],
      ['CPU', r => amount(cpus(r)), cpus, 'num'], ['Memory', r => mib(mem(r)), mem, 'num'],
      ['Status', r => r.isGroup ? '' : status(r), r => r.isGroup ? '' : statusOf(r)[0]],
      ['Running', r => `${running(r)} of ${sum(r, a => a.instances)}`, running, 'num'],
      ['Health', r => healthBar(r.isGroup ? ['tasksHealthy', 'tasksUnhealthy', 'tasksRunning', 'tasksStaged', 'instances'].reduce((o, k) => ({ ...o, [k]: sum(r, a => a[k] || 0) }), {}) : r), r => r.isGroup ? 0 : r.tasksHealthy],
      ['', r => r.isGroup ? '' : appButtons(r), null],
    ], rows, search ? 'Nothing matches.' : 'No applications yet. Create the first one.')];
}

function instancesTab(app) {
  const tasks = app.tasks || [];
  const health = t => { const r = (t.healthCheckResults || []); return !r.length ? ['Unknown', 'idle'] : r.every(x => x.alive) ? ['Healthy', 'good'] : ['Unhealthy', 'bad']; };
  const kill = scale => change('POST', `v2/tasks/delete${scale ? '?scale=true' : ''}`, { ids: [...selected] }).then(() => selected.clear()).catch(e => alert(e.message));
  return [h('div', { class: 'bar' }, h('button', { disabled: !selected.size, onclick: () => kill(false) }, 'Kill'),
    h('button', { disabled: !selected.size, onclick: () => kill(true) }, 'Kill and scale'), h('span', { class: 'soft' }, selected.size ? `${selected.size} selected` : '')),
  table('tasks', [
    ['', t => h('input', { type: 'checkbox', checked: selected.has(t.id), onchange: e => { e.target.checked ? selected.add(t.id) : selected.delete(t.id); render(); } }), null],
    ['ID', t => [t.id, h('div', { class: 'soft' }, (t.ports || []).map(p => [h('a', { href: `http://${t.host}:${p}/`, target: '_blank', rel: 'noopener' }, `${t.host}:${p}`), ' ']))], t => t.id],
    ['Health', t => { const [x, c] = health(t); return [h('i', { class: 'dot ' + c }), x]; }, t => health(t)[0]],
    ['Status', t => t.startedAt ? 'Started' : t.stagedAt ? 'Staged' : t.state || '–', t => t.state || ''],
    ['Version', t => stamp(t.version), t => t.version], ['Updated', t => stamp(t.startedAt || t.stagedAt), t => t.startedAt || t.stagedAt || ''],
  ], tasks, 'No instances.')];
}

function configurationTab(app) {
  return [h('div', { class: 'bar' }, h('b', {}, 'Current version'), h('span', { class: 'soft' }, app.version), h('div', { class: 'grow' }),
    h('button', { onclick: () => dialogs.edit(app) }, 'Edit')), h('pre', {}, JSON.stringify(definition(app), null, 2)),
  h('h2', {}, 'Older versions'),
  (state.versions || []).filter(v => v !== app.version).map(v => h('div', { class: 'bar' }, v,
    h('button', { class: 'small', onclick: async () => { const old = await get(api(`v2/apps${enc(app.id)}/versions/${v}`)); openDialog(`Version ${v}`, h('pre', {}, JSON.stringify(definition(old), null, 2)), 'Apply this version', () => change('PUT', `v2/apps${enc(app.id)}`, { version: v })); } }, 'Show')))];
}

function debugTab(app) {
  const f = app.lastTaskFailure, v = app.versionInfo || {};
  const dl = pairs => h('dl', {}, pairs.map(([k, x]) => [h('dt', {}, k), h('dd', {}, x == null || x === '' ? 'Unspecified' : x)]));
  const w = state.why, lines = w && [`${w.summary}: ${w.running} of ${w.instances} instances run`,
    w.smallestChange, w.deployment && `deployment ${w.deployment} is under way: ${w.deploymentText || ''}`, w.waitingSince && `waiting since ${w.waitingSince}`, w.delayedUntil && `the next start is due at ${w.delayedUntil}`,
    w.lastFailure && `last failure: ${w.lastFailure.state} on ${w.lastFailure.host} at ${w.lastFailure.at}: ${w.lastFailure.message}`,
    ...(w.agents || []).flatMap(a => [a.at ? `offer of ${a.hostname} at ${a.at}: ${a.text}` : `agent ${a.hostname}: ${a.text}`,
      ...(a.heldBy || []).map(x => `  held there by ${x.app}: ${x.instances} instances, ${x.cpus} cpus, ${x.mem} MB`)]),
    ...(w.excluded || []).map(a => `agent ${a.hostname} is not meant: ${a.text}`)].filter(Boolean);
  return [lines && [h('h2', {}, 'Why'), h('pre', {}, lines.join('\n'))],
    h('h2', {}, 'Last changes'), dl([['Scale or restart', v.lastScalingAt], ['Configuration', v.lastConfigChangeAt]]),
    h('h2', {}, 'Last task failure'), f ? dl([['Task', f.taskId], ['State', f.state], ['Message', f.message], ['Host', f.host], ['When', f.timestamp], ['Version', f.version]]) : h('p', { class: 'soft' }, 'This app has not failed.'),
    h('h2', {}, 'Task statistics'), h('pre', {}, JSON.stringify(app.taskStats || {}, null, 2))];
}

function appPage(r) {
  const app = state.app;
  if (!app || (app.id && app.id !== r.id)) return h('p', { class: 'soft' }, 'Loading …');
  if (app.missing) return h('div', { class: 'empty' }, `There is no application ${r.id}.`);
  const q = state.queue.find(x => x.app && x.app.id === app.id);
  const tab = (name, text) => h('a', { href: appLink(app.id, name), class: r.tab === name ? 'on' : '' }, text);
  return [h('div', { class: 'soft' }, h('a', { href: '#/apps' }, 'Applications'), ' › ', app.id),
    h('div', { class: 'bar' }, h('h1', {}, app.id), status(app), h('span', { class: 'soft' }, `${app.tasksRunning || 0} of ${app.instances} instances`),
      healthBar(app), h('div', { class: 'grow' }), appButtons(app)),
    q && h('div', { class: 'note' }, q.delay && !q.delay.overdue ? `Delayed by failures: the next start is due in ${q.delay.timeLeftSeconds} s.` : `Waiting for ${q.count} more instance${q.count === 1 ? '' : 's'} to fit an offer. `,
      h('a', { href: appLink(app.id, 'debug') }, 'Why?')),
    h('div', { class: 'tabs' }, tab('instances', `Instances (${(app.tasks || []).length})`), tab('configuration', 'Configuration'), tab('debug', 'Debug')),
    r.tab === 'configuration' ? configurationTab(app) : r.tab === 'debug' ? debugTab(app) : instancesTab(app)];
}

const deletedPage = () => [h('h1', {}, 'Deleted applications'), table('deleted', [
  ['ID', d => d.id, d => d.id], ['Kind', d => d.kind, d => d.kind], ['Deleted', d => stamp(d.deletedAt), d => d.deletedAt], ['Kept until', d => until(d.keptUntil), d => d.keptUntil],
  ['', d => [h('button', { class: 'small', onclick: () => openDialog(`Restore ${d.id}?`, h('pre', {}, JSON.stringify(definition(d.definition), null, 2)), 'Restore', () => change('POST', `stoa/v1/deleted${enc(d.id)}/restore`, {})) }, 'Restore'), ' ',
    h('button', { class: 'small danger', onclick: () => change('DELETE', `stoa/v1/deleted${enc(d.id)}`).catch(e => alert(e.message)) }, 'Forget')], null],
], state.deleted || [], 'Nothing was deleted of late. What is deleted can be restored here for some days.')];

function deploymentsPage() {
  const actions = d => (d.currentActions || []).map(a => h('div', {}, `${a.action} `, h('a', { href: appLink(a.app || a.pod) }, a.app || a.pod)));
  return [h('h1', {}, 'Deployments'), table('deployments', [
    ['Deployment', d => h('code', {}, d.id), d => d.id],
    ['Applications', d => (d.affectedApps || []).map(a => h('div', {}, h('a', { href: appLink(a) }, a))), null],
    ['Action', actions, null],
    ['Progress', d => [h('div', { class: 'progress' }, h('i', { style: `width:${100 * Math.max(0, d.currentStep - 1) / Math.max(1, d.totalSteps)}%` })), h('span', { class: 'soft' }, `step ${d.currentStep} of ${d.totalSteps}`)], d => d.currentStep],
    ['', d => h('button', { class: 'small', onclick: () => openDialog('Roll back?', h('p', {}, 'A new deployment restores what was there before.'), 'Roll back', () => change('DELETE', `v2/deployments/${d.id}`)) }, 'Rollback'), null],
  ], state.deployments, 'No deployment is under way.')];
}

function render() {
  const r = route(), main = document.getElementById('main');
  const focus = document.activeElement && document.activeElement.id === 'search';
  const nav = (page, text, on) => h('a', { href: '#/' + page, class: on ? 'on' : '' }, text);
  document.getElementById('nav').replaceChildren(nav('apps', 'Applications', ['apps', 'app', 'group'].includes(r.page)), nav('jobs', 'Jobs', r.page === 'jobs'),
    nav('deployments', `Deployments${state.deployments.length ? ` (${state.deployments.length})` : ''}`, r.page === 'deployments'), nav('deleted', 'Deleted', r.page === 'deleted'));
  const group = groupOf(state.root, r.page === 'group' ? r.id : '/');
  const page = !state.root ? h('p', { class: 'soft' }, 'Loading …') : r.page === 'app' ? appPage(r) : r.page === 'deployments' ? deploymentsPage() : r.page === 'deleted' ? deletedPage() : r.page === 'jobs' ? (r.id ? jobPage(r) : jobsPage())
    : group ? appsPage(group) : h('div', { class: 'empty' }, 'There is no such group.');
  main.replaceChildren(...[state.error && h('div', { class: 'banner' }, `The server does not answer: ${state.error}. Trying again …`), page].flat(3).filter(Boolean));
  if (focus) { const s = document.getElementById('search'); if (s) { s.focus(); s.setSelectionRange(search.length, search.length); } }
}

document.getElementById('about').addEventListener('click', () => dialogs.about().catch(e => alert(e.message)));
document.addEventListener('keydown', e => {
  if (document.querySelector('dialog') || /INPUT|TEXTAREA|SELECT/.test(e.target.tagName) || e.ctrlKey || e.metaKey) return;
  const s = document.getElementById('search');
  if (e.key === 's' && s) { e.preventDefault(); s.focus(); } else if (e.key === 'c') { e.preventDefault(); appDialog(); } else if (e.key === 'C') dialogs.group();
});
window.addEventListener('hashchange', () => { selected.clear(); state.app = state.versions = state.why = state.job = null; render(); poll(); });
poll();
