// SPDX-License-Identifier: Apache-2.0

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.api.java.function.Function2;

/** Pi by darts, on as many partitions as the argument says; prints it, and on how many different processes they were thrown. */
public final class SparkPi {
    private static final int DARTS = 200000;

    static final class Throw implements Function<Integer, Long> {
        @Override public Long call(Integer seed) throws Exception {
            java.util.Random r = new java.util.Random(seed);
            long hits = 0;
            for (int i = 0; i < DARTS; i++) {
                double x = r.nextDouble(), y = r.nextDouble();
                if (x * x + y * y <= 1)
                    hits++;
            }
            Thread.sleep(20);
            return hits;
        }
    }

    static final class Where implements Function<Integer, Long> {
        @Override public Long call(Integer seed) throws Exception {
            Thread.sleep(20);
            return ProcessHandle.current().pid();
        }
    }

    static final class Sum implements Function2<Long, Long, Long> {
        @Override public Long call(Long a, Long b) {
            return a + b;
        }
    }

    public static void main(String[] args) {
        int parts = Integer.parseInt(args[0]);
        JavaSparkContext spark = new JavaSparkContext(new SparkConf());
        List<Integer> seeds = new ArrayList<>();
        for (int i = 0; i < parts; i++)
            seeds.add(i);
        double pi = 4.0 * spark.parallelize(seeds, parts).map(new Throw()).reduce(new Sum()) / ((double) DARTS * parts);
        long processes = spark.parallelize(seeds, parts).map(new Where()).distinct().count();
        System.out.println("pi " + pi);
        System.out.println("processes " + processes);
        System.out.println("application " + spark.sc().applicationId());
        spark.stop();
    }
}
