// SPDX-License-Identifier: Apache-2.0
// One application: its instances, its configuration and older ones, its volumes, why it waits and what failed. And one of its tasks.
'use strict';

let selected = new Set();

function healthOf(t) {
  const r = t.healthCheckResults || [];
  return !r.length ? ['Unknown', 'idle'] : r.every(x => x.alive) ? ['Healthy', 'good'] : ['Unhealthy', 'bad'];
}
const taskStatus = t => t.startedAt ? 'Started' : t.stagedAt ? 'Staged' : (t.localVolumes || []).length ? 'Suspended' : 'Waiting';
const endpoints = t => (t.ports || []).map(p => [h('a', { href: `http://${t.host}:${p}/`, target: '_blank', rel: 'noopener' }, `${t.host}:${p}`), ' ']);
const filesLink = (t, text, file) => { const url = filesUrl(t, file); return url && h('a', { href: url, target: '_blank', rel: 'noopener' }, text); };

function killButtons(app, tasks) {
  const ids = tasks.map(t => t.id).filter(id => selected.has(id)), n = ids.length;
  const ask = (title, text, query) => openDialog(`${title} ${n} instance${n === 1 ? '' : 's'}?`, h('p', {}, text), title,
    async force => { await change('POST', 'v2/tasks/delete' + query, { ids }, force); selected.clear(); render(); }, { danger: true });
  return h('div', { class: 'bar' }, h('button', { disabled: !n, onclick: () => ask('Kill', 'They are replaced at once.', '') }, 'Kill'),
    h('button', { disabled: !n, onclick: () => ask('Kill and scale', 'They are not replaced: the application is scaled down.', '?scale=true') }, 'Kill and scale'),
    withVolumes(app) && h('button', { disabled: !n, onclick: () => ask('Kill and wipe', 'Their volumes are destroyed with all data; new instances begin with empty ones.', '?wipe=true') }, 'Kill and wipe'),
    h('span', { class: 'soft' }, n ? `${n} selected` : ''));
}

function instancesTab(app) {
  const tasks = app.tasks || [], all = tasks.length > 0 && tasks.every(t => selected.has(t.id));
  const pick = (ids, on) => { for (const id of ids) if (on) selected.add(id); else selected.delete(id); render(); };
  const box = (label, checked, ids) => h('input', { type: 'checkbox', 'aria-label': label, checked, onchange: e => pick(ids, e.target.checked) });
  return [killButtons(app, tasks), table('tasks', [
    [box('all', all, tasks.map(t => t.id)), t => box(t.id, selected.has(t.id), [t.id]), null],
    ['ID', t => [h('a', { href: link('apps', app.id, t.id) }, t.id), h('div', { class: 'soft' }, endpoints(t))], t => t.id],
    ['Host', t => t.host, t => t.host || ''], ['Health', t => { const [x, c] = healthOf(t); return dot(c, x); }, t => healthOf(t)[0]],
    ['Status', taskStatus, taskStatus], ['Output', t => [filesLink(t, 'stdout', 'stdout'), ' ', filesLink(t, 'stderr', 'stderr')], null],
    ['Version', t => stamp(t.version), t => t.version || ''], ['Updated', t => stamp(t.startedAt || t.stagedAt), t => t.startedAt || t.stagedAt || ''],
  ], tasks, app.instances ? 'No instance runs now.' : 'This application is suspended.')];
}

function taskPage(app, id) {
  const t = (app.tasks || []).find(x => x.id === id);
  if (!t) return h('div', { class: 'empty' }, `There is no task ${id} any more.`);
  return [h('p', {}, h('a', { href: appLink(app.id) }, '‹ all instances')), h('h2', {}, t.id),
    dl([['Host', t.host], ['Agent', t.slaveId], ['IP addresses', (t.ipAddresses || []).map(a => a.ipAddress).join(', ')], ['Ports', (t.ports || []).join(', ')], ['Endpoints', t.ports && t.ports.length ? endpoints(t) : null],
      ['Service ports', (t.servicePorts || []).join(', ')], ['State', t.state], ['Role', t.role], ['Region and zone', [t.region, t.zone].filter(Boolean).join(', ')], ['Staged', t.stagedAt && stamp(t.stagedAt)], ['Started', t.startedAt && stamp(t.startedAt)], ['Version', t.version],
      ['Health', dot(healthOf(t)[1], healthOf(t)[0])], ['Output', [filesLink(t, 'stdout', 'stdout'), ' ', filesLink(t, 'stderr', 'stderr')]], ['Files', filesLink(t, 'its sandbox')]]),
    (t.healthCheckResults || []).map((r, i) => [h('h2', {}, `Health check ${i + 1}`), dl([['Alive', r.alive ? 'yes' : 'no'], ['First success', r.firstSuccess && stamp(r.firstSuccess)], ['Last success', r.lastSuccess && stamp(r.lastSuccess)],
      ['Last failure', r.lastFailure && stamp(r.lastFailure)], ['Consecutive failures', r.consecutiveFailures], ['Cause', r.lastFailureCause]])]),
    t.checkResult && [h('h2', {}, 'Check'), h('pre', {}, JSON.stringify(t.checkResult, null, 2))],
    (t.localVolumes || []).length > 0 && [h('h2', {}, 'Volumes'), volumes([t], app)]];
}

