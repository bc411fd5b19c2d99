package loadproof.quick;

import java.io.IOException;
import java.io.Writer;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Flushes what was written, within a few milliseconds: a system call for each row costs more than the row. */
final class Flusher extends Thread {
    private static final long EVERY_MS = 10;
    /** Until the next try after one that failed: the JVM prints a warning for each. */
    private static final long AGAIN_NS = 1_000_000_000;
    private static final Set<Writer> WRITTEN = ConcurrentHashMap.newKeySet();
    private static volatile boolean started;
    private static boolean failed;
    private static long failedNs;

    private Flusher() {
        super("loadproof rows");
        setDaemon(true);
    }

    /** The caller holds the lock of SaveService's class. */
    static void wrote(Writer writer) throws IOException {
        WRITTEN.add(writer);
        if (!started && !begin()) {
            writer.flush();
        }
    }

    /** False where there is no thread for it: then each row is flushed alone, and no user ends for it. */
    private static synchronized boolean begin() {
        if (failed && System.nanoTime() - failedNs < AGAIN_NS) {
            return false;
        }
        try {
            new Flusher().start();
            started = true;
            failed = false;
        } catch (Throwable none) {
            failed = true;
            failedNs = System.nanoTime();
        }
        return started;
    }

    @Override
    public void run() {
        try {
            while (true) {
                Thread.sleep(EVERY_MS);
                for (Writer writer : WRITTEN) {
                    // Removed first: what is written from now on adds it again.
                    WRITTEN.remove(writer);
                    flush(writer);
                }
            }
        } catch (InterruptedException end) {
            return;
        } finally {
            // The next row starts another one; whoever starts one holds the lock until it is known as started.
            synchronized (Flusher.class) {
                started = false;
            }
        }
    }

    private static void flush(Writer writer) {
        try {
            writer.flush();
        } catch (IOException gone) {
            return; // JMeter meets it when it writes or closes; the others are still flushed
        }
    }
}
