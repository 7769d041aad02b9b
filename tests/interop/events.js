// SPDX-License-Identifier: Apache-2.0
// A program on marathon-event-bus-client: prints one JSON line per event until it is told to stop by the end of its input.
// Arguments: marathon's port, folder of the installed modules.
const MarathonEventBusClient = require(process.argv[3] + "/marathon-event-bus-client");
const types = ["deployment_info", "deployment_success", "status_update_event", "instance_changed_event",
    "health_status_changed_event", "add_health_check_event", "group_change_success", "event_stream_attached", "app_terminated_event"];
const handlers = {};
for (const type of types)
    handlers[type] = (name, data) => console.log(JSON.stringify({ what: "event", name: name, data: data }));
const client = new MarathonEventBusClient({ marathonHost: "127.0.0.1", marathonPort: process.argv[2], eventTypes: types, handlers: handlers });
client.on("subscribed", () => console.log(JSON.stringify({ what: "subscribed" })));
client.on("error", (e) => console.log(JSON.stringify({ what: "error", error: e })));
client.on("unsubscribed", () => { console.log(JSON.stringify({ what: "unsubscribed" })); setTimeout(() => process.exit(0), 300); });
process.stdin.on("end", () => client.unsubscribe());
process.stdin.resume();
client.subscribe();
