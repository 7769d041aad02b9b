// SPDX-License-Identifier: Apache-2.0

import java.util.HashMap;
import java.util.Map;
import org.apache.mesos.Executor;
import org.apache.mesos.ExecutorDriver;
import org.apache.mesos.MesosExecutorDriver;
import org.apache.mesos.Protos.*;
import com.google.protobuf.ByteString;

/** An executor on MesosExecutorDriver: its tasks run until they are killed, and one that is named "short" ends at once. Framework
 *  messages come back with a word in front. */
public final class JvmExecutor implements Executor {
    private String what = "";

    private static void update(ExecutorDriver d, TaskID id, TaskState state, String data) {
        d.sendStatusUpdate(TaskStatus.newBuilder().setTaskId(id).setState(state).setData(ByteString.copyFromUtf8(data))
            .setLabels(Labels.newBuilder().addLabels(Label.newBuilder().setKey("from").setValue("jvm"))).build());
    }

    @Override public void registered(ExecutorDriver d, ExecutorInfo e, FrameworkInfo f, SlaveInfo a) {
        what = e.getExecutorId().getValue() + " of " + f.getName() + " on " + a.getHostname();
        System.out.println("registered " + what);
    }

    @Override public void reregistered(ExecutorDriver d, SlaveInfo a) {
        System.out.println("reregistered");
        d.sendFrameworkMessage("reregistered".getBytes());
    }

    @Override public void disconnected(ExecutorDriver d) {
        System.out.println("disconnected");
    }

    @Override public void launchTask(ExecutorDriver d, TaskInfo t) {
        System.out.println("launch " + t.getTaskId().getValue());
        update(d, t.getTaskId(), TaskState.TASK_RUNNING, what);
        if (t.getTaskId().getValue().equals("short"))
            update(d, t.getTaskId(), TaskState.TASK_FINISHED, t.getData().toStringUtf8());
        if (t.getTaskId().getValue().equals("staging"))
            update(d, t.getTaskId(), TaskState.TASK_STAGING, "");
        if (t.getTaskId().getValue().equals("throws"))
            throw new IllegalStateException("as was asked for");
    }

    @Override public void killTask(ExecutorDriver d, TaskID id) {
        System.out.println("kill " + id.getValue());
        update(d, id, TaskState.TASK_KILLED, "killed");
    }

    @Override public void frameworkMessage(ExecutorDriver d, byte[] data) {
        d.sendFrameworkMessage(("echo " + new String(data)).getBytes());
    }

    @Override public void shutdown(ExecutorDriver d) {
        System.out.println("shutdown");
        d.stop();
    }

    @Override public void error(ExecutorDriver d, String message) {
        System.out.println("error " + message);
    }

    public static void main(String[] args) {
        Status s = new MesosExecutorDriver(new JvmExecutor()).run();
        System.out.println("run " + s);
        System.exit(s == Status.DRIVER_STOPPED ? 0 : 7);
    }
}
