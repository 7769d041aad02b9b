// SPDX-License-Identifier: Apache-2.0
// Creating and editing an application: a form in sections and its JSON, two views of one definition. What the form does not know stays
// in the JSON. What the server refuses is shown at the field that it is about.
'use strict';

const at = (def, path) => path.reduce((v, k) => v == null ? undefined : v[k], def);
function put(def, path, value) {
  const last = path[path.length - 1];
  let v = def;
  for (const [i, k] of path.slice(0, -1).entries()) v = v[k] == null ? (v[k] = typeof path[i + 1] === 'number' ? [] : {}) : v[k];
  if (value === undefined) delete v[last]; else v[last] = value;
}
// ['healthChecks', 0, 'path'] as the server writes it: /healthChecks(0)/path
const pathText = path => path.map(k => typeof k === 'number' ? `(${k})` : '/' + k).join('');

// What an application with volumes of its own has to be: it waits for its data, and a volume is used by one instance at a time.
const RESIDENT = { residency: { relaunchEscalationTimeoutSeconds: 10, taskLostBehavior: 'WAIT_FOREVER' }, upgradeStrategy: { minimumHealthCapacity: 0.5, maximumOverCapacity: 0 } };
const SINGLE = { upgradeStrategy: { minimumHealthCapacity: 0, maximumOverCapacity: 0 } };

class AppForm {
  constructor(def, fixedId) {
    Object.assign(this, { def, fixedId, section: 'General', json: false, errors: [], parseError: '' });
    this.area = h('textarea', { spellcheck: 'false', 'aria-label': 'JSON' });
    this.body = h('div', {});
    this.show();
  }

  // --- fields
  errorsAt(text) { return this.errors.filter(e => e.path === text).flatMap(e => e.errors.map(inWords)); }
  field(label, path, props = {}) {
    const v = at(this.def, path), text = v == null ? '' : String(v);
    const read = t => t === '' ? undefined : props.type === 'number' ? Number(t) : t;
    const input = h('input', { value: text, ...props, oninput: e => put(this.def, path, (props.read || read)(e.target.value)) });
    return this.labelled(label, path, input, props.wide);
  }
  choice(label, path, values, props = {}) {
    const v = at(this.def, path);
    return this.labelled(label, path, h('select', { onchange: e => { put(this.def, path, e.target.value || undefined); if (props.again) this.show(); } }, values.map(x => h('option', { value: x, selected: (v || '') === x }, x || 'default'))), props.wide);
  }
  tick(label, path) {
    return h('label', { class: 'choice' }, h('input', { type: 'checkbox', checked: !!at(this.def, path), onchange: e => put(this.def, path, e.target.checked) }), ' ', label);
  }
  labelled(label, path, input, wide) {
    const wrong = this.errorsAt(pathText(path));
    if (wrong.length) input.setAttribute('aria-invalid', 'true');
    return h('label', { class: (wide ? 'wide ' : '') + (wrong.length ? 'wrong' : '') }, label, input, wrong.map(w => h('span', { class: 'bad' }, w)));
  }
  number(label, path, props) { return this.field(label, path, { type: 'number', step: 'any', min: 0, ...props }); }

  // A list of rows, each drawn by row(path); add() makes a new one.
  rows(path, row, add, what) {
    const list = at(this.def, path) || [], general = this.errorsAt(pathText(path));
    return [list.map((x, i) => h('div', { class: 'row' }, row([...path, i], x), this.errorsAt(pathText([...path, i])).map(w => h('div', { class: 'bad' }, w)),
      button('Remove', () => { list.splice(i, 1); if (!list.length) put(this.def, path, undefined); this.show(); }))),
    general.map(w => h('div', { class: 'bad' }, w)), h('p', {}, button(`Add ${what}`, () => { put(this.def, [...path, list.length], add()); this.show(); }))];
  }
  // A map of texts; what is no text (a secret) is left alone. The rows are kept apart from the definition: a name may be empty for a while.
  pairs(key, what) {
    const pairs = this['pairs ' + key] || (this['pairs ' + key] = Object.entries(this.def[key] || {}));
    const store = () => { const m = Object.fromEntries(pairs.filter(([k]) => k !== '')); put(this.def, [key], Object.keys(m).length ? m : undefined); };
    return [pairs.map((p, i) => h('div', { class: 'row' }, h('div', { class: 'grid two' }, h('label', {}, 'Name', h('input', { value: p[0], oninput: e => { p[0] = e.target.value; store(); } })),
      h('label', {}, 'Value', typeof p[1] === 'string' ? h('input', { value: p[1], oninput: e => { p[1] = e.target.value; store(); } }) : h('input', { value: JSON.stringify(p[1]), readonly: true }))),
    this.errorsAt(`/${key}/${p[0]}`).map(w => h('div', { class: 'bad' }, w)), button('Remove', () => { pairs.splice(i, 1); store(); this.show(); }))),
    h('p', {}, button(`Add ${what}`, () => { pairs.push(['', '']); this.show(); }))];
  }

