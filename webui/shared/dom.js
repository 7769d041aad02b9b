// SPDX-License-Identifier: Apache-2.0
// The helpers that both pages share. Elements are made from values, never from text with markup in it, so what a task or an app
// calls itself cannot become a script.
'use strict';

const HANDLERS = ['onclick', 'onchange', 'oninput', 'onsubmit', 'onkeydown', 'onclose'];

function h(tag, props, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props || {})) {
    if (k.startsWith('on')) e[k] = v;
    else if (k === 'class') e.className = v;
    else if (k === 'value') e.value = v;
    else if (v !== false && v != null) e.setAttribute(k, v === true ? '' : v);
  }
  for (const c of children.flat(4)) if (c != null && c !== false && c !== '') e.append(c.nodeType ? c : String(c));
  return e;
}

// Makes the live node like the new one, in place: what is focused, selected, scrolled or unfolded stays so while a page is drawn anew.
function morph(live, fresh) {
  if (live.nodeType !== fresh.nodeType || live.nodeName !== fresh.nodeName) { live.replaceWith(fresh); return; }
  if (live.nodeType === Node.TEXT_NODE) { if (live.data !== fresh.data) live.data = fresh.data; return; }
  for (const { name } of [...live.attributes]) if (!fresh.hasAttribute(name) && name !== 'open') live.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (live.getAttribute(name) !== value && name !== 'open') live.setAttribute(name, value);
  for (const k of HANDLERS) if (live[k] !== fresh[k]) live[k] = fresh[k];
  if (live.nodeName === 'INPUT') {
    if (live.type === 'checkbox') live.checked = fresh.hasAttribute('checked');
    else if (live !== document.activeElement) live.value = fresh.value;
  }
  morphChildren(live, [...fresh.childNodes]);
}
function morphChildren(live, fresh) {
  const old = [...live.childNodes];
  fresh.forEach((f, i) => { if (old[i]) morph(old[i], f); else live.append(f); });
  for (const o of old.slice(fresh.length)) o.remove();
}
const draw = (id, ...children) => morphChildren(document.getElementById(id), [...h('div', {}, children).childNodes]);

// What the schema's codes mean to somebody who fills in a form.
const WORDS = { 'error.path.missing': 'is missing', 'error.path.empty': 'is empty', 'error.pattern': 'has characters that are not allowed here',
  'error.min': 'is too small', 'error.max': 'is too large', 'error.minLength': 'is too short', 'error.maxLength': 'is too long',
  'error.expected.int': 'must be a whole number', 'error.expected.jsnumber': 'must be a number', 'error.expected.jsstring': 'must be text',
  'error.expected.jsboolean': 'must be true or false', 'error.expected.jsarray': 'must be a list', 'error.expected.jsobject': 'must be an object',
  'error.unknown.enum.literal': 'is none of the values that are known' };
const inWords = text => WORDS[text] || (/ is undefined on object/.test(text) ? 'is missing' : text);

async function request(method, path, body) {
  const options = { method, headers: { Accept: 'application/json' } };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers['Content-Type'] = 'application/json';
  }
  const r = await fetch(path, options).catch(() => { throw new Error('no connection'); });
  const text = await r.text();
  let value = null;
  try { value = text ? JSON.parse(text) : null; } catch (e) { value = { message: text }; }
  if (!r.ok) {
    const error = new Error(value && value.message || `${r.status} ${r.statusText}`);
    error.status = r.status;
    error.details = value && Array.isArray(value.details) ? value.details : [];
    error.locked = r.status === 409 && value && Array.isArray(value.deployments);
    throw error;
  }
  return value;
}
const get = path => request('GET', path);
const detailText = d => `${d.path}: ${(d.errors || []).map(inWords).join(', ')}`;

