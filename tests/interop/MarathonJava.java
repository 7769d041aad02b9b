/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an app through com.mesosphere's marathon-client: MarathonJava URL. A line "WHAT<tab>VALUE" for each step. */
import java.util.Map;
import mesosphere.marathon.client.Marathon;
import mesosphere.marathon.client.MarathonClient;
import mesosphere.marathon.client.MarathonException;
import mesosphere.marathon.client.model.v2.App;

public class MarathonJava {
    interface Ask {
        boolean ok() throws Exception;
    }

    static void out(String what, Object value) {
        System.out.println(what + "\t" + value);
    }

    static void until(String what, Ask ask) throws Exception {
        for (int i = 0; i < 300; i++) {
            if (ask.ok())
                return;
            Thread.sleep(100);
        }
        throw new Exception("waited in vain for " + what);
    }

    static App app(String id, double cpus) {
        App a = new App();
        a.setId(id);
        a.setCmd("sleep 1000");
        a.setCpus(cpus);
        a.setMem(32.0);
        a.setInstances(1);
        a.setEnv(Map.of("COLOUR", "blue"));
        a.addLabel("team", "java");
        return a;
    }

    static void refused(String what, Ask ask) throws Exception {
        try {
            ask.ok();
            out(what, "accepted");
        } catch (MarathonException e) {
            out(what, e.getStatus() + " " + e.getMessage());
        }
    }

    public static void main(String[] args) throws Exception {
        Marathon m = MarathonClient.getInstance(args[0]);
        out("server", m.getServerInfo().getName() + " " + m.getServerInfo().getLeader());
        out("created", m.createApp(app("/java/one", 0.1)).getId());
        until("one task", () -> m.getApp("/java/one").getApp().getTasksRunning() == 1);
        App got = m.getApp("/java/one").getApp();
        out("app", got.getTasks().size() + " " + got.getEnv() + " " + got.getLabels());
        App two = new App();
        two.setInstances(2);
        m.updateApp("/java/one", two, true);
        until("two tasks", () -> m.getAppTasks("/java/one").getTasks().size() == 2
                && m.getApp("/java/one").getApp().getTasksRunning() == 2);
        out("versions", m.getAppVersions("/java/one").getVersions().size());
        out("group", m.getGroup("/java").getApps().size());
        m.createApp(app("/java/big", 1000));
        until("the queue", () -> m.getQueue().getQueue().size() == 1);
        out("deployments", m.getDeployments().get(0).getAffectedApps());
        refused("duplicate", () -> m.createApp(app("/java/one", 0.1)) != null);
        refused("invalid", () -> m.createApp(app("/java/bad", -1)) != null);
        refused("unknown", () -> m.getApp("/nothing") != null);
        m.deleteGroup("/java", true);
        until("nothing is left", () -> m.getApps().getApps().isEmpty());
        out("done", "");
    }
}
