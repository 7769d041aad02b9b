// SPDX-License-Identifier: Apache-2.0
// What the page knows and how it learns it: the REST API that everybody uses, asked again and again while the page is visible.
'use strict';

const POLL_MS = 2000, POLL_DEPLOYING_MS = 700;
const api = path => '../' + path;
const enc = id => id.split('/').map(encodeURIComponent).join('/');
const state = { root: null, queue: [], deployments: [], app: null, versions: null, why: null, rollout: null, pod: null, jobs: null, job: null, deleted: null, info: null, error: null, since: null };
let polling = null;

// The fragment: #/page/id/tab/more?query, each part percent-encoded, so ids keep their slashes.
function route() {
  const [path, query] = location.hash.replace(/^#\/?/, '').split('?');
  const parts = path.split('/').map(p => { try { return decodeURIComponent(p); } catch (e) { return p; } });
  const [page, id, tab, more] = [parts[0] || 'apps', parts[1] || '', parts[2] || '', parts[3] || ''];
  return { page: page === 'apps' && id ? 'app' : page, id: id && !id.startsWith('/') ? '/' + id : id, tab, more, query: new URLSearchParams(query || '') };
}
const link = (page, ...parts) => `#/${[page, ...parts].map(encodeURIComponent).join('/')}`;
const appLink = (id, tab) => tab ? link('apps', id, tab) : link('apps', id);
function setQuery(changes) {
  const [path] = location.hash.split('?'), q = route().query;
  for (const [k, v] of Object.entries(changes)) {
    q.delete(k);
    for (const x of [v].flat()) if (x) q.append(k, x);
  }
  const text = q.toString();
  history.replaceState(null, '', (path || '#/apps') + (text ? '?' + text : ''));
  render();
}

const APP = ['app.taskStats', 'app.readiness', 'app.tasks', 'app.counts', 'app.deployments', 'app.lastTaskFailure'].map(e => 'embed=' + e).join('&');
const missing = id => e => { if (e.status === 404) return { id, missing: true }; throw e; };

const learn = {
  async app(r) {
    state.app = (await get(api(`v2/apps${enc(r.id)}?${APP}`)).then(x => x.app, missing(r.id)));
    if (state.app.missing) return;
    state.rollout = await get(api(`stoa/v1/apps${enc(r.id)}/rollout`)).catch(() => null);
    if (r.tab === 'configuration') state.versions = (await get(api(`v2/apps${enc(r.id)}/versions`))).versions;
    if (r.tab === 'debug' || state.app.tasksRunning < state.app.instances) state.why = await get(api(`stoa/v1/apps${enc(r.id)}/why`)).catch(() => null);
  },
  async pods(r) { state.pod = r.id ? await get(api(`v2/pods${enc(r.id)}::status`)).catch(missing(r.id)) : null; },
  jobs: r => pollJobs(r),
  async deleted() { state.deleted = (await get(api('stoa/v1/deleted'))).deleted; },
};

async function poll() {
  clearTimeout(polling);
  const r = route(), begun = Date.now();
  try {
    const embeds = ['groups', 'apps', 'pods', 'apps.deployments', 'apps.counts', 'apps.readiness'].map(e => 'embed=group.' + e).join('&');
    const [root, queue, deployments] = await Promise.all([get(api('v2/groups?' + embeds)), get(api('v2/queue')), get(api('v2/deployments'))]);
    Object.assign(state, { root, queue: queue.queue, deployments, error: null, since: null });
    if (!state.info) state.info = await get(api('v2/info'));
    if (learn[r.page]) await learn[r.page](r);
  } catch (e) {
    state.error = e.status === 401 ? 'Unauthorized: this server wants a name and a password.' : e.status === 403 ? 'You are not allowed to see this.' : `The server does not answer: ${e.message}.`;
    state.since = state.since || new Date();
  }
  render();
  // A cluster whose list takes long to fetch is asked less often; a page that nobody sees, not at all.
  const pause = state.deployments.length ? POLL_DEPLOYING_MS : POLL_MS;
  if (!document.hidden) polling = setTimeout(poll, Math.max(pause, 4 * (Date.now() - begun)));
}
document.addEventListener('visibilitychange', () => { if (!document.hidden) poll(); });

async function change(method, path, body, force) {
  await request(method, api(path + (force ? (path.includes('?') ? '&' : '?') + 'force=true' : '')), body);
  poll();
}

function apps(group, out = []) {
  if (!group) return out;
  out.push(...(group.apps || []));
  for (const g of group.groups || []) apps(g, out);
  return out;
}
function pods(group, out = []) {
  if (!group) return out;
  out.push(...(group.pods || []));
  for (const g of group.groups || []) pods(g, out);
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

// The page of the master, where an agent's files can be read; empty while marathon does not know its master.
const masterUrl = () => ((state.info || {}).marathon_config || {}).mesos_leader_ui_url || '';
// file: one of its sandbox; without: the sandbox. Mesos' own page understands the address too, but for the file.
function filesUrl(task, file) {
  const url = masterUrl(), framework = (state.info || {}).frameworkId;
  if (!/^https?:/.test(url) || !task.slaveId || !framework) return null;
  return `${url.replace(/\/$/, '')}/#/agents/${[task.slaveId, 'frameworks', framework, 'executors', task.id].map(encodeURIComponent).join('/')}${file ? `?file=${encodeURIComponent(file)}` : ''}`;
}