  // --- sections
  general() {
    return h('div', { class: 'grid' }, this.field('ID', ['id'], { wide: true, required: true, readonly: this.fixedId, placeholder: '/group/name' }), this.number('CPUs', ['cpus']), this.number('Memory (MiB)', ['mem']), this.number('Disk space (MiB)', ['disk']),
      this.number('GPUs', ['gpus'], { step: 1 }), this.number('Instances', ['instances'], { step: 1 }), this.field('Role', ['role'], { placeholder: 'default' }), this.labelled('Command', ['cmd'], h('textarea', { class: 'small', spellcheck: 'false', value: this.def.cmd || '', oninput: e => put(this.def, ['cmd'], e.target.value || undefined) }), true));
  }
  container() {
    const c = this.def.container;
    if (!c) return h('p', {}, 'Runs on the agent itself, without an image. ', button('Add a container', () => { this.def.container = { type: 'MESOS', docker: { image: '' } }; this.show(); }));
    return [h('div', { class: 'grid' }, this.choice('Runtime', ['container', 'type'], ['MESOS', 'DOCKER']), this.field('Image', ['container', 'docker', 'image'], { wide: true, read: t => t }), this.choice('Network', ['networks', 0, 'mode'], ['', 'host', 'container/bridge', 'container'], { again: true }),
      at(this.def, ['networks', 0, 'mode']) === 'container' && this.field('Network name', ['networks', 0, 'name'])),
    this.tick('Force pull image on launch', ['container', 'docker', 'forcePullImage']), this.tick('Extend runtime privileges', ['container', 'docker', 'privileged']), h('h3', {}, 'Parameters'),
    this.rows(['container', 'docker', 'parameters'], p => h('div', { class: 'grid two' }, this.field('Key', [...p, 'key']), this.field('Value', [...p, 'value'], { read: t => t })), () => ({ key: '', value: '' }), 'parameter'),
    button('Remove the container', () => { delete this.def.container; delete this.def.networks; this.show(); }, { class: 'small danger' })];
  }
  ports() {
    const mode = at(this.def, ['networks', 0, 'mode']), mapped = mode === 'container' || mode === 'container/bridge';
    const protocol = p => this.choice('Protocol', [...p, 'protocol'], ['tcp', 'udp', 'udp,tcp']);
    const int = (label, p) => this.number(label, p, { step: 1, max: 65535 });
    return mapped ? this.rows(['container', 'portMappings'], p => h('div', { class: 'grid' }, int('Container port', [...p, 'containerPort']), int('Host port', [...p, 'hostPort']), int('Service port', [...p, 'servicePort']), this.field('Name', [...p, 'name']), protocol(p)), () => ({ containerPort: 0, protocol: 'tcp' }), 'port')
      : [this.tick('Host ports are required: the ports below, not any that are free', ['requirePorts']), this.rows(['portDefinitions'], p => h('div', { class: 'grid' }, int('Port (0: any)', [...p, 'port']), this.field('Name', [...p, 'name']), protocol(p)), () => ({ port: 0, protocol: 'tcp' }), 'port')];
  }
  health() {
    const seconds = (label, p) => this.number(label, p, { step: 1 });
    return this.rows(['healthChecks'], (p, c) => h('div', { class: 'grid' },
      this.choice('Protocol', [...p, 'protocol'], ['HTTP', 'HTTPS', 'TCP', 'COMMAND', 'MESOS_HTTP', 'MESOS_HTTPS', 'MESOS_TCP'], { again: true }),
      c.protocol === 'COMMAND' ? this.field('Command', [...p, 'command', 'value'], { wide: true }) : [/HTTP/.test(c.protocol) && this.field('Path', [...p, 'path']), this.number('Port index', [...p, 'portIndex'], { step: 1 }), this.number('or port number', [...p, 'port'], { step: 1 }), this.choice('IP protocol', [...p, 'ipProtocol'], ['', 'IPv4', 'IPv6'])],
      seconds('Grace period (s)', [...p, 'gracePeriodSeconds']), seconds('Interval (s)', [...p, 'intervalSeconds']), seconds('Timeout (s)', [...p, 'timeoutSeconds']), seconds('Max consecutive failures', [...p, 'maxConsecutiveFailures']),
      /HTTP/.test(c.protocol) && this.tick('Ignore HTTP 1xx', [...p, 'ignoreHttp1xx'])),
    () => ({ protocol: 'HTTP', path: '/', portIndex: 0, gracePeriodSeconds: 300, intervalSeconds: 60, timeoutSeconds: 20, maxConsecutiveFailures: 3 }), 'health check');
  }
  volumes() {
    const v = ['container', 'volumes'], add = x => () => { if (!this.def.container) this.def.container = { type: 'MESOS' }; Object.assign(this.def, x.persistent ? RESIDENT : x.external ? SINGLE : {}); put(this.def, [...v, (at(this.def, v) || []).length], x); this.show(); };
    return [this.rows(v, (p, x) => h('div', { class: 'grid' }, this.field('Container path', [...p, 'containerPath']), x.persistent ? this.number('Size (MiB)', [...p, 'persistent', 'size'], { step: 1 }) : x.external ? this.field('External name', [...p, 'external', 'name']) : x.secret != null ? this.field('Secret', [...p, 'secret']) : this.field('Host path', [...p, 'hostPath']),
      x.persistent ? this.choice('Type', [...p, 'persistent', 'type'], ['', 'root', 'path', 'mount']) : null, x.secret == null && this.choice('Mode', [...p, 'mode'], ['RW', 'RO'])), () => ({ containerPath: '', hostPath: '', mode: 'RW' }), 'host volume').slice(0, 2),
    h('p', {}, button('Add host volume', add({ containerPath: '', hostPath: '', mode: 'RW' })), ' ', button('Add persistent volume', add({ containerPath: '', mode: 'RW', persistent: { size: 100 } })), ' ',
      button('Add external volume', add({ containerPath: '', mode: 'RW', external: { name: '', provider: 'dvdi', options: { 'dvdi/driver': 'rexray' } } })))];
  }
  optional() {
    const list = (label, path, parse, print) => this.labelled(label, path, h('textarea', { class: 'small', spellcheck: 'false', value: (at(this.def, path) || []).map(print).join('\n'), oninput: e => { const l = e.target.value.split('\n').filter(Boolean).map(parse); put(this.def, path, l.length ? l : undefined); } }), true);
    return h('div', { class: 'grid' }, this.field('User', ['user']), this.field('Executor', ['executor'], { read: t => t }), this.number('Kill grace period (s)', ['taskKillGracePeriodSeconds'], { step: 1 }),
      list('URIs, one a line', ['fetch'], uri => (this.def.fetch || []).find(f => f.uri === uri) || { uri }, f => f.uri), list('Constraints, field:OPERATOR:value, one a line', ['constraints'], l => l.split(':').map(x => x.trim()), c => c.join(':')),
      list('Accepted resource roles, one a line', ['acceptedResourceRoles'], x => x.trim(), x => x), list('Dependencies, one a line', ['dependencies'], x => x.trim(), x => x));
  }

