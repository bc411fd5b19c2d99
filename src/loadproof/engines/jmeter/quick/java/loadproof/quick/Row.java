package loadproof.quick;

import java.io.IOException;
import java.io.Writer;
import org.apache.jmeter.assertions.AssertionResult;
import org.apache.jmeter.samplers.SampleEvent;
import org.apache.jmeter.samplers.SampleResult;
import org.apache.jmeter.samplers.SampleSaveConfiguration;

/**
 * Writes a sample as JMeter's own SaveService does, for the columns that Loadproof asks for.
 *
 * JMeter makes an XppDriver and a writer for each row and flushes it: that was a sixth of what a request cost it.
 * What is asked for beyond these columns, and samples of classes that others made, are left to JMeter.
 */
public final class Row {
    private static final String HTTP = "org.apache.jmeter.protocol.http.sampler.HTTPSampleResult";
    private static final int KEPT = 1 << 16;
    /** An older JMeter lacks something that is asked for here: it writes all of its rows itself. */
    private static boolean lacking;
    private static StringBuilder text = new StringBuilder(1024);

    private Row() {
    }

    /** Called first thing by SaveService.saveSampleResult, which is synchronized; false: JMeter is to write it. */
    public static boolean write(SampleEvent event, Writer writer) throws IOException {
        if (lacking) {
            return false;
        }
        text.setLength(0);
        try {
            if (!made(event)) {
                return false;
            }
        } catch (LinkageError why) {
            lacking = true;
            return false;
        }
        writer.write(text.toString());
        Flusher.wrote(writer);
        if (text.capacity() > KEPT) {
            text = new StringBuilder(1024);
        }
        return true;
    }

    private static boolean made(SampleEvent event) {
        SampleResult result = event.getResult();
        SampleSaveConfiguration wanted = result.getSaveConfig();
        return wanted != null && SampleEvent.getVarCount() == 0 && plain(wanted) && add(result);
    }

    private static boolean plain(SampleSaveConfiguration wanted) {
        return wanted.saveTime() && wanted.saveIdleTime() && wanted.saveTimestamp() && wanted.saveSuccess()
            && wanted.saveLabel() && wanted.saveCode() && wanted.saveMessage() && wanted.saveThreadName()
            && wanted.saveBytes() && wanted.saveSentBytes() && wanted.saveUrl() && wanted.saveAssertions()
            && wanted.saveSubresults() && !wanted.saveLatency() && !wanted.saveConnectTime()
            && !wanted.saveDataType() && !wanted.saveEncoding() && !wanted.saveThreadCounts()
            && !wanted.saveSampleCount() && !wanted.saveHostname() && !wanted.saveFileName()
            && !wanted.saveResponseHeaders() && !wanted.saveRequestHeaders() && !wanted.saveSamplerData();
    }

    private static boolean add(SampleResult result) {
        boolean http = HTTP.equals(result.getClass().getName());
        SampleSaveConfiguration wanted = result.getSaveConfig();
        if (!http && result.getClass() != SampleResult.class
                || wanted != null && (wanted.saveResponseData(result) || wanted.saveSamplerData(result))) {
            return false;
        }
        String tag = http ? "httpSample" : "sample";
        text.append('<').append(tag).append(" t=\"").append(result.getTime())
            .append("\" it=\"").append(result.getIdleTime()).append("\" ts=\"").append(result.getTimeStamp())
            .append("\" s=\"").append(result.isSuccessful());
        attribute("lb", result.getSampleLabel());
        attribute("rc", result.getResponseCode());
        attribute("rm", result.getResponseMessage());
        attribute("tn", result.getThreadName());
        text.append("\" by=\"").append(result.getBytesAsLong())
            .append("\" sby=\"").append(result.getSentBytes()).append("\">\n");
        for (AssertionResult assertion : result.getAssertionResults()) {
            text.append("<assertionResult><name>");
            escaped(assertion.getName());
            text.append("</name><failure>").append(assertion.isFailure())
                .append("</failure><error>").append(assertion.isError()).append("</error>");
            if (assertion.isFailure() || assertion.isError()) {
                text.append("<failureMessage>");
                escaped(assertion.getFailureMessage());
                text.append("</failureMessage>");
            }
            text.append("</assertionResult>\n");
        }
        for (SampleResult part : result.getSubResults()) {
            if (!add(part)) {
                return false;
            }
        }
        if (result.getURL() != null) {
            text.append("<java.net.URL>");
            escaped(result.getURL().toExternalForm());
            text.append("</java.net.URL>");
        }
        text.append("</").append(tag).append(">\n");
        return true;
    }

    private static void attribute(String name, String value) {
        text.append("\" ").append(name).append("=\"");
        escaped(value);
    }

    private static void escaped(String value) {
        if (value == null) {
            return;
        }
        for (int at = 0; at < value.length(); at++) {
            char c = value.charAt(at);
            switch (c) {
                case '&': text.append("&amp;"); break;
                case '<': text.append("&lt;"); break;
                case '>': text.append("&gt;"); break;
                case '"': text.append("&quot;"); break;
                default:
                    // What XML 1.0 does not have is written as JMeter writes it; the reader knows of it.
                    if (c < ' ' || c >= '\uFFFE') {
                        text.append("&#x").append(Integer.toHexString(c)).append(';');
                    } else {
                        text.append(c);
                    }
            }
        }
    }
}
