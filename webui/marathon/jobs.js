// SPDX-License-Identifier: Apache-2.0
// Jobs: the list, one job with its runs, and their dialogs. state.js asks, app.js draws.
'use strict';

const jobPath = id => `stoa/v1/jobs${enc(id)}`;
const jobLink = id => `#/jobs/${encodeURIComponent(id)}`;
const runClass = { RUNNING: 'good', SUCCEEDED: 'good', PENDING: 'wait', RETRYING: 'wait', FAILED: 'bad', KILLED: 'idle' };
const runState = r => h('span', {}, h('i', { class: 'dot ' + (runClass[r.state] || 'idle') }), capital(r.state));

async function pollJobs(r) {
  if (!r.id) { state.jobs = (await get(api('stoa/v1/jobs'))).jobs; return; }
  try {
    const [job, runs] = await Promise.all([get(api(jobPath(r.id))), get(api(jobPath(r.id) + '/runs'))]);
    const why = runs.runs.some(x => x.state === 'PENDING') ? await get(api(jobPath(r.id) + '/why')).catch(() => null) : null;
    state.job = { ...job, runs: runs.runs, why };
  } catch (e) { if (e.status !== 404) throw e; state.job = { id: r.id, missing: true }; }
}

const JOB_READ_ONLY = ['version', 'createdAt', 'nextRunAt', 'problem', 'activeRuns', 'history', 'runs', 'why', 'missing'];
const jobDefinition = j => Object.fromEntries(Object.entries(j).filter(([k]) => !JOB_READ_ONLY.includes(k)));