  // Which section shows a path of the server.
  sectionOf(path) {
    const all = { General: /^\/(id|cpus|mem|disk|gpus|instances|role|cmd)$/, Container: /^\/(container\/(type|docker)|networks)/, Ports: /^\/(portDefinitions|requirePorts|container\/portMappings)/, Environment: /^\/env/, Labels: /^\/labels/,
      'Health checks': /^\/healthChecks/, Volumes: /^\/container\/volumes/, Optional: /^\/(user|executor|taskKill|fetch|uris|constraints|acceptedRes|dependencies)/ };
    return Object.keys(all).find(k => all[k].test(path));
  }

  show() {
    const sections = { General: () => this.general(), Container: () => this.container(), Ports: () => this.ports(), Environment: () => this.pairs('env', 'variable'), Labels: () => this.pairs('labels', 'label'), 'Health checks': () => this.health(), Volumes: () => this.volumes(), Optional: () => this.optional() };
    const go = name => () => { this.section = name; this.show(); };
    const mode = button(this.json ? 'Form' : 'JSON mode', () => { if (!this.json || this.fromJson()) { this.json = !this.json; this.show(); } });
    if (this.json) this.area.value = JSON.stringify(this.def, null, 2);
    this.body.replaceChildren(h('div', { class: 'bar' }, h('div', { class: 'sections grow', role: 'tablist' }, !this.json && Object.keys(sections).map(s => h('button', { type: 'button', role: 'tab', 'aria-selected': String(s === this.section), class: (s === this.section ? 'on' : '') + (this.errors.some(e => this.sectionOf(e.path) === s) ? ' bad' : ''), onclick: go(s) }, s))), mode),
      this.json ? this.area : h('div', { class: 'section' }, sections[this.section]()));
  }
  fromJson() {
    try {
      this.def = JSON.parse(this.area.value);
      for (const k of ['env', 'labels']) delete this['pairs ' + k];
      return true;
    } catch (e) { say(`This is no JSON: ${e.message}`); return false; }
  }
  value() {
    if (this.json) this.def = JSON.parse(this.area.value);
    return this.def;
  }
  // Gives back the errors that no field shows.
  showErrors(details) {
    this.errors = details;
    if (this.json) return details;
    const section = details.map(e => this.sectionOf(e.path)).find(Boolean);
    if (section) this.section = section;
    if (details.length || this.hadErrors) this.show();
    this.hadErrors = details.length > 0;
    return details.filter(e => !this.sectionOf(e.path) || ![...this.body.querySelectorAll('.bad')].some(b => e.errors.map(inWords).includes(b.textContent)));
  }
}

function appDialog(app) {
  const form = new AppForm(app ? definition(app) : { id: '', cmd: '', cpus: 1, mem: 128, disk: 0, instances: 1 }, !!app);
  openDialog(app ? `Edit ${app.id}` : 'Create application', form.body, app ? 'Change and deploy' : 'Create application', force => {
    const def = { ...form.value() };
    if (def.cmd === '') delete def.cmd;
    return app ? change('PUT', `v2/apps${enc(app.id)}`, def, force) : change('POST', 'v2/apps', def, force);
  }, { wide: true, showErrors: details => form.showErrors(details) });
}
