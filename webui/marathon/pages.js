// SPDX-License-Identifier: Apache-2.0
// The small dialogs, and the pages of pods, deployments, events and deleted applications.
'use strict';

const ask = (title, text, action, submit, danger) => openDialog(title, h('p', {}, text), action, submit, { danger });
function askNumber(title, label, value, action, submit) {
  const n = h('input', { type: 'number', min: 0, step: 'any', value, autofocus: true });
  openDialog(title, h('label', {}, label, n), action, force => submit(Number(n.value), force));
}

const dialogs = {
  scale: a => askNumber(`Scale ${a.id}`, 'Instances', a.instances, 'Scale', (n, force) => change('PUT', `v2/apps${enc(a.id)}`, { instances: n }, force)),
  resume: a => change('PUT', `v2/apps${enc(a.id)}`, { instances: 1 }).catch(e => say(e.message)),
  suspend: a => ask(`Suspend ${a.id}?`, 'It is scaled to 0 instances.', 'Suspend', force => change('PUT', `v2/apps${enc(a.id)}`, { instances: 0 }, force)),
  restart: a => ask(`Restart ${a.id}?`, 'Every instance is replaced, within the upgrade strategy.', 'Restart', force => change('POST', `v2/apps${enc(a.id)}/restart`, {}, force)),
  destroy: a => ask(`Destroy ${a.id}?`, withVolumes(a) ? 'Its instances are killed and its volumes destroyed, with all data.' : 'Its instances are killed. For some days its definition can be restored under Deleted.', 'Destroy', async () => {
    await change('DELETE', `v2/apps${enc(a.id)}`);
    if (route().page === 'app') location.hash = '#/apps';
  }, true),
  resetDelay: a => change('DELETE', `v2/queue${enc(a.id)}/delay`).catch(e => say(e.message)),
  // As it is, or as it was in a version.
  edit: (a, version) => get(api(`v2/apps${enc(a.id)}${version ? `/versions/${encodeURIComponent(version)}` : ''}`)).then(x => appDialog(x.app || x), e => say(e.message)),
  group(parent) {
    const id = h('input', { placeholder: 'name', required: true, autofocus: true }), base = parent && parent.id !== '/' ? parent.id + '/' : '/';
    openDialog('Create group', h('label', {}, `Name, in ${base}`, id), 'Create', () => change('POST', 'v2/groups', { id: id.value.startsWith('/') ? id.value : base + id.value }));
  },
  scaleGroup: g => askNumber(`Scale ${g.id}`, 'Factor: instances of every application in it are multiplied', 2, 'Scale', (n, force) => change('PUT', `v2/groups${enc(g.id)}`, { scaleBy: n }, force)),
  suspendGroup: g => ask(`Suspend ${g.id}?`, `All ${apps(g).length} applications in it are scaled to 0.`, 'Suspend', force => change('PUT', `v2/groups${enc(g.id)}`, { scaleBy: 0 }, force)),
  destroyGroup: g => ask(`Destroy ${g.id}?`, `The group with its ${apps(g).length} applications and ${pods(g).length} pods is removed.`, 'Destroy', force => change('DELETE', `v2/groups${enc(g.id)}`, undefined, force), true),
  scalePod: p => askNumber(`Scale ${p.id}`, 'Instances', p.spec.scaling.instances, 'Scale', (n, force) => change('PUT', `v2/pods${enc(p.id)}`, { ...p.spec, scaling: { kind: 'fixed', instances: n } }, force)),
  destroyPod: p => ask(`Destroy ${p.id}?`, 'Its instances are killed.', 'Destroy', async force => { await change('DELETE', `v2/pods${enc(p.id)}`, undefined, force); location.hash = '#/apps'; }, true),
  async about() {
    const info = await get(api('v2/info'));
    const flat = o => dl(Object.entries(o).filter(([, v]) => typeof v !== 'object' || v === null || Array.isArray(v)).map(([k, v]) => [k, v === null ? null : String(v)]));
    openDialog('About', [flat(info), ...['marathon_config', 'zookeeper_config', 'http_config'].map(k => [h('h2', {}, k), flat(info[k])])], 'Close', null, { wide: true });
  },
  help: () => openDialog('Keys', dl([['c', 'create application'], ['shift+c', 'create group'], ['g a', 'applications'], ['g d', 'deployments'], ['g j', 'jobs'], ['g v', 'version'], ['g e', 'edit the application that is shown'], ['s', 'search'], ['shift+,', 'about'], ['esc', 'close the dialog'], ['ctrl+enter', 'submit the dialog'], ['?', 'this list']]), 'Close'),
};