function jobDialog(job) {
  const def = job ? jobDefinition(job) : { id: '', run: { cmd: '', cpus: 0.1, mem: 64 } };
  if (job) {
    const json = h('textarea', { spellcheck: 'false' });
    json.value = JSON.stringify(def, null, 2);
    openDialog(`Edit ${job.id}`, json, 'Change', () => change('PUT', jobPath(job.id), JSON.parse(json.value)), { wide: true });
    return;
  }
  const field = (label, props) => { const i = h('input', props); return [i, h('label', { class: props.wide ? 'wide' : '' }, label, i)]; };
  const [id, idL] = field('ID', { wide: true, required: true, placeholder: '/batch/nightly' }), [cmd, cmdL] = field('Command', { wide: true, required: true });
  const [cpus, cpusL] = field('CPUs', { type: 'number', step: 'any', min: 0, value: 0.1 }), [mem, memL] = field('Memory (MiB)', { type: 'number', min: 0, value: 64 });
  const [retries, retriesL] = field('Retries', { type: 'number', min: 0, value: 0 }), [cron, cronL] = field('Schedule (cron; empty: on request only)', { placeholder: '30 2 * * *' });
  const [zone, zoneL] = field('Time zone', { value: Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC' });
  const policy = h('select', {}, ['ALLOW', 'FORBID', 'REPLACE'].map(x => h('option', {}, x)));
  openDialog('Create job', h('div', { class: 'grid' }, idL, cmdL, cpusL, memL, retriesL, h('label', {}, 'When one runs already', policy), cronL, zoneL), 'Create', async () => {
    const body = { id: id.value, run: { cmd: cmd.value, cpus: Number(cpus.value), mem: Number(mem.value) }, retries: Number(retries.value), concurrencyPolicy: policy.value };
    if (cron.value) body.schedule = { cron: cron.value, timeZone: zone.value };
    await change('POST', 'stoa/v1/jobs', body);
  });
}

const jobDialogs = {
  run: j => change('POST', jobPath(j.id) + '/runs').catch(e => say(e.message)),
  toggle: j => change('PATCH', jobPath(j.id), { schedule: { enabled: !j.schedule.enabled } }).catch(e => say(e.message)),
  remove: j => openDialog(`Delete ${j.id}?`, h('p', {}, j.activeRuns.length ? 'Its active runs are killed, and its history is deleted.' : 'Its history is deleted.'), 'Delete',
    async () => { await change('DELETE', jobPath(j.id) + '?stopRuns=true'); location.hash = '#/jobs'; }, { danger: true }),
  kill: (j, r) => openDialog(`Kill run ${r.id}?`, h('p', {}, 'Its task is killed; there is no further attempt.'), 'Kill', () => change('DELETE', `${jobPath(j.id)}/runs/${r.id}`), { danger: true }),
};
const jobButtons = j => [h('button', { class: 'small', onclick: () => jobDialogs.run(j) }, 'Run now'), ' ',
  j.schedule && h('button', { class: 'small', onclick: () => jobDialogs.toggle(j) }, j.schedule.enabled ? 'Switch off' : 'Switch on'), ' ',
  h('button', { class: 'small danger', onclick: () => jobDialogs.remove(j) }, 'Delete')];

const until = time => {
  const s = (Date.parse(time) - Date.now()) / 1000;
  return h('span', { title: time }, s < 0 ? 'now' : 'in ' + ago(s));
};
const schedule = j => !j.schedule ? h('span', { class: 'soft' }, 'on request') : [h('code', {}, j.schedule.cron), h('div', { class: 'soft' }, j.schedule.timeZone)];
const nextRun = j => j.problem ? h('span', { class: 'bad' }, j.problem) : j.nextRunAt ? until(j.nextRunAt) : j.schedule ? 'off' : '–';
const lastOf = j => {
  const { lastSuccessAt: ok, lastFailureAt: bad } = j.history;
  return !ok && !bad ? '–' : [h('i', { class: 'dot ' + (!bad || ok > bad ? 'good' : 'bad') }), stamp(!bad || ok > bad ? ok : bad)];
};

const jobsPage = () => [h('div', { class: 'bar' }, h('h1', {}, 'Jobs'), h('div', { class: 'grow' }), h('button', { class: 'primary', onclick: () => jobDialog() }, 'Create job')),
  table('jobs', [
    ['Job', j => [h('a', { href: jobLink(j.id) }, j.id), labels(j), j.description && h('div', { class: 'soft' }, j.description)], j => j.id],
    ['Schedule', schedule, j => j.schedule ? j.schedule.cron : ''], ['Next', nextRun, j => j.nextRunAt || '~'],
    ['Active', j => j.activeRuns.map(r => h('div', {}, runState(r))), j => j.activeRuns.length], ['Last', lastOf, j => j.history.lastSuccessAt || ''],
    ['Succeeded', j => j.history.succeeded, j => j.history.succeeded, 'num'], ['Failed', j => j.history.failed, j => j.history.failed, 'num'],
    ['Skipped', j => h('span', { title: j.history.lastSkippedBecause || '' }, j.history.skipped), j => j.history.skipped, 'num'], ['', jobButtons, null],
  ], state.jobs || [], 'No jobs yet. A job runs once, on request or by a schedule.')];

function jobPage(r) {
  const j = state.job;
  if (!j || j.id !== r.id) return h('p', { class: 'soft' }, 'Loading …');
  if (j.missing) return h('div', { class: 'empty' }, `There is no job ${r.id}.`);
  const took = x => x.startedAt ? `${Math.round(((x.finishedAt ? Date.parse(x.finishedAt) : Date.now()) - Date.parse(x.startedAt)) / 1000)} s` : '–';
  return [h('div', { class: 'soft' }, h('a', { href: '#/jobs' }, 'Jobs'), ' › ', j.id),
    h('div', { class: 'bar' }, h('h1', {}, j.id), h('span', { class: 'soft' }, schedule(j)), h('span', {}, j.schedule ? ['next ', nextRun(j)] : ''), h('div', { class: 'grow' }),
      h('button', { class: 'small', onclick: () => jobDialog(j) }, 'Edit'), jobButtons(j)),
    j.why && j.why.waiting > 0 && h('div', { class: 'note' }, [j.why.summary, ...(j.why.agents || []).map(a => `offer of ${a.hostname}: ${a.text}`)].join('\n')),
    j.history.skipped > 0 && h('p', { class: 'soft' }, `${j.history.skipped} skipped, the last time because ${j.history.lastSkippedBecause}.`),
    h('h2', {}, 'Runs'), table('runs', [
      ['Run', x => [x.id, x.taskId && h('div', { class: 'soft' }, x.taskId)], x => x.id], ['State', x => [runState(x), x.message && h('div', { class: 'soft' }, x.message)], x => x.state],
      ['Due', x => x.scheduledFor ? stamp(x.scheduledFor) : 'on request', x => x.scheduledFor || ''], ['Started', x => x.startedAt ? stamp(x.startedAt) : '–', x => x.startedAt || ''],
      ['Took', took, null, 'num'], ['Attempt', x => x.nextAttemptAt ? ['next ', until(x.nextAttemptAt)] : x.attempt, x => x.attempt, 'num'], ['Host', x => x.host || '–', x => x.host || ''],
      ['', x => x.finishedAt ? '' : h('button', { class: 'small danger', onclick: () => jobDialogs.kill(j, x) }, 'Kill'), null],
    ], j.runs, 'It has not run yet.'),
    h('h2', {}, 'Definition'), h('pre', {}, JSON.stringify(jobDefinition(j), null, 2))];
}
