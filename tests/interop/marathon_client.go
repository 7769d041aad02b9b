// SPDX-License-Identifier: Apache-2.0

// A program on go-marathon: the life of an app and a group, with the event stream. Prints one JSON object per step, which
// the test asserts on. Arguments: marathon's URL, path of the stoa executable.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	marathon "github.com/gambol99/go-marathon"
)

func say(what string, more map[string]interface{}) {
	if more == nil {
		more = map[string]interface{}{}
	}
	more["what"] = what
	b, err := json.Marshal(more)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(b))
}

func must(step string, err error) {
	if err != nil {
		say("failed", map[string]interface{}{"step": step, "error": err.Error()})
		os.Exit(1)
	}
}

func newApp(stoa string) *marathon.Application {
	app := marathon.NewDockerApplication()
	app.Container = nil
	app.Name("/go/hello").CPU(0.1).Memory(32).Count(2).AddEnv("STOA", stoa).AddLabel("made", "in-go")
	app.Command(`exec "$STOA" hello`)
	app.AddPortDefinition(*(&marathon.PortDefinition{Protocol: "tcp", Name: "web"}).EmptyLabels())
	check := marathon.NewDefaultHealthCheck()
	check.Protocol, check.IntervalSeconds, check.TimeoutSeconds, check.GracePeriodSeconds = "HTTP", 1, 5, 10
	check.SetPath("/").SetPortIndex(0)
	app.AddHealthCheck(*check)
	return app
}

func watch(client marathon.Marathon, seen chan string) {
	events, err := client.AddEventsListener(marathon.EventIDApplications | marathon.EventIDDeploymentInfo |
		marathon.EventIDDeploymentSuccess | marathon.EventIDDeploymentStepSuccess | marathon.EventIDAPIRequest |
		marathon.EventIDGroupChangeSuccess)
	must("events", err)
	go func() {
		for e := range events {
			more := map[string]interface{}{"event": e.Name}
			if s, ok := e.Event.(*marathon.EventStatusUpdate); ok {
				more["state"], more["app"], more["task"], more["ports"] = s.TaskStatus, s.AppID, s.TaskID, len(s.Ports)
			}
			if s, ok := e.Event.(*marathon.EventHealthCheckChanged); ok {
				more["app"], more["task"], more["alive"] = s.AppID, s.TaskID, s.Alive
			}
			say("event", more)
			select {
			case seen <- e.Name:
			default:
			}
		}
	}()
}