function ago(s) {
  if (s < 120) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} days`;
}
const msOf = time => typeof time === 'number' ? time * 1000 : Date.parse(time);
function stamp(time) {
  const t = msOf(time);
  return t ? h('time', { title: new Date(t).toISOString() }, ago(Math.max(0, (Date.now() - t) / 1000)) + ' ago') : '–';
}
const amount = (n, unit) => `${Math.round((n || 0) * 1000) / 1000}${unit || ''}`;
const mib = n => n >= 10240 ? `${Math.round(n / 102.4) / 10} GiB` : `${amount(n)} MiB`;
const bytes = n => n >= 1048576 ? `${Math.round(n / 104857.6) / 10} MiB` : n >= 1024 ? `${Math.round(n / 102.4) / 10} KiB` : `${n} B`;
const dl = pairs => h('dl', {}, pairs.map(([k, v]) => [h('dt', {}, k), h('dd', {}, v == null || v === '' ? h('span', { class: 'soft' }, 'Unspecified') : v)]));
const button = (text, onclick, props) => h('button', { type: 'button', class: 'small', onclick, ...props }, text);

// A table whose columns sort on a click or Enter. columns: [title, cell(row), sortKey(row), class]. Of many rows the first are shown.
const sorting = {}, shownRows = {};
const ROWS_AT_ONCE = 200;
function table(name, columns, rows, empty) {
  if (!rows.length) return h('div', { class: 'empty' }, empty);
  const by = sorting[name] || (sorting[name] = { column: Math.max(0, columns.findIndex(c => c[2])), down: false });
  const key = columns[by.column][2], most = shownRows[name] || ROWS_AT_ONCE;
  const sorted = key ? [...rows].sort((a, b) => {
    const x = key(a), y = key(b), c = x < y ? -1 : x > y ? 1 : 0;
    return by.down ? -c : c;
  }) : rows;
  const sort = i => { sorting[name] = { column: i, down: by.column === i && !by.down }; render(); };
  const head = ([title, , k, cls], i) => h('th', { class: cls || '', scope: 'col', 'aria-sort': k && by.column === i ? (by.down ? 'descending' : 'ascending') : null },
    k ? h('button', { class: 'sort', onclick: () => sort(i) }, title, by.column === i ? (by.down ? ' ↓' : ' ↑') : '') : title);
  return [h('div', { class: 'scroll' }, h('table', {}, h('thead', {}, h('tr', {}, columns.map(head))),
    h('tbody', {}, sorted.slice(0, most).map(r => h('tr', {}, columns.map(([, cell, , cls]) => h('td', { class: cls || '' }, cell(r)))))))),
  rows.length > most && h('p', { class: 'soft' }, `${most} of ${rows.length} are shown. `, button('Show more', () => { shownRows[name] = most * 2; render(); }))];
}

// A menu behind three dots; items: [text, action, danger].
function menu(name, items) {
  const close = e => e.currentTarget.closest('details').removeAttribute('open');
  return h('details', { class: 'menu' }, h('summary', { 'aria-label': `Actions of ${name}`, title: 'Actions' }, '⋯'),
    h('div', {}, items.filter(Boolean).map(([text, action, danger]) => h('button', { type: 'button', class: danger ? 'danger' : '', onclick: e => { close(e); action(); } }, text))));
}
document.addEventListener('click', e => {
  for (const d of document.querySelectorAll('details.menu[open]')) if (!d.contains(e.target)) d.removeAttribute('open');
});

// A dialog; submit(force) may be async. What it throws is shown and the dialog stays; a target that a deployment holds can be forced with
// a second click. showErrors(details) may take errors to their fields; it returns those that it has no field for. Without submit there is
// nothing to cancel.
function openDialog(title, content, action, submit, { danger, wide, showErrors } = {}) {
  const message = h('div', { class: 'bad message', role: 'alert' });
  const ok = h('button', { class: danger ? 'danger' : 'primary', type: 'submit' }, action);
  let force = false;
  const d = h('dialog', { class: wide ? 'wide' : '', onclose: () => d.remove() }, h('form', {
    novalidate: true,
    onsubmit: async ev => {
      ev.preventDefault();
      ok.disabled = true;
      message.textContent = '';
      if (showErrors) showErrors([]);
      try {
        if (submit) await submit(force);
        d.close();
      } catch (e) {
        const rest = showErrors ? showErrors(e.details || []) : e.details || [];
        const atFields = showErrors && rest.length < (e.details || []).length;
        message.textContent = [atFields ? 'Some fields are not right; see there.' : e.message, ...rest.map(detailText)].join('\n');
        force = !!e.locked;
        ok.textContent = force ? `Force: ${action}` : action;
      }
      ok.disabled = false;
    },
    onkeydown: ev => { if (ev.key === 'Enter' && (ev.ctrlKey || ev.metaKey)) { ev.preventDefault(); ok.click(); } },
  }, h('h1', {}, title), content, message, h('div', { class: 'buttons' }, submit && h('button', { type: 'button', onclick: () => d.close() }, 'Cancel'), ok)));
  document.body.append(d);
  d.showModal();
  return d;
}

function say(text) {
  const d = h('dialog', { onclose: () => d.remove() }, h('p', { class: 'message' }, text), h('div', { class: 'buttons' }, h('button', { class: 'primary', onclick: () => d.close() }, 'Close')));
  document.body.append(d);
  d.showModal();
}