// --- pods
function podPage(r) {
  const p = state.pod;
  if (!p || p.id !== r.id) return h('p', { class: 'soft' }, 'Loading …');
  if (p.missing) return h('div', { class: 'empty' }, `There is no pod ${r.id}.`);
  const q = state.queue.find(x => x.pod && x.pod.id === p.id);
  const kill = i => ask(`Kill ${i.id}?`, 'It is replaced at once.', 'Kill', () => change('DELETE', `v2/pods${enc(p.id)}::instances/${encodeURIComponent(i.id)}`), true);
  const containers = i => (i.containers || []).map(c => h('div', {}, h('b', {}, c.name), ` ${c.status.replace('TASK_', '')} `, (c.endpoints || []).map(e => e.allocatedHostPort && [h('a', { href: `http://${i.agentHostname}:${e.allocatedHostPort}/`, target: '_blank', rel: 'noopener' }, `${e.name}: ${e.allocatedHostPort}`), ' ']), c.message && h('span', { class: 'soft' }, c.message)));
  return [h('div', { class: 'soft' }, crumbs(p.id, true)),
    h('div', { class: 'bar' }, h('h1', {}, p.id), dot(podClass[p.status], capital(p.status)), h('span', { class: 'soft' }, `${podStable(p)} of ${p.spec.scaling.instances} instances`), h('div', { class: 'grow' }), h('button', { onclick: () => dialogs.scalePod(p) }, 'Scale'), podMenu(p)),
    q && h('div', { class: 'note' }, `Waiting for ${q.count} more instances to fit an offer.`),
    table('pod', [['Instance', i => i.id, i => i.id], ['Status', i => [dot(podClass[i.status] || 'bad', capital(i.status)), i.message && h('div', { class: 'soft' }, i.message)], i => i.status], ['Host', i => i.agentHostname || '–', i => i.agentHostname || ''], ['Containers', containers, null], ['Since', i => stamp(i.statusSince), i => i.statusSince], ['', i => button('Kill', () => kill(i), { class: 'small danger' }), null, 'end']], p.instances || [], 'No instance has been started yet.'),
    h('h2', {}, 'Definition'), h('pre', {}, JSON.stringify(p.spec, null, 2))];
}

// --- deployments
const runSpecLink = a => a.pod ? h('a', { href: link('pods', a.pod) }, a.pod) : h('a', { href: appLink(a.app) }, a.app);
function steps(d) {
  return h('ol', { class: 'steps' }, d.steps.map((s, i) => h('li', { class: i + 1 < d.currentStep ? 'done' : i + 1 === d.currentStep ? 'now' : '' }, s.actions.map((a, k) => {
    const now = i + 1 === d.currentStep && (d.currentActions || []).find(x => (x.app || x.pod) === (a.app || a.pod));
    const ready = (now && now.readinessCheckResults || []).filter(x => !x.ready);
    return [k > 0 && ', ', a.action.replace(/Application|Pod/, ''), ' ', runSpecLink(a), ready.length > 0 && h('div', { class: 'soft' }, ready.map(x => `${x.taskId} is not ready${x.lastResponse ? `: ${x.lastResponse.status} ${x.lastResponse.body}` : ''}`).join('\n'))];
  }))));
}
function deploymentsPage() {
  const back = d => ask('Roll back?', 'A new deployment restores what was there before.', 'Roll back', () => change('DELETE', `v2/deployments/${d.id}`));
  const stop = d => ask('Stop the deployment?', 'What it has done so far stays; nothing is restored.', 'Stop', () => change('DELETE', `v2/deployments/${d.id}?force=true`), true);
  return [h('h1', {}, 'Deployments'), table('deployments', [
    ['Deployment', d => [h('code', {}, d.id), h('div', { class: 'soft' }, stamp(d.version))], d => d.version], ['Applications', d => [...(d.affectedApps || []).map(app => h('div', {}, runSpecLink({ app }))), ...(d.affectedPods || []).map(pod => h('div', {}, runSpecLink({ pod })))], null],
    ['Steps', steps, null], ['Progress', d => [h('div', { class: 'progress' }, h('i', { style: `width:${100 * Math.max(0, d.currentStep - 1) / Math.max(1, d.totalSteps)}%` })), h('span', { class: 'soft' }, `step ${d.currentStep} of ${d.totalSteps}`)], d => d.currentStep],
    ['', d => [button('Roll back', () => back(d)), ' ', button('Stop', () => stop(d), { class: 'small danger' })], null, 'end'],
  ], state.deployments, 'No deployment is under way.')];
}

