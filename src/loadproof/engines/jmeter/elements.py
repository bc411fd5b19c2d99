"""What the classes of plans are: which samplers speak to the network, and which jar brings a plug-in."""

from __future__ import annotations

from typing import Final

HTTP_SAMPLERS: Final = frozenset({"HTTPSamplerProxy", "HTTPSampler", "HTTPSampler2", "AjpSampler"})
NETWORK_SAMPLERS: Final = frozenset({
    "JDBCSampler", "TCPSampler", "FTPSampler", "LDAPSampler", "LDAPExtSampler", "SmtpSampler",
    "MailReaderSampler", "JMSSampler", "PublisherSampler", "SubscriberSampler", "BoltSampler",
    "MongoScriptSampler", "AccessLogSampler", "GraphQLHTTPSampler",
    "OpenWebSocketSampler", "CloseWebSocketSampler", "RequestResponseWebSocketSampler",
    "SingleReadWebSocketSampler", "SingleWriteWebSocketSampler", "PingPongFrameSampler", "WebSocketSampler",
    "HTTP2Sampler", "HTTP2Request", "GRPCSampler", "MQTTPublisherSampler", "ConnectSampler", "PubSampler",
    "SubSampler", "UDPSampler", "HTTPRawSampler", "CassandraSampler", "RedisSampler",
})  # fmt: skip
"""Samplers of requests, whose rows carry no address. By simple class name."""
SILENT_SAMPLERS: Final = frozenset({"DummySampler", "SetVariablesAction", "ParallelSampler"})
"""Of plug-ins, and they send nothing: the last one only stands around others."""
JAVA_CLASSES: Final = frozenset({"JavaSampler", "JUnitSampler"})
"""Samplers of a Java class that the plan names."""
OWN_JAVA_REQUESTS: Final = "org.apache.jmeter.protocol.java.test."
"""Java requests of JMeter itself: they sleep, and send nothing. Those of others are taken for requests."""
SCRIPT_KINDS: Final = frozenset({
    "JSR223Sampler", "JSR223PreProcessor", "JSR223PostProcessor", "JSR223Assertion", "JSR223Timer",
    "JSR223Listener", "BeanShellSampler", "BeanShellPreProcessor", "BeanShellPostProcessor",
    "BeanShellAssertion", "BeanShellTimer", "BeanShellListener", "BSFSampler", "SystemSampler",
})  # fmt: skip
"""Code that cannot be read for where it goes."""
PLUGINS: Final[dict[str, str]] = {
    "com.blazemeter.jmeter.threads.": "jmeter-plugins-casutg (Custom Thread Groups)",
    "kg.apc.jmeter.threads.": "jmeter-plugins-casutg (Custom Thread Groups)",
    "kg.apc.jmeter.timers.VariableThroughputTimer": "jmeter-plugins-tst (Throughput Shaping Timer)",
    "kg.apc.jmeter.samplers.DummySampler": "jmeter-plugins-dummy (Dummy Sampler)",
    "kg.apc.jmeter.control.ParameterizedController": "jmeter-plugins-prmctl (Parameterized Controller)",
    "kg.apc.jmeter.samplers.UDPSampler": "jmeter-plugins-udp (UDP Sampler)",
    "kg.apc.jmeter.samplers.HTTPRawSampler": "jmeter-plugins-httpraw (HTTP Raw Request)",
    "kg.apc.jmeter.perfmon.": "jmeter-plugins-perfmon (PerfMon)",
    "kg.apc.jmeter.reporters.AutoStop": "jmeter-plugins-autostop (AutoStop)",
    "kg.apc.jmeter.vizualizers.": "jmeter-plugins-graphs-basic and its like",
    "kg.apc.jmeter.config.redis.": "jmeter-plugins-redis (Redis Data Set)",
    "com.blazemeter.jmeter.RandomCSVDataSetConfig": "jmeter-plugins-random-csv-data-set",
    "com.atlantbh.jmeter.plugins.jsonutils.": "jmeter-plugins-json (JSON path plug-ins)",
    "com.atlantbh.jmeter.plugins.": "jpgc plug-ins of Atlantbh",
    "eu.luminis.jmeter.wssampler.": "jmeter-websocket-samplers",
    "net.xmeter.": "mqtt-xmeter (MQTT)",
    "vn.zalopay.benchmark.": "jmeter-grpc-request (gRPC)",
    "com.blazemeter.jmeter.http2.": "bzm-http2",
}
"""The jar (and its name in the Plugins Manager) of classes that begin so."""


def plugin_of(kind: str) -> str:
    """The jar that has a class; "" when it is not known."""
    return next((jar for begin, jar in PLUGINS.items() if kind.startswith(begin)), "")
