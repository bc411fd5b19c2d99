package loadproof.quick;

import java.io.IOException;
import java.io.Writer;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Flushes what was written, within a few milliseconds: a system call for each row costs more than the row. */
final class Flusher extends Thread {
    private static final long EVERY_MS = 10;
    private static final Set<Writer> WRITTEN = ConcurrentHashMap.newKeySet();
    private static boolean started;

    private Flusher() {
        super("loadproof rows");
        setDaemon(true);
    }

    /** The caller holds the lock of SaveService's class. */
    static void wrote(Writer writer) {
        WRITTEN.add(writer);
        if (!started) {
            started = true;
            new Flusher().start();
        }
    }

    @Override
    public void run() {
        while (true) {
            try {
                Thread.sleep(EVERY_MS);
                for (Writer writer : WRITTEN) {
                    // Removed first: what is written from now on adds it again.
                    WRITTEN.remove(writer);
                    writer.flush();
                }
            } catch (InterruptedException | IOException gone) {
                return;
            }
        }
    }
}
