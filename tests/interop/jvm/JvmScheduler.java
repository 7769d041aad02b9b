// SPDX-License-Identifier: Apache-2.0

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.mesos.MesosSchedulerDriver;
import org.apache.mesos.Protos.*;
import org.apache.mesos.Scheduler;
import org.apache.mesos.SchedulerDriver;
import com.google.protobuf.ByteString;

/** A scheduler on MesosSchedulerDriver that does what its standard input says and prints a line for every callback and for what
 *  every call returned. Arguments: master, then name=value of FrameworkInfo and driver. */
public final class JvmScheduler implements Scheduler {
    private final Map<String, TaskStatus> statuses = new HashMap<>();
    private final List<Offer> held = new ArrayList<>(); // of one agent
    private Offer offer; // the latest
    private volatile String failIn = "";

    private static synchronized void say(Object... words) {
        StringBuilder b = new StringBuilder();
        for (Object w : words)
            b.append(b.length() == 0 ? "" : "\t").append(w);
        System.out.println(b);
        System.out.flush();
    }

    private void called(SchedulerDriver driver, Object... words) {
        say(words);
        if (failIn.equals(words[0])) {
            failIn = "";
            throw new IllegalArgumentException("as was asked for");
        }
    }

    private synchronized void drop() {
        held.clear();
    }

    @Override public void registered(SchedulerDriver d, FrameworkID id, MasterInfo m) {
        drop();
        called(d, "registered", id.getValue(), m.getPort(), m.getVersion().isEmpty() ? "-" : m.getVersion());
    }

    @Override public void reregistered(SchedulerDriver d, MasterInfo m) {
        drop();
        called(d, "reregistered", m.getPort());
    }

    @Override public void resourceOffers(SchedulerDriver d, List<Offer> offers) {
        StringBuilder roles = new StringBuilder();
        for (Offer o : offers)
            for (Resource r : o.getResourcesList())
                roles.append(r.getName()).append(':').append(r.getRole()).append(r.hasAllocationInfo() ? "!" : "").append(' ');
        synchronized (this) {
            offer = offers.get(offers.size() - 1);
            held.addAll(offers);
        }
        called(d, "offers", offers.size(), offer.getSlaveId().getValue(), roles.toString().trim(), offer.getHostname());
    }

    @Override public void offerRescinded(SchedulerDriver d, OfferID id) {
        synchronized (this) {
            held.removeIf(o -> o.getId().equals(id));
        }
        called(d, "rescinded", id.getValue());
    }

    @Override public void statusUpdate(SchedulerDriver d, TaskStatus s) {
        synchronized (this) {
            statuses.put(s.getTaskId().getValue(), s);
        }
        called(d, "update", s.getTaskId().getValue(), s.getState(), s.getReason(), s.getUuid().size(), s.getData().toStringUtf8(),
            s.getMessage().replace('\n', ' '));
    }

    @Override public void frameworkMessage(SchedulerDriver d, ExecutorID e, SlaveID a, byte[] data) {
        called(d, "message", e.getValue(), a.getValue(), new String(data));
    }

    @Override public void disconnected(SchedulerDriver d) {
        called(d, "disconnected");
    }

    @Override public void slaveLost(SchedulerDriver d, SlaveID id) {
        called(d, "slaveLost", id.getValue());
    }

    @Override public void executorLost(SchedulerDriver d, ExecutorID e, SlaveID a, int status) {
        called(d, "executorLost", e.getValue(), a.getValue(), status);
    }

    @Override public void error(SchedulerDriver d, String message) {
        called(d, "error", message);
        say("stop in error", d.stop(true));
    }

    private static Resource scalar(String name, double value) {
        return Resource.newBuilder().setName(name).setType(Value.Type.SCALAR).setScalar(Value.Scalar.newBuilder().setValue(value))
            .setRole("*").build();
    }

    private TaskInfo task(String id, String command, String executor) {
        TaskInfo.Builder t = TaskInfo.newBuilder().setName(id).setTaskId(TaskID.newBuilder().setValue(id)).setSlaveId(offer.getSlaveId())
            .addResources(scalar("cpus", 0.1)).addResources(scalar("mem", 32)).setData(ByteString.copyFromUtf8("data of " + id));
        if (executor.isEmpty())
            return t.setCommand(CommandInfo.newBuilder().setValue(command)).build();
        return t.setExecutor(ExecutorInfo.newBuilder().setExecutorId(ExecutorID.newBuilder().setValue(executor)).setName(executor)
            .addResources(scalar("cpus", 0.1)).addResources(scalar("mem", 200))
            .setCommand(CommandInfo.newBuilder().setValue(command))).build();
    }

    /** All offers that are held; none is afterwards. */
    private List<OfferID> taken() {
        List<OfferID> ids = new ArrayList<>();
        for (Offer o : held)
            ids.add(o.getId());
        held.clear();
        return ids;
    }

    private static TaskID id(String s) {
        return TaskID.newBuilder().setValue(s).build();
    }

