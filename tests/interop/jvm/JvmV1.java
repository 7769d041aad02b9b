// SPDX-License-Identifier: Apache-2.0

import org.apache.mesos.v1.Protos.*;
import org.apache.mesos.v1.scheduler.Mesos;
import org.apache.mesos.v1.scheduler.Protos.Call;
import org.apache.mesos.v1.scheduler.Protos.Event;
import org.apache.mesos.v1.scheduler.Scheduler;
import org.apache.mesos.v1.scheduler.V0Mesos;
import org.apache.mesos.v1.scheduler.V1Mesos;

/** A scheduler on V1Mesos or V0Mesos: subscribes (V1: reconnects once and subscribes again), runs a task, tears down. Prints what
 *  it is told. Arguments: V1 or V0, master, name. */
public final class JvmV1 implements Scheduler {
    private final FrameworkInfo.Builder framework;
    private final java.util.concurrent.CountDownLatch finished = new java.util.concurrent.CountDownLatch(1);
    private boolean again, launched;

    private JvmV1(String name, boolean again) {
        framework = FrameworkInfo.newBuilder().setUser(System.getProperty("user.name")).setName(name).setFailoverTimeout(60);
        this.again = again;
    }

    private static synchronized void say(Object... words) {
        StringBuilder b = new StringBuilder();
        for (Object w : words)
            b.append(b.length() == 0 ? "" : "\t").append(w);
        System.out.println(b);
    }

    private Call.Builder call(Call.Type type) {
        Call.Builder c = Call.newBuilder().setType(type);
        if (framework.hasId())
            c.setFrameworkId(framework.getId());
        return c;
    }

    @Override public void connected(Mesos m) {
        say("connected");
        m.send(call(Call.Type.SUBSCRIBE).setSubscribe(Call.Subscribe.newBuilder().setFrameworkInfo(framework)).build());
    }

    @Override public void disconnected(Mesos m) {
        say("disconnected");
        launched = false;
    }

    private static Resource scalar(String name, double value) {
        return Resource.newBuilder().setName(name).setType(Value.Type.SCALAR).setScalar(Value.Scalar.newBuilder().setValue(value)).build();
    }

    private void offers(Mesos m, Event.Offers offers) {
        for (Offer o : offers.getOffersList()) {
            if (launched || again)
                continue;
            launched = true;
            TaskInfo t = TaskInfo.newBuilder().setName("t").setTaskId(TaskID.newBuilder().setValue("t")).setAgentId(o.getAgentId())
                .addResources(scalar("cpus", 0.1)).addResources(scalar("mem", 32)).setCommand(CommandInfo.newBuilder().setValue("exit 0")).build();
            m.send(call(Call.Type.ACCEPT).setAccept(Call.Accept.newBuilder().addOfferIds(o.getId()).addOperations(Offer.Operation.newBuilder()
                .setType(Offer.Operation.Type.LAUNCH).setLaunch(Offer.Operation.Launch.newBuilder().addTaskInfos(t)))).build());
        }
    }

    @Override public void received(Mesos m, Event e) {
        switch (e.getType()) {
        case SUBSCRIBED:
            say("subscribed", e.getSubscribed().getFrameworkId().getValue());
            framework.setId(e.getSubscribed().getFrameworkId());
            if (again)
                m.reconnect();
            again = false;
            break;
        case OFFERS:
            offers(m, e.getOffers());
            break;
        case UPDATE: {
            TaskStatus s = e.getUpdate().getStatus();
            say("update", s.getTaskId().getValue(), s.getState());
            m.send(call(Call.Type.ACKNOWLEDGE).setAcknowledge(Call.Acknowledge.newBuilder().setAgentId(s.getAgentId())
                .setTaskId(s.getTaskId()).setUuid(s.getUuid())).build());
            if (s.getState() == TaskState.TASK_FINISHED)
                finished.countDown();
            break;
        }
        case ERROR:
            say("error", e.getError().getMessage());
            System.exit(4);
        default:
            say("event", e.getType());
        }
    }

    public static void main(String[] args) throws Exception {
        JvmV1 s = new JvmV1(args[2], args[0].equals("V1"));
        Mesos m = args[0].equals("V1") ? new V1Mesos(s, args[1]) : new V0Mesos(s, s.framework.build(), args[1]);
        if (!s.finished.await(60, java.util.concurrent.TimeUnit.SECONDS))
            System.exit(5);
        m.send(s.call(Call.Type.TEARDOWN).build());
        System.exit(0); // it is sent all the same
    }
}
