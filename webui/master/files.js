// SPDX-License-Identifier: Apache-2.0
// Sandboxes: one agent with what runs on it, the folders of a task, and the end of a file as it grows. These come from the agent itself,
// another origin, so its endpoints are asked by script elements (their jsonp parameter), as pages of Mesos have always done.
'use strict';

let asked = 0;
function jsonp(url) {
  return new Promise((resolve, reject) => {
    const name = `answer${++asked}`, script = document.createElement('script');
    const done = (f, v) => { clearTimeout(timer); delete window[name]; script.remove(); f(v); };
    const timer = setTimeout(() => done(reject, new Error('the agent does not answer')), 10000);
    window[name] = v => done(resolve, v);
    script.onerror = () => done(reject, new Error('the agent does not answer, or has no such file (any more)'));
    script.src = `${url}${url.includes('?') ? '&' : '?'}jsonp=${name}`;
    document.head.append(script);
  });
}

const agentOf = id => state.slaves.find(s => s.id === id);
const agentUrl = s => `${location.protocol}//${s.pid.split('@')[1]}`;
const filesOf = (s, what, path, more) => `${agentUrl(s)}/files/${what}?path=${encodeURIComponent(path)}${more || ''}`;
const link = (...parts) => '#/' + parts.map(encodeURIComponent).join('/');
const sandboxPath = (framework, executor) => `/frameworks/${framework}/executors/${executor}/runs/latest`;
const sandboxLink = (agent, framework, executor) => link('agents', agent, 'frameworks', framework, 'executors', executor);
const taskSandbox = t => sandboxLink(t.slave_id, t.framework_id, t.executor_id || t.id);
const browseLink = (agent, path) => link('agents', agent, 'browse', path);
const readLink = (agent, path) => link('agents', agent, 'read', path);

// What was last learnt from an agent: { key, value, error }.
let learnt = {};
async function learn(key, ask) {
  const value = await ask().catch(e => ({ error: e.message }));
  learnt = { key, ...(value.error ? { error: value.error, value: learnt.key === key ? learnt.value : null } : { value }) };
}
const failed = key => learnt.key === key && learnt.error && h('div', { class: 'banner', role: 'alert' }, learnt.error);

// --- one agent
const learnAgent = s => learn('agent ' + s.id, () => jsonp(agentUrl(s) + '/state'));
function agentPage(s) {
  const key = 'agent ' + s.id, st = learnt.key === key && learnt.value, list = (st ? st.frameworks : []).flatMap(f => f.executors.map(e => ({ ...e, framework: f })));
  const done = (st ? [...st.frameworks, ...st.completed_frameworks] : []).flatMap(f => (f.completed_executors || []).map(e => ({ ...e, framework: f })));
  const columns = [['Executor', e => [h('a', { href: sandboxLink(s.id, e.framework.id, e.id) }, e.id), e.name && h('div', { class: 'soft' }, e.name)], e => e.id], ['Framework', e => e.framework.name, e => e.framework.name],
    ['Tasks', e => [...(e.tasks || []), ...(e.completed_tasks || [])].map(t => h('div', {}, stateDot(t.state), t.id === e.id ? t.state.replace('TASK_', '') : t.id)), null], ['CPUs', e => amount(e.resources.cpus), e => e.resources.cpus, 'num'], ['Memory', e => mib(e.resources.mem || 0), e => e.resources.mem, 'num']];
  return [h('div', { class: 'soft' }, h('a', { href: '#/agents' }, 'Agents'), ' › ', s.hostname), h('h1', {}, s.hostname), failed(key),
    dl([['ID', s.id], ['Address', h('a', { href: agentUrl(s) + '/state', target: '_blank', rel: 'noopener' }, s.pid.split('@')[1])], ['State', agentState(s)], ['CPUs', used(s, 'cpus')], ['Memory', used(s, 'mem', mib)], ['Disk', used(s, 'disk', mib)], ['GPUs', used(s, 'gpus')],
      ['Ports in use', s.used_resources.ports], ['Attributes', Object.entries(s.attributes || {}).map(([k, v]) => `${k}: ${v}`).join(', ')], ['Region and zone', domain(s)], ['Registered', stamp(s.registered_time)], ['Version', s.version]]),
    h('h2', {}, 'Executors'), table('executors', columns, list, st ? 'Nothing runs here.' : 'Asking the agent …'),
    done.length > 0 && [h('h2', {}, 'Ended'), table('ended', columns, done, '')]];
}