    private synchronized Object run(SchedulerDriver d, String[] w) throws Exception {
        Filters soon = Filters.newBuilder().setRefuseSeconds(0.1).build();
        switch (w[0]) {
        case "start": return d.start();
        case "stop": return w.length > 1 ? d.stop(Boolean.parseBoolean(w[1])) : d.stop();
        case "abort": return d.abort();
        case "launch": return d.launchTasks(taken(), Collections.singletonList(task(w[1], w[2], "")), soon);
        case "launch1": held.remove(offer); return d.launchTasks(offer.getId(), Collections.singletonList(task(w[1], w[2], "")));
        case "execute": return d.launchTasks(taken(), Collections.singletonList(task(w[1], w[3], w[2])), soon);
        case "accept": return d.acceptOffers(taken(), Arrays.asList(
            Offer.Operation.newBuilder().setType(Offer.Operation.Type.LAUNCH).setLaunch(Offer.Operation.Launch.newBuilder()
                .addTaskInfos(task(w[1], w[2], "")).addTaskInfos(task(w[1] + "2", w[2], ""))).build()), soon);
        case "decline": held.remove(offer); return w.length > 1 ? d.declineOffer(offer.getId(), Filters.newBuilder().setRefuseSeconds(Double.parseDouble(w[1])).build())
            : d.declineOffer(offer.getId());
        case "empty": held.remove(offer); return d.launchTasks(offer.getId(), new ArrayList<TaskInfo>(), soon);
        case "held": {
            double cpus = 0;
            for (Offer o : held)
                for (Resource r : o.getResourcesList())
                    cpus += r.getName().equals("cpus") ? r.getScalar().getValue() : 0;
            return cpus;
        }
        case "kill": return d.killTask(id(w[1]));
        case "revive": return w.length > 1 ? d.reviveOffers(Arrays.asList(w).subList(1, w.length)) : d.reviveOffers();
        case "suppress": return w.length > 1 ? d.suppressOffers(Arrays.asList(w).subList(1, w.length)) : d.suppressOffers();
        case "ack": return d.acknowledgeStatusUpdate(statuses.get(w[1]));
        case "send": return d.sendFrameworkMessage(ExecutorID.newBuilder().setValue(w[1]).build(), offer.getSlaveId(), w[2].getBytes());
        case "request": return d.requestResources(Collections.singletonList(Request.newBuilder().addResources(scalar("cpus", 1)).build()));
        case "reconcile": {
            Collection<TaskStatus> list = new ArrayList<>();
            for (int i = 1; i < w.length; i++)
                list.add(TaskStatus.newBuilder().setTaskId(id(w[i])).setState(TaskState.TASK_RUNNING).build());
            return d.reconcileTasks(list);
        }
        case "rename": return d.updateFramework(framework(Collections.singletonMap("name", w[1])).setName(w[1])
            .setFailoverTimeout(Double.parseDouble(w[2])).build(), Collections.<String>emptyList());
        case "null": return d.killTask(null);
        case "nulls": return d.reconcileTasks(Collections.singletonList((TaskStatus) null));
        case "fail": failIn = w[1]; return "ok";
        case "gc": System.gc(); System.runFinalization(); return "ok";
        default: throw new IllegalArgumentException(w[0]);
        }
    }

    private static FrameworkInfo.Builder framework(Map<String, String> o) {
        FrameworkInfo.Builder f = FrameworkInfo.newBuilder().setUser(o.getOrDefault("user", "")).setName(o.getOrDefault("name", "jvm"));
        if (o.containsKey("role"))
            f.setRole(o.get("role"));
        if (o.containsKey("roles"))
            f.addAllRoles(Arrays.asList(o.get("roles").split(","))).addCapabilities(FrameworkInfo.Capability.newBuilder()
                .setType(FrameworkInfo.Capability.Type.MULTI_ROLE));
        if (o.containsKey("id"))
            f.setId(FrameworkID.newBuilder().setValue(o.get("id")));
        if (o.containsKey("failover"))
            f.setFailoverTimeout(Double.parseDouble(o.get("failover")));
        if (o.containsKey("principal"))
            f.setPrincipal(o.get("principal"));
        return f;
    }

    private static MesosSchedulerDriver driver(String master, Map<String, String> o) {
        JvmScheduler s = new JvmScheduler();
        boolean implicit = !o.containsKey("explicit");
        FrameworkInfo f = framework(o).build();
        if (o.containsKey("secret"))
            return new MesosSchedulerDriver(s, f, master, implicit, Credential.newBuilder().setPrincipal(o.get("principal"))
                .setSecret(o.get("secret")).build());
        if (o.containsKey("suppressed"))
            return new MesosSchedulerDriver(s, f, Arrays.asList(o.get("suppressed").split(",")), master, implicit);
        return new MesosSchedulerDriver(s, f, master, implicit);
    }

    public static void main(String[] args) throws Exception {
        Map<String, String> o = new HashMap<>();
        for (int i = 1; i < args.length; i++)
            o.put(args[i].split("=", 2)[0], args[i].split("=", 2)[1]);
        MesosSchedulerDriver d = driver(args[0], o);
        java.lang.reflect.Field field = MesosSchedulerDriver.class.getDeclaredField("scheduler");
        field.setAccessible(true);
        JvmScheduler s = (JvmScheduler) field.get(d);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null;) {
            String[] w = line.split("\t");
            if (w[0].equals("exit"))
                System.exit(Integer.parseInt(w[1]));
            if (w[0].equals("return"))
                return;
            if (w[0].equals("drop")) {
                d = null;
                say("drop", "ok");
                continue;
            }
            try {
                say(w[0], w[0].equals("join") ? d.join() : s.run(d, w)); // join holds no lock
            } catch (RuntimeException e) {
                say(w[0], e.getClass().getSimpleName(), e.getMessage());
            }
        }
    }
}
