import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryType;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;

/** A service on the JVM: `java Service PORT WAY`; ways are plain, memory (2 KiB of each request) and threads (one of each fiftieth). */
public class Service {
    static final List<byte[]> KEPT = new ArrayList<>();
    static final AtomicLong REQUESTS = new AtomicLong();
    static volatile Object sink;

    static void answer(HttpExchange exchange, String text) {
        try (exchange) {
            byte[] body = text.getBytes();
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
        } catch (java.io.IOException ended) {
            // The client has gone.
        }
    }

    static String gauge(String name, String labels, double value) {
        return name + labels + " " + value + "\n";
    }

    static String metrics() {
        var heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage();
        var page = new StringBuilder("# TYPE jvm_memory_used_bytes gauge\n");
        page.append(gauge("jvm_memory_used_bytes", "{area=\"heap\"}", heap.getUsed()));
        page.append("# TYPE jvm_memory_max_bytes gauge\n");
        page.append(gauge("jvm_memory_max_bytes", "{area=\"heap\"}", heap.getMax()));
        page.append("# TYPE jvm_memory_pool_used_bytes gauge\n");
        for (var pool : ManagementFactory.getMemoryPoolMXBeans()) {
            if (pool.getType() == MemoryType.HEAP) {
                page.append(gauge("jvm_memory_pool_used_bytes", "{pool=\"" + pool.getName() + "\"}", pool.getUsage().getUsed()));
            }
        }
        page.append("# TYPE jvm_memory_pool_collection_used_bytes gauge\n");
        for (var pool : ManagementFactory.getMemoryPoolMXBeans()) {
            if (pool.getType() == MemoryType.HEAP && pool.getCollectionUsage() != null) {
                page.append(gauge("jvm_memory_pool_collection_used_bytes", "{pool=\"" + pool.getName() + "\"}", pool.getCollectionUsage().getUsed()));
            }
        }
        page.append("# TYPE jvm_gc_collection_seconds summary\n");
        for (var collector : ManagementFactory.getGarbageCollectorMXBeans()) {
            String labels = "{gc=\"" + collector.getName() + "\"}";
            page.append(gauge("jvm_gc_collection_seconds_count", labels, collector.getCollectionCount()));
            page.append(gauge("jvm_gc_collection_seconds_sum", labels, collector.getCollectionTime() / 1000.0));
        }
        page.append("# TYPE jvm_threads_current gauge\n");
        page.append(gauge("jvm_threads_current", "", Thread.activeCount()));
        return page.toString();
    }

    public static void main(String[] given) throws Exception {
        String way = given[1];
        var server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(given[0])), 128);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.createContext("/", exchange -> {
            long number = REQUESTS.incrementAndGet();
            for (int bytes = 0; bytes < 200_000; bytes += 1024) {
                sink = new byte[1008];
            }
            if (way.equals("memory")) {
                synchronized (KEPT) {
                    KEPT.add(new byte[2048]);
                }
            }
            if (way.equals("threads") && number % 50 == 0) {
                var waits = new Thread(() -> {
                    try {
                        Thread.sleep(Long.MAX_VALUE);
                    } catch (InterruptedException ended) {
                        Thread.currentThread().interrupt();
                    }
                });
                waits.setDaemon(true);
                waits.start();
            }
            answer(exchange, "ok");
        });
        server.createContext("/metrics", exchange -> answer(exchange, metrics()));
        server.start();
    }
}
