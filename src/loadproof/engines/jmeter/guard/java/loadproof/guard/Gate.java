package loadproof.guard;

import java.io.File;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Whether an address may be connected to: the same answers as `Gate` of loadproof/safety/guard.py gives. */
public final class Gate {
    private static final int MOST_TOLD = 100;
    private static final Set<String> TOLD = ConcurrentHashMap.newKeySet();
    private static final Set<InetAddress> OPENED = ConcurrentHashMap.newKeySet();
    private static volatile Policy policy;

    private Gate() {
    }

    private static final class Policy {
        final List<String> production = new ArrayList<>();
        final List<String> targets = new ArrayList<>();
        final List<Network> closed = new ArrayList<>();
        final List<Network> open = new ArrayList<>();
        final List<Network> typed = new ArrayList<>();
        String allowed = "";
    }

    private static final class Network {
        private final byte[] address;
        private final int bits;

        Network(String text) throws IOException {
            int slash = text.indexOf('/');
            // An address that is written in numbers is never looked up.
            address = InetAddress.getByName(text.substring(0, slash)).getAddress();
            bits = Integer.parseInt(text.substring(slash + 1));
        }

        boolean has(byte[] other) {
            if (other.length != address.length) {
                return false;
            }
            for (int bit = 0; bit < bits; bit++) {
                int mask = 0x80 >> (bit % 8);
                if ((other[bit / 8] & mask) != (address[bit / 8] & mask)) {
                    return false;
                }
            }
            return true;
        }
    }

    /** Lines of a word and a value: production, target, allowed (names); closed, open, typed (networks). */
    public static void read(File file) throws IOException {
        Policy read = new Policy();
        for (String line : Files.readAllLines(file.toPath(), StandardCharsets.US_ASCII)) {
            int space = line.indexOf(' ');
            String value = line.substring(space + 1);
            switch (line.substring(0, space)) {
                case "production": read.production.add(value); break;
                case "target": read.targets.add(value); break;
                case "allowed": read.allowed = value; break;
                case "closed": read.closed.add(new Network(value)); break;
                case "open": read.open.add(new Network(value)); break;
                case "typed": read.typed.add(new Network(value)); break;
                default: throw new IOException("unknown line in the policy: " + line);
            }
        }
        policy = read;
    }

    /** Called by the JDK's own methods before they connect. */
    public static void check(SocketAddress to) throws IOException {
        if (!(to instanceof InetSocketAddress)) {
            return;
        }
        InetSocketAddress address = (InetSocketAddress) to;
        String why = refuses(address);
        if (why != null) {
            String said = "loadproof guard: " + address + " " + why;
            if (TOLD.size() < MOST_TOLD && TOLD.add(said)) {
                System.err.println(said);
            }
            throw new ConnectException(said);
        }
    }

    private static String refuses(InetSocketAddress address) {
        Policy held = policy;
        String host = key(address.getHostString());
        if (!host.equals(held.allowed) && named(held.production, host)) {
            return "is production";
        }
        if (address.isUnresolved()) {
            return null;
        }
        byte[] found = plain(address.getAddress().getAddress());
        if (within(held.typed, found)) {
            return null;
        }
        if (within(held.closed, found)) {
            return "is an address of production";
        }
        if (within(held.open, found) || OPENED.contains(address.getAddress())) {
            return null;
        }
        if (named(held.targets, host)) {
            OPENED.add(address.getAddress());
            return null;
        }
        return "is neither local nor listed under targets";
    }

    private static boolean within(List<Network> networks, byte[] address) {
        for (Network network : networks) {
            if (network.has(address)) {
                return true;
            }
        }
        return false;
    }

    private static boolean named(List<String> rules, String host) {
        for (String rule : rules) {
            if (rule.equals(host) || (rule.startsWith("*.") && host.endsWith(rule.substring(1)))) {
                return true;
            }
        }
        return false;
    }

    private static String key(String host) {
        String lower = host.toLowerCase(Locale.ROOT);
        return lower.endsWith(".") ? lower.substring(0, lower.length() - 1) : lower;
    }

    /** An IPv4 address that is written inside an IPv6 one (6to4, NAT64) as itself. */
    private static byte[] plain(byte[] address) {
        if (address.length != 16) {
            return address;
        }
        if (address[0] == 0x20 && address[1] == 0x02) {
            return Arrays.copyOfRange(address, 2, 6);
        }
        byte[] translated = {0, 0x64, (byte) 0xff, (byte) 0x9b, 0, 0, 0, 0, 0, 0, 0, 0};
        return Arrays.equals(translated, Arrays.copyOf(address, 12)) ? Arrays.copyOfRange(address, 12, 16) : address;
    }
}