// --- configuration
const READ_ONLY = ['version', 'versionInfo', 'tasks', 'tasksStaged', 'tasksRunning', 'tasksHealthy', 'tasksUnhealthy', 'deployments', 'lastTaskFailure', 'taskStats', 'readinessCheckResults', 'uris', 'ports'];
const definition = app => Object.fromEntries(Object.entries(app).filter(([k]) => !READ_ONLY.includes(k)));

const code = v => v == null || (typeof v === 'object' && !Object.keys(v).length) ? null : h('pre', {}, typeof v === 'string' ? v : JSON.stringify(v, null, 2));
const CONFIGURATION = [['ID', a => a.id], ['Command', a => code(a.cmd)], ['Constraints', a => (a.constraints || []).map(c => h('div', {}, c.join(' : ')))], ['Dependencies', a => (a.dependencies || []).map(d => h('div', {}, h('a', { href: appLink(d) }, d)))],
  ['Labels', a => Object.entries(a.labels || {}).map(([k, v]) => h('div', {}, `${k} = ${v}`))], ['Allocation role', a => a.role], ['Resource roles', a => (a.acceptedResourceRoles || []).join(', ')], ['Container', a => code(a.container)], ['CPUs', a => amount(a.cpus)],
  ['Environment', a => Object.entries(a.env || {}).map(([k, v]) => h('div', {}, `${k} = ${typeof v === 'string' ? v : `secret ${v.secret}`}`))], ['Executor', a => a.executor], ['Health checks', a => code(a.healthChecks)], ['Readiness checks', a => code(a.readinessChecks)],
  ['Instances', a => String(a.instances)], ['Memory', a => mib(a.mem)], ['Disk space', a => mib(a.disk)], ['GPUs', a => String(a.gpus)], ['Networks', a => code(a.networks)], ['Port definitions', a => code(a.portDefinitions)],
  ['Backoff', a => `${a.backoffSeconds} s, × ${a.backoffFactor}, at most ${a.maxLaunchDelaySeconds} s`], ['Upgrade strategy', a => code(a.upgradeStrategy)], ['Kill selection', a => a.killSelection], ['When unreachable', a => code(a.unreachableStrategy)],
  ['URIs', a => (a.fetch || []).map(f => h('div', {}, f.uri))], ['User', a => a.user], ['Args', a => a.args && a.args.join(' ')], ['Version', a => a.version]];
const isThere = v => Array.isArray(v) ? v.length > 0 : v != null;
const configuration = a => dl(CONFIGURATION.map(([name, f]) => { const v = f(a); return [name, isThere(v) ? v : null]; }));

const oldVersions = {}; // id + version: its definition, once unfolded
function oldVersion(app, v) {
  const key = app.id + ' ' + v, old = oldVersions[key];
  const load = async e => { e.preventDefault(); if (old) delete oldVersions[key]; else oldVersions[key] = await get(api(`v2/apps${enc(app.id)}/versions/${v}`)).catch(x => ({ id: x.message })); render(); };
  return h('div', { class: 'version' }, h('button', { class: 'plain', 'aria-expanded': old ? 'true' : 'false', onclick: load }, `${old ? '▾' : '▸'} ${v}`),
    old && [button('Apply this version', () => openDialog(`Go back to ${v}?`, h('p', {}, `${app.id} is deployed as it was defined then.`), 'Apply', force => change('PUT', `v2/apps${enc(app.id)}`, { version: v }, force))), configuration(old)]);
}
const configurationTab = app => [h('div', { class: 'bar' }, h('h2', {}, 'Current version'), h('span', { class: 'soft' }, stamp(app.version)), h('div', { class: 'grow' }), h('button', { onclick: () => dialogs.edit(app) }, 'Edit')),
  configuration(app), h('h2', {}, 'Older versions'), (state.versions || []).filter(v => v !== app.version).map(v => oldVersion(app, v)),
  (state.versions || []).length < 2 && h('p', { class: 'soft' }, 'There is none.')];

