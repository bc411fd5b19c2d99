package loadproof.guard;

import java.lang.instrument.ClassFileTransformer;
import java.lang.instrument.Instrumentation;
import java.security.ProtectionDomain;
import java.util.ArrayList;
import java.util.List;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/** Puts a call of the Gate in front of the JDK's methods that connect. */
public final class Weaver implements ClassFileTransformer {
    private static final String[] CLASSES = {
        "java.net.Socket", "sun.nio.ch.SocketChannelImpl", "sun.nio.ch.AsynchronousSocketChannelImpl",
    };
    private static final String TAKES_ADDRESS = "(Ljava/net/SocketAddress;";
    /** The class file version of Java 8: an ASM that is older than this JVM refuses a newer number. */
    static final int KNOWN_VERSION = 52;
    private int woven;
    private Throwable failed;

    public static void weave(Instrumentation instrumentation) throws Exception {
        Weaver weaver = new Weaver();
        List<Class<?>> found = new ArrayList<>();
        for (String name : CLASSES) {
            found.add(Class.forName(name, false, null));
        }
        instrumentation.addTransformer(weaver, true);
        instrumentation.retransformClasses(found.toArray(new Class<?>[0]));
        if (weaver.failed != null || weaver.woven < CLASSES.length) {
            throw new IllegalStateException("only " + weaver.woven + " ways out are held: " + weaver.failed);
        }
    }

    @Override
    public byte[] transform(ClassLoader loader, String name, Class<?> again, ProtectionDomain domain, byte[] code) {
        if (again == null) {
            return Quickener.SAVES.equals(name) ? Quickener.quickened(loader, code) : null;
        }
        for (String held : CLASSES) {
            if (again.getName().equals(held)) {
                try {
                    return woven(code);
                } catch (Throwable why) {
                    failed = why;
                    return null;
                }
            }
        }
        return null;
    }

    /** The newest ASM API of this ASM: it must know what it meets in classes, such as nests and records. */
    static int newest() throws IllegalAccessException {
        for (String name : new String[] {"ASM9", "ASM8", "ASM7", "ASM6"}) {
            try {
                return Opcodes.class.getField(name).getInt(null);
            } catch (NoSuchFieldException older) {
                continue;
            }
        }
        return Opcodes.ASM5;
    }

    private byte[] woven(byte[] original) throws IllegalAccessException {
        byte[] code = original.clone();
        byte high = code[6];
        byte low = code[7];
        code[6] = 0;
        code[7] = KNOWN_VERSION;
        ClassReader reader = new ClassReader(code);
        // Not made from the reader: a writer that knows it copies the methods as they were.
        ClassWriter writer = new ClassWriter(ClassWriter.COMPUTE_MAXS);
        final boolean[] here = {false};
        reader.accept(new ClassVisitor(newest(), writer) {
            @Override
            public MethodVisitor visitMethod(int access, String name, String type, String generic, String[] raises) {
                MethodVisitor method = cv.visitMethod(access, name, type, generic, raises);
                boolean connects = name.equals("connect") || name.equals("blockingConnect");
                if (!connects || !type.startsWith(TAKES_ADDRESS) || (access & Opcodes.ACC_ABSTRACT) != 0) {
                    return method;
                }
                here[0] = true;
                method.visitVarInsn(Opcodes.ALOAD, 1);
                method.visitMethodInsn(Opcodes.INVOKESTATIC, "loadproof/guard/Gate", "check",
                        "(Ljava/net/SocketAddress;)V", false);
                return method;
            }
        }, 0);
        byte[] result = writer.toByteArray();
        result[6] = high;
        result[7] = low;
        woven += here[0] ? 1 : 0;
        return result;
    }
}