func main() {
	config := marathon.NewDefaultConfig()
	config.URL = os.Args[1]
	config.EventsTransport = marathon.EventsTransportSSE
	config.PollingWaitTime = 50 * time.Millisecond
	client, err := marathon.NewClient(config)
	must("client", err)
	pong, err := client.Ping()
	must("ping", err)
	info, err := client.Info()
	must("info", err)
	leader, err := client.Leader()
	must("leader", err)
	say("server", map[string]interface{}{"pong": pong, "name": info.Name, "version": info.Version, "framework": info.FrameworkID, "leader": leader})

	seen := make(chan string, 10000)
	watch(client, seen)
	time.Sleep(300 * time.Millisecond) // the library does not tell when its stream stands

	created, err := client.CreateApplication(newApp(os.Args[2]))
	must("create", err)
	say("created", map[string]interface{}{"id": created.ID, "deployments": len(created.DeploymentIDs()), "version": created.Version})
	for _, d := range created.DeploymentIDs() {
		must("wait for the deployment", client.WaitOnDeployment(d.DeploymentID, time.Minute))
	}
	must("wait for the app", client.WaitOnApplication("/go/hello", time.Minute))
	app, err := client.Application("/go/hello")
	must("app", err)
	ok, err := client.ApplicationOK("/go/hello")
	must("app ok", err)
	say("app", map[string]interface{}{"running": app.TasksRunning, "healthy": app.TasksHealthy, "tasks": len(app.Tasks), "ok": ok,
		"mem": app.Mem, "label": (*app.Labels)["made"], "ports": len(app.Tasks[0].Ports), "ip": app.Tasks[0].IPAddresses[0].IPAddress})
	id, err := client.ScaleApplicationInstances("/go/hello", 3, false)
	must("scale", err)
	must("wait for the scaling", client.WaitOnDeployment(id.DeploymentID, time.Minute))
	tasks, err := client.Tasks("/go/hello")
	must("tasks", err)
	say("scaled", map[string]interface{}{"tasks": len(tasks.Tasks)})

	update := new(marathon.Application).Name("/go/hello").Memory(48)
	id, err = client.UpdateApplication(update, true)
	must("update", err)
	must("wait for the update", client.WaitOnDeployment(id.DeploymentID, time.Minute))
	versions, err := client.ApplicationVersions("/go/hello")
	must("versions", err)
	one, err := client.ApplicationByVersion("/go/hello", versions.Versions[len(versions.Versions)-1])
	must("a version", err)
	app, err = client.Application("/go/hello")
	must("app", err)
	say("updated", map[string]interface{}{"mem": *app.Mem, "versions": len(versions.Versions), "first": one.Version, "instances": *app.Instances})

	all, err := client.AllTasks(&marathon.AllTasksOpts{Status: "running"})
	must("all tasks", err)
	victim := all.Tasks[0].ID
	must("kill", client.KillTasks([]string{victim}, &marathon.KillTaskOpts{}))
	say("killed", map[string]interface{}{"task": victim})
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		now, err := client.Tasks("/go/hello")
		must("tasks", err)
		gone := true
		for _, t := range now.Tasks {
			gone = gone && t.ID != victim
		}
		if gone && len(now.Tasks) == 3 {
			break
		}
	}
	must("wait for the app", client.WaitOnApplication("/go/hello", time.Minute))
	killed, err := client.KillApplicationTasks("/go/hello", &marathon.KillApplicationTasksOpts{})
	must("kill all", err)
	say("killed all", map[string]interface{}{"tasks": len(killed.Tasks)})

	id, err = client.RestartApplication("/go/hello", true)
	must("restart", err)
	must("wait for the restart", client.WaitOnDeployment(id.DeploymentID, time.Minute))
	say("restarted", nil)

	group := marathon.NewApplicationGroup("/go/shop")
	group.App(new(marathon.Application).Name("/go/shop/cart").Command("sleep 1000").CPU(0.1).Memory(32).Count(1))
	must("create group", client.CreateGroup(group))
	must("wait for the group", client.WaitOnGroup("/go/shop", time.Minute))
	got, err := client.Group("/go/shop")
	must("group", err)
	has, err := client.HasGroup("/go/nothing")
	must("has group", err)
	groups, err := client.Groups()
	must("groups", err)
	say("group", map[string]interface{}{"id": got.ID, "apps": len(got.Apps), "nothing": has, "root": groups.ID})

	_, err = client.CreateApplication(new(marathon.Application).Name("/go/big").Command("sleep 1").CPU(10000).Memory(32).Count(1))
	must("create a big one", err)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		queue, err := client.Queue()
		must("queue", err)
		if len(queue.Items) > 0 || time.Now().After(deadline) {
			say("queue", map[string]interface{}{"items": len(queue.Items), "id": queue.Items[0].Application.ID, "count": queue.Items[0].Count})
			break
		}
	}
	must("delete the delay", client.DeleteQueueDelay("/go/big"))
	deployments, err := client.Deployments()
	must("deployments", err)
	say("deployments", map[string]interface{}{"count": len(deployments), "affected": deployments[0].AffectedApps})
	_, err = client.DeleteDeployment(deployments[0].ID, true)
	must("cancel a deployment", err)

	_, err = client.CreateApplication(new(marathon.Application).Name("/go/hello").Command("true").Count(1))
	say("duplicate", errorOf(err))
	_, err = client.Application("/go/nothing")
	say("unknown", errorOf(err))
	_, err = client.CreateApplication(new(marathon.Application).Name("/go/bad").Count(-1))
	say("invalid", errorOf(err))

	_, err = client.DeleteGroup("/go", true)
	must("delete the group", err)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		ids, err := client.ListApplications(nil)
		must("list", err)
		if len(ids) == 0 {
			break
		}
	}
	ids, err := client.ListApplications(nil)
	must("list", err)
	say("deleted", map[string]interface{}{"left": ids})
}

func errorOf(err error) map[string]interface{} {
	if e, ok := err.(*marathon.APIError); ok {
		return map[string]interface{}{"code": e.ErrCode, "message": e.Error()}
	}
	return map[string]interface{}{"code": -1, "message": fmt.Sprint(err)}
}