// --- events: only while the page is open
const EVENTS = 'api_post_event app_terminated_event status_update_event instance_changed_event instance_health_changed_event health_status_changed_event failed_health_check_event add_health_check_event remove_health_check_event unhealthy_instance_kill_event unknown_instance_terminated_event group_change_success group_change_failed deployment_info deployment_success deployment_failed deployment_step_success deployment_step_failure pod_created_event pod_updated_event pod_deleted_event scheduler_registered_event scheduler_reregistered_event scheduler_disconnected_event framework_message_event event_stream_attached event_stream_detached'.split(' ');
const EVENTS_KEPT = 500;
let source = null, events = [];
function watchEvents(on) {
  if (!on && source) { source.close(); source = null; }
  if (!on || source) return;
  source = new EventSource(api('v2/events?plan-format=light'));
  for (const type of EVENTS) source.addEventListener(type, e => { events.unshift(JSON.parse(e.data)); events.length = Math.min(events.length, EVENTS_KEPT); render(); });
}
const about = e => e.appId || (e.appDefinition || {}).id || e.runSpecId || e.groupId || e.uri || (e.plan && [...new Set(e.plan.steps.flatMap(x => x.actions.map(a => a.app || a.pod)))].join(', ')) || e.remoteAddress || e.master || '';
function eventsPage(query) {
  const text = (query.get('filterText') || '').toLowerCase(), shown = events.filter(e => !text || JSON.stringify(e).toLowerCase().includes(text));
  return [h('div', { class: 'bar' }, h('h1', {}, 'Events'), h('span', { class: 'soft' }, `since this page was opened; the last ${EVENTS_KEPT}`), h('div', { class: 'grow' }), h('input', { type: 'search', id: 'search', 'aria-label': 'Filter', placeholder: 'Filter (s)', value: query.get('filterText') || '', oninput: e => setQuery({ filterText: e.target.value }) }), h('button', { onclick: () => { events = []; render(); } }, 'Clear')),
    table('events', [['Time', e => h('time', {}, e.timestamp.slice(11, 23)), null], ['Type', e => e.eventType, null], ['About', about, null], ['', e => h('details', {}, h('summary', {}, e.taskStatus || e.condition || 'all'), h('pre', {}, JSON.stringify(e, null, 2))), null]], shown, 'Nothing has happened yet.')];
}

const deletedPage = () => [h('h1', {}, 'Deleted'), table('deleted', [
  ['ID', d => d.id, d => d.id], ['Kind', d => d.kind, d => d.kind], ['Deleted', d => stamp(d.deletedAt), d => d.deletedAt], ['Kept until', d => until(d.keptUntil), d => d.keptUntil],
  ['', d => [button('Restore', () => openDialog(`Restore ${d.id}?`, h('pre', {}, JSON.stringify(definition(d.definition), null, 2)), 'Restore', force => change('POST', `stoa/v1/deleted${enc(d.id)}/restore`, {}, force))), ' ',
    button('Forget', () => ask(`Forget ${d.id}?`, 'Its definition cannot be restored afterwards.', 'Forget', () => change('DELETE', `stoa/v1/deleted${enc(d.id)}`), true), { class: 'small danger' })], null, 'end'],
], state.deleted || [], 'Nothing was deleted of late. What is deleted can be restored here for some days.')];