// --- a folder
const learnFolder = (s, path) => learn(`browse ${s.id} ${path}`, () => jsonp(filesOf(s, 'browse', path)));
function trail(s, path) {
  const [, framework, , executor, , , ...below] = path.split('/').slice(1), root = sandboxPath(framework, executor), inside = path.startsWith('/frameworks/');
  return h('div', { class: 'soft' }, h('a', { href: '#/agents' }, 'Agents'), ' › ', h('a', { href: link('agents', s.id) }, s.hostname), ' › ',
    inside ? [h('a', { href: browseLink(s.id, root) }, executor), below.map((b, i) => [' › ', i === below.length - 1 ? b : h('a', { href: browseLink(s.id, [root, ...below.slice(0, i + 1)].join('/')) }, b)])] : path);
}
function folderPage(s, path) {
  const key = `browse ${s.id} ${path}`, list = learnt.key === key && learnt.value, name = f => f.path.slice(f.path.lastIndexOf('/') + 1);
  const isFolder = f => f.mode[0] === 'd';
  return [trail(s, path), h('h1', {}, 'Sandbox'), failed(key), table('files', [
    ['Name', f => isFolder(f) ? h('a', { href: browseLink(s.id, f.path) }, name(f) + '/') : h('a', { href: readLink(s.id, f.path) }, name(f)), f => (isFolder(f) ? '0' : '1') + name(f)], ['Size', f => isFolder(f) ? '' : bytes(f.size), f => f.size, 'num'], ['Mode', f => h('code', {}, f.mode), null], ['Owner', f => `${f.uid}:${f.gid}`, f => f.uid],
    ['Changed', f => stamp(f.mtime), f => f.mtime], ['', f => isFolder(f) ? '' : h('a', { href: filesOf(s, 'download', f.path) }, 'Download'), null, 'end'],
  ], list || [], list ? 'This folder is empty.' : learnt.key === key ? 'Nothing to show.' : 'Asking the agent …')];
}

// --- a file: its end, and what is appended to it
const TAIL_BYTES = 50000, KEPT_CHARS = 1000000;
let file = { key: null };
async function learnFile(s, path) {
  const key = `read ${s.id} ${path}`;
  if (file.key !== key) file = { key, text: '', from: null, next: null, follow: true };
  await learn(key, async () => {
    const read = (offset, length) => jsonp(filesOf(s, 'read', path, `&offset=${offset}${length ? `&length=${length}` : ''}`));
    const { offset: size } = await read(-1);
    if (file.next === null || size < file.next) Object.assign(file, { text: '', from: Math.max(0, size - TAIL_BYTES), next: Math.max(0, size - TAIL_BYTES) });
    if (size > file.next) {
      const length = Math.min(size - file.next, TAIL_BYTES), { data } = await read(file.next, length);
      if (file.key !== key) return {};
      file.text = (file.text + data).slice(-KEPT_CHARS);
      file.next += length;
    }
    return { size };
  });
}
async function earlier(s, path) {
  const from = Math.max(0, file.from - TAIL_BYTES), { data } = await jsonp(filesOf(s, 'read', path, `&offset=${from}&length=${file.from - from}`));
  Object.assign(file, { text: data + file.text, from, follow: false });
  render();
}
function filePage(s, path) {
  const key = `read ${s.id} ${path}`, ready = file.key === key && file.next !== null;
  return [trail(s, path), h('div', { class: 'bar' }, h('h1', {}, path.slice(path.lastIndexOf('/') + 1)), h('span', { class: 'soft' }, ready ? `${bytes(file.next)}${file.from > 0 ? `, from byte ${file.from} on` : ''}` : ''), h('div', { class: 'grow' }),
    ready && file.from > 0 && h('button', { onclick: () => earlier(s, path).catch(e => { learnt.error = e.message; render(); }) }, 'Show earlier'),
    h('label', { class: 'choice' }, h('input', { type: 'checkbox', checked: file.follow, onchange: e => { file.follow = e.target.checked; render(); } }), ' Follow'), h('a', { class: 'button', href: filesOf(s, 'download', path) }, 'Download')),
  failed(key), h('pre', { class: 'file', id: 'file', tabindex: 0 }, ready ? file.text || ' ' : 'Asking the agent …')];
}
function afterDraw() {
  const e = document.getElementById('file');
  if (e && file.follow) e.scrollTop = e.scrollHeight;
}
