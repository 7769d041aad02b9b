// SPDX-License-Identifier: Apache-2.0
// The few helpers both pages share. Elements are made from values, never from text with markup in it, so what a
// task or an app calls itself cannot become a script.
'use strict';

function h(tag, props, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props || {})) {
    if (k.startsWith('on')) e.addEventListener(k.slice(2), v);
    else if (k === 'class') e.className = v;
    else if (v !== false && v != null) e.setAttribute(k, v === true ? '' : v);
  }
  for (const c of children.flat(3)) if (c != null && c !== false) e.append(c.nodeType ? c : String(c));
  return e;
}

async function request(method, path, body) {
  const options = { method, headers: { Accept: 'application/json' } };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers['Content-Type'] = 'application/json';
  }
  const r = await fetch(path, options);
  const text = await r.text();
  let value = null;
  try { value = text ? JSON.parse(text) : null; } catch (e) { value = { message: text }; }
  if (!r.ok) {
    const details = (value && value.details || []).map(d => `${d.path}: ${(d.errors || []).join(', ')}`);
    const error = new Error([value && value.message || `status ${r.status}`, ...details].join('\n'));
    error.status = r.status;
    throw error;
  }
  return value;
}
const get = path => request('GET', path);

function since(time) {
  const t = typeof time === 'number' ? time * 1000 : Date.parse(time);
  if (!t) return '–';
  const s = Math.max(0, (Date.now() - t) / 1000);
  if (s < 120) return `${Math.round(s)} s ago`;
  if (s < 7200) return `${Math.round(s / 60)} min ago`;
  if (s < 172800) return `${Math.round(s / 3600)} h ago`;
  return `${Math.round(s / 86400)} days ago`;
}
const stamp = time => h('span', { title: String(time || '') }, since(time));
const amount = (n, unit) => `${Math.round((n || 0) * 1000) / 1000}${unit || ''}`;
const mib = n => n >= 10240 ? `${Math.round(n / 102.4) / 10} GiB` : `${amount(n)} MiB`;

// A table whose columns sort on a click. columns: [title, cell(row), sortKey(row), class].
const sorting = {};
function table(name, columns, rows, empty) {
  if (!rows.length) return h('div', { class: 'empty' }, empty);
  const by = sorting[name] || (sorting[name] = { column: 0, down: false });
  const key = columns[by.column][2];
  const sorted = key ? [...rows].sort((a, b) => {
    const x = key(a), y = key(b), c = x < y ? -1 : x > y ? 1 : 0;
    return by.down ? -c : c;
  }) : rows;
  return h('table', {},
    h('thead', {}, h('tr', {}, columns.map(([title, , k, cls], i) => h('th', {
      class: cls || '', onclick: () => { if (k) { sorting[name] = { column: i, down: by.column === i && !by.down }; render(); } },
    }, title, k && by.column === i ? (by.down ? ' ↓' : ' ↑') : '')))),
    h('tbody', {}, sorted.map(r => h('tr', {}, columns.map(([, cell, , cls]) => h('td', { class: cls || '' }, cell(r)))))));
}

// A dialog; submit may be async, an error it throws is shown and the dialog stays.
function openDialog(title, content, action, submit, danger) {
  const message = h('div', { class: 'bad', style: 'white-space:pre-wrap;margin-top:10px' });
  const ok = h('button', { class: danger ? 'danger' : 'primary', type: 'submit' }, action);
  const d = h('dialog', { onclose: () => d.remove() }, h('form', {
    onsubmit: async ev => {
      ev.preventDefault();
      ok.disabled = true;
      try {
        await submit();
        d.close();
      } catch (e) { message.textContent = e.message; }
      ok.disabled = false;
    },
    onkeydown: ev => { if (ev.key === 'Enter' && (ev.ctrlKey || ev.metaKey)) { ev.preventDefault(); ok.click(); } },
  }, h('h1', {}, title), content, message,
  h('div', { class: 'buttons' }, h('button', { type: 'button', onclick: () => d.close() }, 'Cancel'), ok)));
  document.body.append(d);
  d.showModal();
  return d;
}
