package shop;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedDeque;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** One endpoint for each thing that a Spring service waits for. */
@SpringBootApplication
@RestController
public class Shop {
    private final JdbcTemplate db;
    private final ConcurrentLinkedDeque<byte[]> kept = new ConcurrentLinkedDeque<>();

    Shop(JdbcTemplate db) {
        this.db = db;
    }

    public static void main(String[] args) {
        SpringApplication.run(Shop.class, args);
    }

    /** A query, and a little to compute. */
    @GetMapping("/")
    long index() {
        Long found = db.queryForObject("SELECT sum(n) FROM generate_series(1, 2000) AS n", Long.class);
        return found == null ? 0 : found + computed(200_000);
    }

    /** Holds a connection of the pool while the database takes its time. */
    @GetMapping("/query")
    String query(@RequestParam(defaultValue = "0.02") double seconds) {
        db.queryForList("SELECT pg_sleep(?)", seconds);
        return "done";
    }

    /** Holds a thread of Tomcat's, as one that waits for another service does. */
    @GetMapping("/wait")
    String await(@RequestParam(defaultValue = "20") long ms) throws InterruptedException {
        Thread.sleep(ms);
        return "done";
    }

    /** Makes garbage beside `keep` MiB that stay: with a small heap the collector is what works. */
    @GetMapping("/memory")
    String memory(@RequestParam(defaultValue = "60") int keep) {
        while (kept.size() < keep) {
            kept.add(new byte[1 << 20]);
        }
        List<byte[]> garbage = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            garbage.add(new byte[10_000]);
        }
        return Integer.toString(garbage.size());
    }

    /** Nothing but processor time. */
    @GetMapping("/compute")
    long compute(@RequestParam(defaultValue = "5000000") int steps) {
        return computed(steps);
    }

    private static long computed(int steps) {
        long sum = 0;
        for (int i = 0; i < steps; i++) {
            sum += i % 7;
        }
        return sum;
    }
}
