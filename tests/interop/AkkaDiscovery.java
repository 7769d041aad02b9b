// SPDX-License-Identifier: Apache-2.0

import akka.actor.ActorSystem;
import akka.discovery.Discovery;
import akka.discovery.Lookup;
import akka.discovery.ServiceDiscovery;
import com.typesafe.config.ConfigFactory;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Looks names up with Akka's discovery by the API of Marathon and prints a line for each: "found", name, port's name, then the addresses.
 *  Arguments: marathon's host:port, then pairs of name and port's name. */
public final class AkkaDiscovery {
    public static void main(String[] args) throws Exception {
        ActorSystem system = ActorSystem.create("test", ConfigFactory
            .parseString("akka.discovery.method = marathon-api\nakka.discovery.marathon-api.app-api-url = \"http://" + args[0] + "/v2/apps\"")
            .withFallback(ConfigFactory.load()));
        ServiceDiscovery discovery = Discovery.get(system).discovery();
        for (int i = 1; i < args.length; i += 2) {
            StringBuilder line = new StringBuilder("found " + args[i] + " " + args[i + 1]);
            ServiceDiscovery.Resolved r = discovery.lookup(Lookup.create(args[i]).withPortName(args[i + 1]), Duration.ofSeconds(20))
                .toCompletableFuture().get(30, TimeUnit.SECONDS);
            for (ServiceDiscovery.ResolvedTarget t : r.getAddresses())
                line.append(' ').append(t.host()).append(':').append(t.getPort().get());
            System.out.println(line);
        }
        System.exit(0);
    }
}
