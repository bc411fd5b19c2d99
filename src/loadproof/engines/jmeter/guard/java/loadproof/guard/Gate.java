package loadproof.guard;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.ConnectException;
import java.net.IDN;
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
    private static final byte[] MAPPED = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1};
    private static final byte[] TRANSLATED = {0, 0, 0, 0, 0, 0, 0, 0, -1, -1, 0, 0};
    private static final byte[] COMPATIBLE = new byte[12];
    private static final byte[] NAT64 = {0, 0x64, -1, (byte) 0x9b, 0, 0, 0, 0, 0, 0, 0, 0};
    private static final byte[] SITE_NAT64 = {0, 0x64, -1, (byte) 0x9b, 0, 1};
    private static final byte[] SIX_TO_FOUR = {0x20, 0x02};
    private static final byte[] TEREDO = {0x20, 0x01, 0, 0};
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
        byte[] found = unmapped(address.getAddress().getAddress());
        if (within(held.typed, found)) {
            return null;
        }
        for (byte[] form : forms(found)) {
            if (within(held.closed, form)) {
                return "is an address of production";
            }
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

    /** One spelling: lower case, no trailing dot, IDNA. */
    private static String key(String host) {
        String lower = undotted(host.toLowerCase(Locale.ROOT));
        for (int at = 0; at < lower.length(); at++) {
            if (lower.charAt(at) > 127) {
                return ascii(lower);
            }
        }
        return lower;
    }

    private static String ascii(String host) {
        try {
            // Another script's full stop may have been last.
            return undotted(IDN.toASCII(host, IDN.ALLOW_UNASSIGNED).toLowerCase(Locale.ROOT));
        } catch (IllegalArgumentException none) {
            return host;
        }
    }

    private static String undotted(String host) {
        int end = host.length();
        while (end > 0 && host.charAt(end - 1) == '.') {
            end--;
        }
        return host.substring(0, end);
    }

    /** A mapped address (::ffff:127.0.0.1) is the IPv4 one that sockets use. */
    private static byte[] unmapped(byte[] address) {
        return address.length == 16 && begins(address, MAPPED) ? Arrays.copyOfRange(address, 12, 16) : address;
    }

    /**
     * An address, and the IPv4 ones that a translator or a tunnel may take it for: `forms` of
     * loadproof/safety/hosts.py. They say what must not be loaded, never what may be.
     */
    private static List<byte[]> forms(byte[] address) {
        List<byte[]> found = new ArrayList<>();
        found.add(address);
        if (address.length != 16) {
            return found;
        }
        if (begins(address, SITE_NAT64)) {
            // Bits 64 to 71 are no part of it (RFC 6052, 2.2).
            found.add(new byte[] {address[6], address[7], address[9], address[10]});
            found.add(new byte[] {address[7], address[9], address[10], address[11]});
            found.add(Arrays.copyOfRange(address, 9, 13));
            found.add(Arrays.copyOfRange(address, 12, 16));
        } else if (begins(address, NAT64) || begins(address, TRANSLATED) || compatible(address)) {
            found.add(Arrays.copyOfRange(address, 12, 16));
        } else if (begins(address, SIX_TO_FOUR)) {
            found.add(Arrays.copyOfRange(address, 2, 6));
        } else if (begins(address, TEREDO)) {
            byte[] client = Arrays.copyOfRange(address, 12, 16);
            for (int at = 0; at < client.length; at++) {
                client[at] = (byte) ~client[at];
            }
            found.add(client);
        } else if ((address[8] == 0 || address[8] == 2) && address[9] == 0
                && address[10] == 0x5e && address[11] == (byte) 0xfe) {
            found.add(Arrays.copyOfRange(address, 12, 16)); // ISATAP
        }
        return found;
    }

    /** In ::/96, and neither :: nor ::1, which are this machine. */
    private static boolean compatible(byte[] address) {
        boolean here = address[12] == 0 && address[13] == 0 && address[14] == 0 && (address[15] & 0xff) <= 1;
        return begins(address, COMPATIBLE) && !here;
    }

    private static boolean begins(byte[] address, byte[] prefix) {
        return Arrays.equals(Arrays.copyOf(address, prefix.length), prefix);
    }

    /**
     * Answers by the policy of a file, without a connection: each line of the standard input is an address and,
     * behind a space, the name that it was reached under. One line of why for each, empty where it may be. No line
     * learns from those before it.
     */
    public static void main(String[] arguments) throws IOException {
        read(new File(arguments[0]));
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            int space = line.indexOf(' ');
            byte[] address = InetAddress.getByName(line.substring(0, space)).getAddress();
            String name = line.substring(space + 1);
            InetAddress asked = name.isEmpty()
                ? InetAddress.getByAddress(address) : InetAddress.getByAddress(name, address);
            OPENED.clear();
            String why = refuses(new InetSocketAddress(asked, 80));
            System.out.println(why == null ? "" : why);
        }
    }
}