// --- volumes
function volumesOf(tasks, app) {
  const defined = path => ((app.container || {}).volumes || []).find(v => v.containerPath === path) || {};
  return tasks.flatMap(t => (t.localVolumes || []).map(v => ({ ...v, ...defined(v.containerPath).persistent, mode: defined(v.containerPath).mode, host: t.host, task: t, status: t.startedAt ? 'Attached' : 'Detached' })));
}
const volumes = (tasks, app) => table('volumes', [['ID', v => h('a', { href: link('apps', app.id, 'volume', v.persistenceId) }, v.persistenceId), v => v.persistenceId], ['Host', v => v.host, v => v.host], ['Type', v => v.type, v => v.type], ['Container path', v => v.containerPath, v => v.containerPath], ['Size', v => mib(v.size), v => v.size, 'num'],
  ['Mode', v => v.mode, v => v.mode], ['Status', v => v.status, v => v.status], ['Version', v => stamp(v.task.version), v => v.task.version || '']], volumesOf(tasks, app), 'No volume has been made yet.');
function volumePage(app, id) {
  const v = volumesOf(app.tasks || [], app).find(x => x.persistenceId === id);
  if (!v) return h('div', { class: 'empty' }, `There is no volume ${id} (any more).`);
  return [h('p', {}, h('a', { href: appLink(app.id, 'volumes') }, '‹ all volumes')), h('h2', {}, v.persistenceId),
    dl([['Host', v.host], ['Container path', v.containerPath], ['Type', v.type], ['Size', mib(v.size)], ['Mode', v.mode], ['Status', v.status], ['Task', h('a', { href: link('apps', app.id, v.task.id) }, v.task.id)], ['Version', v.task.version]])];
}

// --- debug
const isLack = a => /^Insufficient(?!Ports)/.test(a.reason);
function whyLines(w) {
  return [`${w.summary}: ${w.running} of ${w.instances} instances run`, ...(w.unhealthy || []).map(x => `${x.taskId} on ${x.host} failed its health check ${x.consecutiveFailures} times in a row: ${x.cause}`), w.smallestChange,
    w.deployment && `deployment ${w.deployment} is under way: ${w.deploymentText || ''}`, w.waitingSince && `waiting since ${w.waitingSince}`, w.delayedUntil && `the next start is due at ${w.delayedUntil}`,
    w.lastFailure && `last failure: ${w.lastFailure.state} on ${w.lastFailure.host} at ${w.lastFailure.at}: ${w.lastFailure.message}`,
    ...(w.agents || []).flatMap(a => [a.at ? `offer of ${a.hostname} at ${a.at}: ${a.text}` : `agent ${a.hostname}: ${a.text}`, ...(isLack(a) ? a.heldBy || [] : []).map(x => `  held there by ${x.app}: ${x.instances} instances, ${x.cpus} cpus, ${x.mem} MB`)]),
    ...(w.excluded || []).map(a => `agent ${a.hostname} is not meant: ${a.text}`)].filter(Boolean);
}
const seconds = s => s == null ? '–' : ago(s);
function statistics(stats) {
  const rows = [['Started after last scaling', 'startedAfterLastScaling'], ['With latest configuration', 'withLatestConfig'], ['With outdated configuration', 'withOutdatedConfig'], ['All', 'totalSummary']].filter(([, k]) => stats[k]).map(([name, k]) => ({ name, ...stats[k].stats }));
  return table('stats', [['', r => r.name, null], ...['running', 'staged', 'healthy', 'unhealthy'].map(k => [k[0].toUpperCase() + k.slice(1), r => r.counts[k], null, 'num']), ['Median lifetime', r => seconds((r.lifeTime || {}).medianSeconds), null, 'num']], rows, 'No tasks.');
}
function debugTab(app) {
  const f = app.lastTaskFailure, v = app.versionInfo || {}, w = state.why;
  return [w && [h('h2', {}, 'Why'), h('pre', {}, whyLines(w).join('\n'))],
    h('h2', {}, 'Last changes'), dl([['Scale or restart', v.lastScalingAt && [stamp(v.lastScalingAt), ` (${v.lastScalingAt})`]], ['Configuration', v.lastConfigChangeAt && [stamp(v.lastConfigChangeAt), ` (${v.lastConfigChangeAt})`]]]),
    h('h2', {}, 'Last task failure'), f ? dl([['Task', f.taskId], ['State', f.state], ['Message', f.message], ['Host', f.host], ['When', [stamp(f.timestamp), ` (${f.timestamp})`]], ['Version', f.version], ['Output', ['stdout', 'stderr'].map(x => [filesLink({ id: f.taskId, slaveId: f.slaveId }, x, x), ' '])], ['Files', filesLink({ id: f.taskId, slaveId: f.slaveId }, 'its sandbox')]]) : h('p', { class: 'soft' }, 'This application has not failed.'),
    h('h2', {}, 'Task statistics'), statistics(app.taskStats || {})];
}

