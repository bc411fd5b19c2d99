package loadproof.guard;

import java.io.File;
import java.lang.instrument.Instrumentation;
import java.util.jar.JarFile;

/**
 * Holds the target guard inside JMeter's JVM, from before its first class to its end.
 *
 * Every TCP connection of the JVM, whoever asks for it, passes one of a few methods of the JDK; each of them
 * first asks the Gate. A JVM in which that cannot be set up does not start: an open gate would look like a
 * closed one.
 */
public final class Agent {
    static final int NOT_HELD = 97;

    private Agent() {
    }

    /** The options are the policy's file and the jar of ASM that JMeter carries, with a '|' between. */
    public static void premain(String options, Instrumentation instrumentation) {
        try {
            int end = options.indexOf('|');
            String own = Agent.class.getProtectionDomain().getCodeSource().getLocation().toURI().getPath();
            // Classes of the JDK see only what the boot loader sees.
            instrumentation.appendToBootstrapClassLoaderSearch(new JarFile(new File(own)));
            instrumentation.appendToBootstrapClassLoaderSearch(new JarFile(options.substring(end + 1)));
            Gate.read(new File(options.substring(0, end)));
            Weaver.weave(instrumentation);
        } catch (Throwable why) {
            System.err.println("loadproof guard: cannot be held in this JVM: " + why);
            Runtime.getRuntime().halt(NOT_HELD);
        }
    }
}
