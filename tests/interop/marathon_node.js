// SPDX-License-Identifier: Apache-2.0
// The life of an app and a group through marathon-node: marathon_node.js URL NODE_MODULES. A JSON line for each step.
const marathon = require(process.argv[3] + '/marathon-node')(process.argv[2], {});

const out = (what, more) => console.log(JSON.stringify({ what, ...more }));

async function until(what, ask) {
  for (let i = 0; i < 300; i++) {
    const value = await ask();
    if (value) return value;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error('waited in vain for ' + what);
}

const settled = (id) => until(id, async () => {
  const { app } = await marathon.app.getOne(id);
  return app.tasksRunning === app.instances && app.deployments.length === 0 && app;
});

async function main() {
  const seen = [];
  const events = marathon.events.createEventSource({ eventType: ['deployment_success', 'status_update_event'] });
  for (const name of ['deployment_success', 'status_update_event', 'deployment_info'])
    events.addEventListener(name, (e) => seen.push(JSON.parse(e.data)));
  await new Promise((done) => events.on('open', done));
  out('ping', { pong: await marathon.misc.ping(), leader: (await marathon.leader.get()).leader, name: (await marathon.info.get()).name });
  const created = await marathon.app.create({ id: '/node/one', cmd: 'sleep 1000', cpus: 0.1, mem: 32, instances: 1 });
  await settled('/node/one');
  await marathon.app.update('/node/one', { instances: 2 }, false);
  const two = await settled('/node/one');
  out('scaled', { id: created.id, tasks: two.tasks.length, versions: (await marathon.app.getVersions('/node/one')).versions.length });
  const before = (await marathon.app.getTasks('/node/one')).tasks.map((t) => t.id);
  await marathon.app.restart('/node/one', true);
  await settled('/node/one');
  const after = (await marathon.tasks.getList({ status: 'running' })).tasks.map((t) => t.id);
  out('restarted', { same: after.filter((id) => before.includes(id)).length, tasks: after.length });
  await marathon.groups.create({ id: '/shop', apps: [{ id: 'web', cmd: 'sleep 1000', cpus: 0.1, mem: 32 }] });
  await settled('/shop/web');
  out('group', { apps: (await marathon.groups.getOne('/shop')).apps.map((a) => a.id) });
  await marathon.app.create({ id: '/node/big', cmd: 'true', cpus: 1000, mem: 32 });
  const waiting = await until('the queue', async () => (await marathon.queue.get()).queue.find((q) => q.app.id === '/node/big'));
  out('queue', { count: waiting.count, deployments: (await marathon.deployments.getList()).length });
  await marathon.app.create({ id: '/node/big', cmd: 'true' }).catch((e) => out('conflict', { status: e.statusCode || e.name }));
  for (const id of ['/node', '/shop']) await marathon.groups.destroy(id, true);
  await until('nothing is left', async () => (await marathon.app.getList()).apps.length === 0);
  await until('the last event', async () => seen.some((e) => e.taskStatus === 'TASK_KILLED' && e.appId === '/shop/web'));
  events.close();
  out('events', { names: [...new Set(seen.map((e) => e.eventType))].sort(), running: seen.filter((e) => e.taskStatus === 'TASK_RUNNING').length });
}

main().catch((e) => { out('failed', { error: String(e) }); process.exit(1); });