// --- rolling restarts that stop and turn round
function rolloutNote(app) {
  const r = state.rollout;
  if (!r || r.state === 'none') return null;
  const act = what => change('POST', `stoa/v1/apps${enc(app.id)}/rollout/${what}`, {}).catch(e => say(e.message));
  return h('div', { class: 'note' }, h('b', {}, 'Rollout '), `${r.text || r.state} (${r.newReady} of ${r.new} new ready, ${r.oldReady} old) `,
    r.state === 'running' && button('Pause', () => act('pause')), r.state === 'paused' && button('Resume', () => act('resume')), r.state === 'holding' && button('Promote', () => act('promote')), ' ', button('Undo', () => act('undo'), { class: 'small danger' }));
}

function waitingNote(app) {
  const q = state.queue.find(x => x.app && x.app.id === app.id), w = state.why;
  if (!q) return null;
  const text = q.delay && !q.delay.overdue ? `Delayed by failures: the next start is due in ${q.delay.timeLeftSeconds} s.` : `Waiting for ${q.count} more instance${q.count === 1 ? '' : 's'} to fit an offer.`;
  return h('div', { class: 'note' }, h('b', {}, text), ' ', w && (w.smallestChange || ((w.agents || [])[0] || {}).text || (w.lastFailure ? `The last one ended with ${w.lastFailure.state}: ${w.lastFailure.message}` : '')), ' ', h('a', { href: appLink(app.id, 'debug') }, 'Why?'));
}

const TABS = { '': instancesTab, instances: instancesTab, configuration: configurationTab, debug: debugTab, volumes: app => volumes(app.tasks || [], app) };
function appPage(r) {
  const app = state.app;
  if (!app || app.id !== r.id) return h('p', { class: 'soft' }, 'Loading …');
  if (app.missing) return h('div', { class: 'empty' }, `There is no application ${r.id}. `, h('a', { href: '#/deleted' }, 'Was it deleted?'));
  const tab = (name, text) => h('a', { href: appLink(app.id, name), class: (r.tab || 'instances') === name ? 'on' : '' }, text);
  return [h('div', { class: 'soft' }, crumbs(app.id, true)),
    h('div', { class: 'bar' }, h('h1', {}, app.id), status(app), h('span', { class: 'soft' }, `${app.tasksRunning || 0} of ${app.instances} instances`), healthBar(app), h('span', { class: 'soft' }, healthText(app)), h('div', { class: 'grow' }),
      statusOf(app)[0] === 'Delayed' && h('button', { onclick: () => dialogs.resetDelay(app) }, 'Reset delay'), !isEvery(app) && h('button', { onclick: () => dialogs.scale(app) }, 'Scale'), h('button', { onclick: () => dialogs.restart(app) }, 'Restart'), appMenu(app)),
    waitingNote(app), rolloutNote(app),
    h('div', { class: 'tabs' }, tab('instances', `Instances (${(app.tasks || []).length})`), tab('configuration', 'Configuration'), tab('debug', 'Debug'), withVolumes(app) && tab('volumes', 'Volumes')),
    TABS[r.tab] ? TABS[r.tab](app) : r.tab === 'volume' ? volumePage(app, r.more) : taskPage(app, r.tab)];
}
