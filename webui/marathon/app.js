// SPDX-License-Identifier: Apache-2.0
// The frame: which page the fragment names, the top line, keys.
'use strict';

const NAV = [['apps', 'Applications', ['apps', 'app', 'group', 'pods']], ['jobs', 'Jobs', ['jobs']], ['deployments', 'Deployments', ['deployments']], ['events', 'Events', ['events']], ['deleted', 'Deleted', ['deleted']]];

function page(r) {
  if (!state.root) return h('p', { class: 'soft' }, 'Loading …');
  switch (r.page) {
    case 'app': return appPage(r);
    case 'pods': return podPage(r);
    case 'jobs': return r.id ? jobPage(r) : jobsPage();
    case 'deployments': return deploymentsPage();
    case 'events': return eventsPage(r.query);
    case 'deleted': return deletedPage();
    case 'apps': case 'group': {
      const group = groupOf(state.root, r.page === 'group' ? r.id : '/');
      return group ? appsPage(group, r.query) : h('div', { class: 'empty' }, `There is no group ${r.id}. `, h('a', { href: '#/apps' }, 'All applications'));
    }
    default: return h('div', { class: 'empty' }, 'There is no such page. ', h('a', { href: '#/apps' }, 'All applications'));
  }
}

function render() {
  const r = route(), count = state.deployments.length;
  watchEvents(r.page === 'events');
  draw('nav', NAV.map(([name, text, on]) => h('a', { href: '#/' + name, class: on.includes(r.page) ? 'on' : '', 'aria-current': on.includes(r.page) ? 'page' : null }, text, name === 'deployments' && count > 0 && h('span', { class: 'badge' }, count))));
  draw('main', h('div', {}, state.error && h('div', { class: 'banner', role: 'alert' }, `${state.error} What is shown is of ${state.since.toLocaleTimeString()}. Trying again …`)), h('div', { 'data-page': r.page }, page(r)));
  document.title = `Stoa · ${r.id || (NAV.find(n => n[0] === r.page) || NAV[0])[1]}`;
}

const version = () => get(api('v2/info')).then(i => say(`${i.name} ${i.version}, build ${i.buildref}`), e => say(e.message));
const about_ = () => dialogs.about().catch(e => say(e.message));
const keys = { s: () => { const s = document.getElementById('search'); if (s) s.focus(); else location.hash = '#/apps'; }, c: () => appDialog(), C: () => dialogs.group(groupOf(state.root, route().page === 'group' ? route().id : '/')), '?': () => dialogs.help(), '<': about_, ';': about_ };
const afterG = { a: () => { location.hash = '#/apps'; }, d: () => { location.hash = '#/deployments'; }, j: () => { location.hash = '#/jobs'; }, v: version, e: () => { if (route().page === 'app') dialogs.edit({ id: route().id }); } };

// Addresses that open a dialog over the page, as links to Marathon's page have them: ?modal=new-app, edit-app--/web--VERSION, ...
function openModal() {
  const modal = route().query.get('modal');
  if (!modal) return;
  setQuery({ modal: '' });
  const [name, id, version] = modal.split('--');
  const open = { 'new-app': keys.c, 'new-group': keys.C, about: about_, help: keys['?'], 'edit-app': () => id && dialogs.edit({ id }, version) }[name];
  if (open) open();
}

let gAt = 0;
document.addEventListener('keydown', e => {
  if (document.querySelector('dialog') || /INPUT|TEXTAREA|SELECT/.test(e.target.tagName) || e.ctrlKey || e.metaKey || e.altKey) return;
  const action = Date.now() - gAt < 1000 ? afterG[e.key] : keys[e.key];
  gAt = e.key === 'g' ? Date.now() : 0;
  if (action) { e.preventDefault(); action(); }
});
document.getElementById('about').addEventListener('click', about_);
document.getElementById('help').addEventListener('click', () => dialogs.help());
window.addEventListener('hashchange', () => {
  selected.clear();
  Object.assign(state, { app: null, versions: null, why: null, rollout: null, pod: null, job: null });
  render();
  poll();
  openModal();
});
render();
poll();
openModal();
