// SPDX-License-Identifier: Apache-2.0

import com.mesosphere.mesos.rx.java.AwaitableSubscription;
import com.mesosphere.mesos.rx.java.MesosClient;
import com.mesosphere.mesos.rx.java.SinkOperation;
import com.mesosphere.mesos.rx.java.SinkOperations;
import com.mesosphere.mesos.rx.java.protobuf.ProtobufMesosClientBuilder;
import com.mesosphere.mesos.rx.java.protobuf.SchedulerCalls;
import com.mesosphere.mesos.rx.java.util.UserAgentEntries;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.apache.mesos.v1.Protos.*;
import org.apache.mesos.v1.scheduler.Protos.Call;
import org.apache.mesos.v1.scheduler.Protos.Event;
import rx.Observable;

/** A scheduler on mesos-rxjava: two tasks that end and one that is killed, reconciliation, explicit acknowledgements, and a
 *  teardown. Prints one line per thing that happened. Arguments: URI of the scheduler API, framework id. */
public final class RxScheduler {
    private final FrameworkID id;
    private int launched, ended;

    private RxScheduler(String id) {
        this.id = FrameworkID.newBuilder().setValue(id).build();
    }

    private static void say(String what, Object... words) {
        StringBuilder b = new StringBuilder(what);
        for (Object w : words)
            b.append('\t').append(w);
        System.out.println(b);
    }

    private static Resource scalar(String name, double value, String role) {
        return Resource.newBuilder().setName(name).setType(Value.Type.SCALAR).setRole(role)
            .setScalar(Value.Scalar.newBuilder().setValue(value)).build();
    }

    private TaskInfo task(String name, String command, Offer offer) {
        return TaskInfo.newBuilder().setName(name).setTaskId(TaskID.newBuilder().setValue(name)).setAgentId(offer.getAgentId())
            .setCommand(CommandInfo.newBuilder().setShell(true).setValue(command))
            .addResources(scalar("cpus", 0.1, "*")).addResources(scalar("mem", 32, "*")).build();
    }

    private Call.Builder call(Call.Type type) {
        return Call.newBuilder().setFrameworkId(id).setType(type);
    }

    private List<Call> offers(Event.Offers event) {
        List<Call> calls = new ArrayList<>();
        for (Offer offer : event.getOffersList()) {
            boolean cpus = false;
            for (Resource r : offer.getResourcesList())
                cpus |= r.getName().equals("cpus") && r.getRole().equals("*") && r.getScalar().getValue() >= 0.3;
            say("offer", offer.getHostname(), cpus, offer.getUrl().getPath());
            if (launched > 0 || !cpus) {
                calls.add(SchedulerCalls.decline(id, List.of(offer.getId())));
                continue;
            }
            launched = 3;
            Offer.Operation launch = Offer.Operation.newBuilder().setType(Offer.Operation.Type.LAUNCH)
                .setLaunch(Offer.Operation.Launch.newBuilder().addTaskInfos(task("good", "echo hello", offer))
                    .addTaskInfos(task("bad", "exit 4", offer)).addTaskInfos(task("long", "sleep 1000", offer))).build();
            calls.add(call(Call.Type.ACCEPT).setAccept(Call.Accept.newBuilder().addOfferIds(offer.getId())
                .addOperations(launch).setFilters(Filters.newBuilder().setRefuseSeconds(1))).build());
        }
        return calls;
    }

    private List<Call> update(TaskStatus s) {
        List<Call> calls = new ArrayList<>();
        say("update", s.getTaskId().getValue(), s.getState(), s.getReason(), s.getSource(), s.hasUuid());
        if (s.hasUuid())
            calls.add(SchedulerCalls.ackUpdate(id, s.getUuid(), s.getAgentId(), s.getTaskId()));
        if (s.getTaskId().getValue().equals("long") && s.getState() == TaskState.TASK_RUNNING) {
            if (s.getReason() == TaskStatus.Reason.REASON_RECONCILIATION)
                calls.add(call(Call.Type.KILL).setKill(Call.Kill.newBuilder().setTaskId(s.getTaskId())).build());
            else
                calls.add(call(Call.Type.RECONCILE).setReconcile(Call.Reconcile.newBuilder()
                    .addTasks(Call.Reconcile.Task.newBuilder().setTaskId(s.getTaskId()))).build());
        }
        if (s.hasUuid() && (s.getState() == TaskState.TASK_FINISHED || s.getState() == TaskState.TASK_FAILED
                || s.getState() == TaskState.TASK_KILLED) && ++ended == 3)
            calls.add(call(Call.Type.TEARDOWN).build());
        return calls;
    }

    private List<Call> event(Event e) {
        switch (e.getType()) {
        case SUBSCRIBED:
            say("subscribed", e.getSubscribed().getFrameworkId().getValue(), e.getSubscribed().getHeartbeatIntervalSeconds());
            return List.of();
        case OFFERS:
            return offers(e.getOffers());
        case UPDATE:
            return update(e.getUpdate().getStatus());
        case HEARTBEAT:
            say("heartbeat");
            return List.of();
        default:
            say("event", e.getType());
            return List.of();
        }
    }

    private Observable<Optional<SinkOperation<Call>>> process(Observable<Event> events) {
        /* Calls travel on connections of their own: the end waits until the acknowledgements have arrived. */
        return events.flatMap(e -> Observable.from(event(e)))
            .flatMap(c -> c.getType() == Call.Type.TEARDOWN ? Observable.just(c).delay(1, TimeUnit.SECONDS) : Observable.just(c))
            .map(c -> Optional.of(SinkOperations.create(c, () -> say("sent", c.getType()),
                                                        t -> say("refused", c.getType(), t))));
    }

    public static void main(String[] args) throws Throwable {
        RxScheduler s = new RxScheduler(args[1]);
        FrameworkInfo info = FrameworkInfo.newBuilder().setId(s.id).setUser(System.getProperty("user.name")).setName("rxjava")
            .setFailoverTimeout(0).build();
        MesosClient<Call, Event> client = ProtobufMesosClientBuilder.schedulerUsingProtos().mesosUri(URI.create(args[0]))
            .applicationUserAgentEntry(UserAgentEntries.literal("stoa-interop", "1"))
            .subscribe(SchedulerCalls.subscribe(s.id, info)).processStream(s::process).build();
        AwaitableSubscription stream = client.openStream();
        try {
            stream.await();
            say("closed");
        } catch (Throwable t) {
            say("closed", t.getClass().getSimpleName(), t.getMessage());
        }
        System.exit(0);
    }
}
