// SPDX-License-Identifier: Apache-2.0
// A scheduler on the npm package mesos-framework: two instances of a command that stay up. Prints one JSON line per event.
// Arguments: port of the master, folder of the installed package.
'use strict';
const [port, modules] = process.argv.slice(2);
const { Scheduler, Mesos } = require(modules + '/mesos-framework');
const M = Mesos.getMesos();
const say = (what, more) => console.log(JSON.stringify({ what, ...more }));
const scheduler = new Scheduler({
  masterUrl: '127.0.0.1', port: Number(port), frameworkName: 'js-test', user: process.env.USER || 'root', logging: { level: 'error' }, restartStates: [],
  tasks: { sleeper: { priority: 1, instances: 2, commandInfo: new M.CommandInfo(null, null, true, 'sleep 1000', null, null), resources: { cpus: 0.1, mem: 32, ports: 1, disk: 0 } } },
});
const running = new Set();
scheduler.on('subscribed', e => say('subscribed', { id: e.frameworkId }));
scheduler.on('offers', e => say('offers', { count: (e.offers || e).length }));
scheduler.on('error', e => say('error', { message: String(e && e.message || e) }));
scheduler.on('updated', () => {});
scheduler.on('update', e => {
  const s = e.status;
  say('update', { task: s.task_id.value, state: s.state });
  if (s.state === 'TASK_RUNNING') running.add(s.task_id.value);
  if (running.size === 2) setTimeout(() => { scheduler.teardown(); setTimeout(() => process.exit(0), 500); }, 200);
});
scheduler.on('ready', () => scheduler.subscribe());
setTimeout(() => { say('timeout'); process.exit(1); }, 60000);
